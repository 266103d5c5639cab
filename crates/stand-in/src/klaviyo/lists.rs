//! Lists: <https://developers.klaviyo.com/en/reference/get_list>,
//! <https://developers.klaviyo.com/en/reference/add_profiles_to_list>,
//! <https://developers.klaviyo.com/en/reference/remove_profiles_from_list>

use serde_json::{Value, json};

use super::account::Account;
use super::refusal::Refusal;
use super::schema::{Schema, required};
use super::text_rules::any;
use crate::json::{array, at};
use crate::response::JsonResponse;

/// The most profiles that one request puts on a list or takes off it.
const MAX_MEMBERS: usize = 1_000;

const MEMBER: Schema = Schema::Object(&[
    required("type", Schema::Constant("profile")),
    required("id", Schema::Text(any)),
]);

/// The body that puts profiles on a list or takes them off it.
pub(super) const MEMBERS_BODY: Schema =
    Schema::Object(&[required("data", Schema::Array(&MEMBER, 1, MAX_MEMBERS))]);

/// Checks that a list may be worked for; an empty id is no list.
pub(super) fn check_list(
    account: &Account,
    list_id: &str,
    pointer: impl Into<String>,
) -> Result<(), Refusal> {
    let is_unknown = account.switches.refuse_unknown_lists && !account.opt_in.contains_key(list_id);
    if !list_id.is_empty() && (is_unknown || account.missing_lists.contains(list_id)) {
        return Err(missing(pointer));
    }
    Ok(())
}

fn missing(pointer: impl Into<String>) -> Refusal {
    let detail = "A list with this id does not exist";
    Refusal::new(404, "not_found", detail, pointer)
}

/// Returns a list with its opt-in process.
pub(super) fn get_list(account: &Account, list_id: &str) -> Result<JsonResponse, Vec<Refusal>> {
    check_list(account, list_id, "/data")?;
    let Some(process) = account.opt_in.get(list_id) else {
        return Err(missing("/data").into());
    };
    let attributes = json!({"name": list_id, "opt_in_process": process, "created": null,
        "updated": null});
    let list = json!({"type": "list", "id": list_id, "attributes": attributes});
    Ok(JsonResponse::new(200, json!({ "data": list })))
}

/// Puts profiles on a list. That is no consent and lifts nothing.
pub(super) fn add_to_list(
    account: &mut Account,
    list_id: &str,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    for member in members(account, list_id, body)? {
        account.join(list_id, member);
    }
    Ok(JsonResponse::empty(204))
}

/// Takes profiles off a list.
pub(super) fn remove_from_list(
    account: &mut Account,
    list_id: &str,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    for member in members(account, list_id, body)? {
        account.leave(list_id, member);
    }
    Ok(JsonResponse::empty(204))
}

/// Returns the profiles that a body names.
fn members(account: &Account, list_id: &str, body: &Value) -> Result<Vec<usize>, Refusal> {
    check_list(account, list_id, "/data/id")?;
    let mut members = Vec::new();
    for (index, member) in array(at(body, "/data")).iter().enumerate() {
        let id = at(member, "/id").as_str().unwrap_or_default();
        members.push(account.find_id(id, &format!("/data/{index}"))?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{delete, get, post};
    use super::*;
    use crate::json::object;

    #[test]
    fn lists_are_looked_up_and_members_removed() {
        let mut account = Account::default();
        assert_eq!(get(&mut account, "/api/lists/Y6nRLr").status, 404);
        account.opt_in.insert("Y6nRLr".to_owned(), "double_opt_in");
        let list = get(&mut account, "/api/lists/Y6nRLr").body;
        assert_eq!(
            list["data"]["attributes"]["opt_in_process"],
            "double_opt_in"
        );
        account.upsert(None, object(&json!({"email": "p0@klaviyo-demo.com"})));
        let path = "/api/lists/Y6nRLr/relationships/profiles";
        for (id, status) in [("9", 404), ("0", 204)] {
            let body = json!({"data": [{"type": "profile", "id": id}]});
            assert_eq!(post(&mut account, path, body).status, status);
        }
        for (id, status, members) in [("9", 404, 1), ("0", 204, 0)] {
            let body = json!({"data": [{"type": "profile", "id": id}]});
            assert_eq!(delete(&mut account, path, &body).status, status);
            assert_eq!(account.lists["Y6nRLr"].len(), members);
        }
    }
}
