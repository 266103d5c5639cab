//! Lists: <https://developers.klaviyo.com/en/reference/get_list>,
//! <https://developers.klaviyo.com/en/reference/remove_profiles_from_list>

use serde_json::{Value, json};

use super::account::Account;
use super::refusal::Refusal;
use super::schema::{Schema, required};
use super::text_rules::any;
use crate::json::{array, at};
use crate::response::JsonResponse;

/// The most profiles that one request takes off a list.
const MAX_MEMBERS: usize = 1_000;

const MEMBER: Schema = Schema::Object(&[
    required("type", Schema::Constant("profile")),
    required("id", Schema::Text(any)),
]);

/// The body that takes profiles off a list.
pub(super) const MEMBERS_BODY: Schema =
    Schema::Object(&[required("data", Schema::Array(&MEMBER, 1, MAX_MEMBERS))]);

/// Returns a list with its opt-in process.
pub(super) fn get_list(account: &Account, list_id: &str) -> Result<JsonResponse, Vec<Refusal>> {
    let Some(process) = account.opt_in.get(list_id) else {
        let detail = "A list with this id does not exist";
        return Err(Refusal::new(404, "not_found", detail, "/data").into());
    };
    let attributes = json!({"name": list_id, "opt_in_process": process});
    let list = json!({"type": "list", "id": list_id, "attributes": attributes});
    Ok(JsonResponse::new(200, json!({ "data": list })))
}

/// Takes profiles off a list.
pub(super) fn remove_from_list(
    account: &mut Account,
    list_id: &str,
    body: &Value,
) -> Result<JsonResponse, Vec<Refusal>> {
    let mut members = Vec::new();
    for (index, member) in array(at(body, "/data")).iter().enumerate() {
        let id = at(member, "/id").as_str().unwrap_or_default();
        members.push(account.find_id(id, &format!("/data/{index}"))?);
    }
    for member in members {
        account.leave(list_id, member);
    }
    Ok(JsonResponse::empty(204))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{delete, get};
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
        let index = account.upsert(None, object(&json!({"email": "p0@klaviyo-demo.com"})));
        account.join("Y6nRLr", index);
        let path = "/api/lists/Y6nRLr/relationships/profiles";
        for (id, status, members) in [("9", 404, 1), ("0", 204, 0)] {
            let body = json!({"data": [{"type": "profile", "id": id}]});
            assert_eq!(delete(&mut account, path, &body).status, status);
            assert_eq!(account.lists["Y6nRLr"].len(), members);
        }
    }
}
