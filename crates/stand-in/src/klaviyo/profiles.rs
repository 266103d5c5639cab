//! Profiles: <https://developers.klaviyo.com/en/reference/create_or_update_profile>,
//! <https://developers.klaviyo.com/en/reference/bulk_import_profiles>

use std::collections::HashSet;

use serde_json::{Value, json};

use super::account::Account;
use super::profile_schema::PROFILE;
use super::refusal::Refusal;
use super::schema::{Schema, optional, required};
use super::text_rules::any;
use crate::json::{array, at, object};
use crate::response::JsonResponse;

/// The most profiles of an import job.
const MAX_PROFILES: usize = 10_000;

/// The JSON pointer to the items of a job.
const ITEMS: &str = "/data/attributes/profiles/data";

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
    let profile = at(body, "/data");
    let found = account.find(profile, "/data")?;
    if found.len() > 1 {
        return Err(Refusal::new(
            409,
            "duplicate_profile",
            "A profile already exists with one of these identifiers.",
            "/data",
        )
        .into());
    }
    let status = if found.is_empty() { 201 } else { 200 };
    let index = account.upsert(found.first().copied(), object(at(profile, "/attributes")));
    let resource = json!({"type": "profile", "id": index.to_string()});
    Ok(JsonResponse::new(status, json!({ "data": resource })))
}

/// Creates or updates the profiles of a job: all of them, or none.
pub(super) fn import_profiles(
    account: &mut Account,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let profiles = array(at(body, "/data/attributes/profiles/data"));
    let mut refusals = Vec::new();
    let mut keys = HashSet::new();
    for (index, profile) in profiles.iter().enumerate() {
        let pointer = format!("{ITEMS}/{index}");
        if let Err(refusal) = account.find(profile, &pointer) {
            refusals.push(refusal);
        } else if !keys.insert(account.profile_key(profile)) {
            let detail = "The same profile twice in one job";
            refusals.push(Refusal::new(400, "duplicate", detail, pointer));
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    for profile in profiles {
        let found = account.find(profile, ITEMS)?;
        let index = account.upsert(found.first().copied(), object(at(profile, "/attributes")));
        if let Some(lists) = at(body, "/data/relationships/lists/data").as_array() {
            for list in lists {
                account.join(at(list, "/id").as_str().unwrap_or_default(), index);
            }
        }
    }
    Ok(JsonResponse::empty(202))
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
