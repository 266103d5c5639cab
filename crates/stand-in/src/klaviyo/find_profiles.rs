//! Profiles that are looked up: <https://developers.klaviyo.com/en/reference/get_profiles>,
//! <https://developers.klaviyo.com/en/reference/get_profiles_for_list>

use serde_json::{Map, Value, json};

use super::account::Account;
use super::lists::check_list;
use super::query::{Filter, PAGES, Query};
use super::refusal::Refusal;
use super::subscription_view::subscriptions;
use crate::request::KlaviyoRequest;
use crate::response::JsonResponse;

/// The fields by which profiles are found.
const FIELDS: [&str; 5] = ["id", "email", "phone_number", "external_id", "_kx"];

/// The fields by which profiles of a list are found.
const LIST_FIELDS: [&str; 3] = ["email", "phone_number", "_kx"];

/// The parameter that asks for more attributes.
const MORE: &str = "additional-fields[profile]";

/// The parameters of both look-ups.
const PARAMETERS: [&str; 3] = ["filter", MORE, "page[size]"];

/// The attributes of a profile that Klaviyo shows.
const ATTRIBUTES: [&str; 14] = [
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "created",
    "updated",
    "last_event_date",
    "location",
    "properties",
];

/// Returns a page of the profiles that a query finds.
pub(super) fn find_profiles(
    account: &Account,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, Vec<Refusal>> {
    let query = Query::parse(request, &PARAMETERS)?;
    let found = find(account, query.filter(&FIELDS)?);
    Ok(page(account, &query, &found)?)
}

/// Returns a page of the profiles on a list that a query finds.
pub(super) fn find_list_profiles(
    account: &Account,
    list_id: &str,
    request: &KlaviyoRequest,
) -> Result<JsonResponse, Vec<Refusal>> {
    check_list(account, list_id, "/data/id")?;
    let query = Query::parse(request, &PARAMETERS)?;
    let mut found = find(account, query.filter(&LIST_FIELDS)?);
    found.retain(|index| account.is_on(list_id, Some(*index)));
    Ok(page(account, &query, &found)?)
}

fn page(account: &Account, query: &Query, found: &[usize]) -> Result<JsonResponse, Refusal> {
    let body = query.collection(found, PAGES, |index| resource(account, query, *index))?;
    Ok(JsonResponse::new(200, body))
}

fn find(account: &Account, filter: Option<Filter>) -> Vec<usize> {
    let Some(filter) = filter else {
        return (0..account.profiles.len()).collect();
    };
    let mut indexes = Vec::new();
    for value in &filter.values {
        let found = if filter.field == "id" {
            account.find_id(value, "").ok()
        } else {
            account.find_identifier(filter.field, value)
        };
        if let Some(index) = found
            && !indexes.contains(&index)
        {
            indexes.push(index);
        }
    }
    indexes
}

/// Returns a profile with the attributes that the query asks for.
fn resource(account: &Account, query: &Query, index: usize) -> Value {
    let held = account.profiles.get(index);
    let mut attributes = Map::new();
    for name in ATTRIBUTES {
        let value = held.and_then(|held| held.get(name)).unwrap_or(&Value::Null);
        attributes.insert(name.to_owned(), value.clone());
    }
    if query.lists(MORE, "subscriptions") {
        let subscriptions = subscriptions(account, index);
        attributes.insert("subscriptions".to_owned(), subscriptions);
    }
    query.select("profile", &mut attributes);
    json!({"type": "profile", "id": index.to_string(), "attributes": attributes})
}

#[cfg(test)]
mod tests {
    use super::super::testing::get;
    use super::*;

    fn found(account: &mut Account, path: &str) -> (u16, usize) {
        let answer = get(account, &path.replace('"', "%22"));
        let data = answer.body["data"].as_array();
        (answer.status, data.map_or(0, Vec::len))
    }

    #[test]
    fn profiles_are_found_page_by_page() {
        let mut account = Account::default();
        for n in 0..30 {
            let attributes = json!({"external_id": n.to_string()});
            account.upsert(None, attributes.as_object().unwrap());
        }
        for (query, count) in [
            ("", 20),
            ("?page[size]=30", 30),
            ("?page[size]=25&page[cursor]=25", 5),
            ("?filter=any(external_id,[\"3\",\"99\",\"7\"])", 2),
            ("?filter=any(external_id,[\"3\",\"3\"])", 1),
            ("?filter=equals(external_id,\"3\")", 1),
            ("?filter=equals(id,\"29\")", 1),
        ] {
            let found = found(&mut account, &format!("/api/profiles{query}"));
            assert_eq!(found, (200, count), "{query}");
        }
        for query in [
            "?page[size]=101",
            "?filter=equals(title,\"x\")",
            "?filter=any(_kx,[\"x\"])",
            "?filter=x",
            "?filters=x",
        ] {
            let found = found(&mut account, &format!("/api/profiles{query}"));
            assert_eq!(found, (400, 0), "{query}");
        }
    }

    #[test]
    fn the_link_to_the_next_page_keeps_the_query() {
        let mut account = Account::default();
        for n in 0..5 {
            let attributes = json!({"external_id": n.to_string()});
            account.upsert(None, attributes.as_object().unwrap());
        }
        let first = "/api/profiles?page[size]=3&fields[profile]=email";
        let answer = get(&mut account, first);
        let next = answer.body["links"]["next"].as_str().unwrap();
        let path = next.strip_prefix("http://localhost").unwrap();
        let answer = get(&mut account, path);
        assert_eq!(answer.body["data"].as_array().unwrap().len(), 2);
        let attributes = &answer.body["data"][0]["attributes"];
        assert_eq!(*attributes, json!({"email": null}));
        assert_eq!(answer.body["links"]["next"], Value::Null);
    }

    #[test]
    fn a_former_identifier_finds_nobody() {
        let mut account = Account::default();
        for email in ["old@klaviyo-demo.com", "new@klaviyo-demo.com"] {
            let attributes = json!({"email": email});
            account.upsert(Some(0), attributes.as_object().unwrap());
        }
        for (email, count) in [("old", 0), ("new", 1)] {
            let path = format!("/api/profiles?filter=equals(email,\"{email}@klaviyo-demo.com\")");
            assert_eq!(found(&mut account, &path), (200, count), "{email}");
        }
    }

    #[test]
    fn profiles_of_a_list_are_found() {
        let mut account = Account::default();
        for email in ["on@klaviyo-demo.com", "off@klaviyo-demo.com"] {
            let attributes = json!({"email": email});
            account.upsert(None, attributes.as_object().unwrap());
        }
        account.join("Y6nRLr", 0);
        let both = "any(email,[\"on@klaviyo-demo.com\",\"off@klaviyo-demo.com\"])";
        let path = format!("/api/lists/Y6nRLr/profiles?filter={both}");
        assert_eq!(found(&mut account, &path), (200, 1));
        account.missing_lists.insert("Y6nRLr".to_owned());
        assert_eq!(found(&mut account, &path), (404, 0));
    }
}
