//! Requests to delete a profile:
//! <https://developers.klaviyo.com/en/reference/request_profile_deletion>

use serde_json::Value;

use super::account::Account;
use super::refusal::Refusal;
use super::schema::{Schema, nullable, required};
use super::text_rules::{any, email, phone_number};
use crate::json::at;
use crate::response::JsonResponse;

/// The body that requests the deletion of a profile.
pub(super) const DELETION_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required("type", Schema::Constant("data-privacy-deletion-job")),
        required(
            "attributes",
            Schema::Object(&[required(
                "profile",
                Schema::Object(&[required(
                    "data",
                    Schema::Object(&[
                        required("type", Schema::Constant("profile")),
                        nullable("id", Schema::Text(any)),
                        required(
                            "attributes",
                            Schema::Object(&[
                                nullable("email", Schema::Text(email)),
                                nullable("phone_number", Schema::Text(phone_number)),
                            ]),
                        ),
                    ]),
                )]),
            )]),
        ),
    ]),
)]);

/// Records the request. The profile stays, as deletion is asynchronous.
pub(super) fn request_deletion(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let profile = at(body, "/data/attributes/profile/data");
    let mut identifiers = Vec::new();
    for (name, value) in [
        ("id", at(profile, "/id")),
        ("email", at(profile, "/attributes/email")),
        ("phone_number", at(profile, "/attributes/phone_number")),
    ] {
        if let Some(value) = value.as_str() {
            identifiers.push((name.to_owned(), value.to_owned()));
        }
    }
    // "If multiple identifiers are provided, we will return an error."
    match identifiers.pop() {
        Some(identifier) if identifiers.is_empty() => account.deletions.push(identifier),
        _ => {
            let pointer = "/data/attributes/profile/data";
            return Err(Refusal::invalid("Exactly one identifier is required", pointer).into());
        }
    }
    Ok(JsonResponse::empty(202))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{post, profile};
    use super::*;

    #[test]
    fn a_deletion_names_one_identifier() {
        let mut account = Account::default();
        for (id, attributes, status) in [
            (json!("0"), json!({}), 202),
            (Value::Null, json!({"email": "s@klaviyo-demo.com"}), 202),
            (Value::Null, json!({}), 400),
            (json!("0"), json!({"email": "s@klaviyo-demo.com"}), 400),
            (Value::Null, json!({"external_id": "usr_1"}), 400),
        ] {
            let mut profile = profile(attributes);
            profile["id"] = id;
            let body = json!({"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": profile}}}});
            let answer = post(&mut account, "/api/data-privacy-deletion-jobs", body);
            assert_eq!(answer.status, status, "{profile}");
        }
        assert_eq!(account.deletions.len(), 2);
    }
}
