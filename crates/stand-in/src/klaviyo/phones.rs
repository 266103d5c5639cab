//! Phone numbers that nobody can have.
//!
//! The consent guide asks for "a valid (real) number":
//! <https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api>

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde_json::Value;

use super::account::Account;
use super::profile_schema::IDENTIFIERS;
use super::refusal::Refusal;
use crate::json::at;

/// The name of the attribute, as the header of a partial failure names it.
const PHONE_NUMBER: &str = "phone_number";

/// Whether a text is the number of a line that there could be, in E.164 format.
fn is_possible(text: &str) -> bool {
    let Ok(number) = PHONE_NUMBER_UTIL.parse(text, None) else {
        return false;
    };
    PHONE_NUMBER_UTIL.is_valid_number(&number)
        && PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164) == text
}

/// Checks the phone number of a profile whose pointer this is; none is fine.
pub(super) fn check_phone(phone_number: &Value, pointer: &str) -> Result<(), Refusal> {
    match phone_number.as_str() {
        Some(text) if !is_possible(text) => Err(impossible_phone(pointer)),
        _ => Ok(()),
    }
}

/// Returns the refusal of the phone number of a profile whose pointer this is.
pub(super) fn impossible_phone(pointer: &str) -> Refusal {
    Refusal::invalid(
        "Invalid phone number format (Example of a valid format: +12345678901)",
        format!("{pointer}/attributes/{PHONE_NUMBER}"),
    )
}

/// Removes an impossible phone number beside another identifier from a single import or an event,
/// and returns the name of the attribute that was left out. Without another identifier the profile
/// is refused.
pub(super) fn without_impossible_phone(
    account: &Account,
    profile: &mut Value,
    pointer: &str,
) -> Result<Option<&'static str>, Refusal> {
    let phone_number = at(profile, "/attributes/phone_number");
    if account.mishap.leave_phones_out && phone_number.is_string() {
        return Ok(remove_phone(profile));
    }
    let Err(refusal) = check_phone(phone_number, pointer) else {
        return Ok(None);
    };
    if account.switches.refuse_bad_phones {
        return Err(refusal);
    }
    remove_phone(profile).map(Some).ok_or(refusal)
}

/// Removes the phone number beside another identifier, and returns the name of the attribute.
pub(super) fn remove_phone(profile: &mut Value) -> Option<&'static str> {
    let mut is_identified = at(profile, "/id").is_string();
    for name in IDENTIFIERS {
        let identifier = at(profile, &format!("/attributes/{name}"));
        is_identified |= name != PHONE_NUMBER && identifier.is_string();
    }
    match profile.pointer_mut("/attributes") {
        Some(Value::Object(attributes)) if is_identified => {
            attributes.remove(PHONE_NUMBER);
            Some(PHONE_NUMBER)
        }
        _ => None,
    }
}
