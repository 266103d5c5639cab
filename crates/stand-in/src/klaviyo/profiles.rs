//! Profiles: <https://developers.klaviyo.com/en/reference/create_or_update_profile>,
//! <https://developers.klaviyo.com/en/reference/bulk_import_profiles>

use std::collections::HashSet;

use serde_json::{Value, json};

use super::account::Account;
use super::import_jobs::{self, ImportError, ImportJob};
use super::lists::check_list;
use super::mishap::ImportFailure;
use super::nulls::{refuse_nulls, without_nulls};
use super::phones::{check_phone, impossible_phone, without_impossible_phone};
use super::profile_schema::PROFILE;
use super::profile_values::check_values;
use super::refusal::{Refusal, into_result};
use super::schema::{Schema, optional, required};
use super::text_rules::any;
use crate::clock;
use crate::json::{array, at, object, optional_array, optional_text};
use crate::response::JsonResponse;

/// The most profiles of an import job.
const MAX_PROFILES: usize = 10_000;

/// The JSON pointer to the items of a job.
const ITEMS: &str = "/data/attributes/profiles/data";

/// The JSON pointer to the lists of a job.
const LISTS: &str = "/data/relationships/lists/data";

/// The body that creates or updates one profile.
pub(super) const PROFILE_BODY: Schema = Schema::Object(&[required("data", PROFILE)]);

const LIST_REFERENCE: Schema = Schema::Object(&[
    required("type", Schema::Constant("list")),
    required("id", Schema::Text(any)),
]);

/// The body that creates or updates many profiles.
pub(super) const JOB_BODY: Schema = Schema::Object(&[required(
    "data",
    Schema::Object(&[
        required("type", Schema::Constant("profile-bulk-import-job")),
        required(
            "attributes",
            Schema::Object(&[required(
                "profiles",
                Schema::Object(&[required("data", Schema::Array(&PROFILE, 1, MAX_PROFILES))]),
            )]),
        ),
        optional(
            "relationships",
            Schema::Object(&[optional(
                "lists",
                Schema::Object(&[optional(
                    "data",
                    Schema::Array(&LIST_REFERENCE, 0, usize::MAX),
                )]),
            )]),
        ),
    ]),
)]);

/// Creates or updates one profile.
pub(super) fn import_profile(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let mut profile = at(body, "/data").clone();
    let left_out = without_impossible_phone(account, &mut profile, "/data")?;
    let mut refusals = Vec::new();
    check_values(&account.switches, &profile, "/data", &mut refusals);
    into_result(refusals)?;
    let found = find_one(account, &profile, "/data")?;
    let status = if found.is_none() { 201 } else { 200 };
    let index = account.upsert(found, object(at(&profile, "/attributes")));
    account.patch(index, at(&profile, "/meta"));
    let resource = json!({"type": "profile", "id": index.to_string()});
    let answer = JsonResponse::new(status, json!({ "data": resource }));
    Ok(answer.with_partial_failure(left_out))
}

/// Creates or updates the profiles of a job. What can be seen in the request refuses all of it; what
/// is found out later is an error of the job and costs that profile.
pub(super) fn import_profiles(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let profiles = array(at(body, ITEMS));
    let mut lists = Vec::new();
    for (index, list) in optional_array(at(body, LISTS)).iter().enumerate() {
        let list_id = optional_text(at(list, "/id")).unwrap_or_default();
        check_list(account, &list_id, format!("{LISTS}/{index}/id"))?;
        lists.push(list_id);
    }
    check_items(account, profiles)?;
    let mut job = ImportJob {
        created_at: clock::now(),
        total: profiles.len(),
        lists,
        profiles: Vec::new(),
        errors: Vec::new(),
    };
    let count = account.mishap.fail_imports;
    let failing = account.random.choose(count, profiles.len());
    for (index, profile) in profiles.iter().enumerate() {
        let pointer = format!("{ITEMS}/{index}");
        let imported = if failing.contains(&index) {
            Err(failure(account, profile, &pointer))
        } else {
            import_item(account, profile, &pointer)
        };
        match imported {
            Ok(imported) => {
                for list_id in &job.lists {
                    account.join(list_id, imported);
                }
                job.profiles.push(imported);
            }
            Err(refusal) => job.errors.push(ImportError::new(refusal, profile)),
        }
    }
    let answer = import_jobs::created(account, account.import_jobs.len(), &job);
    account.import_jobs.push(job);
    Ok(answer)
}

/// Checks that a job has each profile once.
fn check_items(account: &Account, profiles: &[Value]) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut keys = HashSet::new();
    for (index, profile) in profiles.iter().enumerate() {
        let pointer = format!("{ITEMS}/{index}");
        if account.switches.refuse_bulk_nulls {
            refuse_nulls(profile, &pointer, &mut refusals);
        }
        check_values(&account.switches, profile, &pointer, &mut refusals);
        if !keys.insert(account.profile_key(profile)) {
            let detail = "The same profile twice in one job";
            refusals.push(Refusal::new(400, "duplicate", detail, pointer));
        }
    }
    into_result(refusals)
}

/// Creates or updates one profile of a job.
fn import_item(account: &mut Account, profile: &Value, pointer: &str) -> Result<usize, Refusal> {
    check_phone(at(profile, "/attributes/phone_number"), pointer)?;
    let attributes = without_nulls(object(at(profile, "/attributes")));
    let found = find_one(account, profile, pointer)?;
    let index = account.upsert(found, &attributes);
    account.patch(index, at(profile, "/meta"));
    Ok(index)
}

/// Returns the refusal of a profile by a mishap.
fn failure(account: &Account, profile: &Value, pointer: &str) -> Refusal {
    let has_phone = !at(profile, "/attributes/phone_number").is_null();
    match account.mishap.import_failure {
        ImportFailure::Phone if has_phone => impossible_phone(pointer),
        ImportFailure::Phone | ImportFailure::Conflict => Refusal::duplicate_profile(0, pointer),
    }
}

/// Finds the one profile that a resource names. Identifiers of two profiles are a conflict.
fn find_one(account: &Account, profile: &Value, pointer: &str) -> Result<Option<usize>, Refusal> {
    let found = account.find(profile, pointer)?;
    if let [_, .., last] = found.as_slice() {
        return Err(Refusal::duplicate_profile(*last, pointer));
    }
    let Some(index) = found.first().copied() else {
        return Ok(None);
    };
    if account.switches.refuse_new_emails && at(profile, "/id").is_null() {
        let held = account.text(Some(index), "email");
        let given = optional_text(at(profile, "/attributes/email"));
        if let (Some(held), Some(given)) = (held, given)
            && !held.eq_ignore_ascii_case(&given)
        {
            return Err(Refusal::duplicate_profile(index, pointer));
        }
    }
    Ok(Some(index))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{post, profile, refusals};
    use super::*;

    #[test]
    fn identifiers_of_two_profiles_are_a_conflict() {
        let mut account = Account::default();
        let mut import = |attributes| {
            let body = json!({"data": profile(attributes)});
            post(&mut account, "/api/profile-import", body).status
        };
        assert_eq!(import(json!({"email": "s@klaviyo-demo.com"})), 201);
        assert_eq!(import(json!({"phone_number": "+15005550006"})), 201);
        assert_eq!(
            import(json!({"email": "s@klaviyo-demo.com", "title": "Dr"})),
            200
        );
        let both = json!({"email": "s@klaviyo-demo.com", "phone_number": "+15005550006"});
        assert_eq!(import(both), 409);
    }

    #[test]
    fn an_import_job_has_each_profile_once_and_puts_them_on_lists() {
        let mut account = Account::default();
        let job = |emails: &[&str]| {
            let mut profiles = Vec::new();
            for email in emails {
                profiles.push(profile(json!({"email": email})));
            }
            json!({"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": profiles}},
            "relationships": {"lists": {"data": [{"type": "list", "id": "Y6nRLr"}]}}}})
        };
        let path = "/api/profile-bulk-import-jobs";
        let (sarah, li) = ("sarah@klaviyo-demo.com", "li@klaviyo-demo.com");
        let answer = post(&mut account, path, job(&[sarah, li, sarah]));
        let expected = vec!["duplicate /data/attributes/profiles/data/2".to_owned()];
        assert_eq!(refusals(&answer), (400, expected));
        assert_eq!(post(&mut account, path, job(&[sarah, li])).status, 202);
        assert_eq!(account.lists["Y6nRLr"].len(), 2);
    }
}
