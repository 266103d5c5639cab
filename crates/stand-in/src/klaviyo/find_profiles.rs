//! Profiles that are looked up: <https://developers.klaviyo.com/en/reference/get_profiles>

use reqwest::Url;
use serde_json::{Value, json};

use super::account::Account;
use super::profile_schema::IDENTIFIERS;
use super::refusal::Refusal;
use crate::response::JsonResponse;

/// The number of profiles on a page, and the most of them.
const PAGE_SIZE: usize = 20;
const MAX_PAGE_SIZE: usize = 100;

/// The parameters of a request.
struct ProfileQuery {
    /// An identifier and the values that it may have; `None` finds every profile.
    filter: Option<(&'static str, Vec<String>)>,
    page_size: usize,
    /// The number of profiles before the page.
    cursor: usize,
}

impl ProfileQuery {
    /// Parses a query. The error is the name of the parameter that is wrong.
    fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = ProfileQuery {
            filter: None,
            page_size: PAGE_SIZE,
            cursor: 0,
        };
        let url =
            Url::parse(&format!("http://localhost/?{query}")).map_err(|_| query.to_owned())?;
        for (name, value) in url.query_pairs() {
            let is_valid = match name.as_ref() {
                "filter" => {
                    parsed.filter = parse_filter(&value);
                    parsed.filter.is_some()
                }
                "page[size]" => {
                    parsed.page_size = value.parse().unwrap_or(0);
                    (1..=MAX_PAGE_SIZE).contains(&parsed.page_size)
                }
                "page[cursor]" => match value.parse() {
                    Ok(cursor) => {
                        parsed.cursor = cursor;
                        true
                    }
                    Err(_) => false,
                },
                name => name == "additional-fields[profile]" || name.starts_with("fields["),
            };
            if !is_valid {
                return Err(name.into_owned());
            }
        }
        Ok(parsed)
    }
}

/// Parses `any(<identifier>,["…"])` or `equals(<identifier>,"…")`.
fn parse_filter(filter: &str) -> Option<(&'static str, Vec<String>)> {
    let (operator, rest) = filter.strip_suffix(')')?.split_once('(')?;
    let (field, values) = rest.split_once(',')?;
    let identifier = match field {
        "id" => "id",
        _ => IDENTIFIERS.into_iter().find(|name| *name == field)?,
    };
    let values = match operator {
        "any" => serde_json::from_str(values).ok()?,
        "equals" => vec![serde_json::from_str(values).ok()?],
        _ => return None,
    };
    Some((identifier, values))
}

/// Returns a page of the profiles that a query finds.
pub(super) fn find_profiles(account: &Account, query: &str) -> Result<JsonResponse, Vec<Refusal>> {
    let query = ProfileQuery::parse(query)
        .map_err(|parameter| Refusal::invalid("Invalid parameter", parameter))?;
    let indexes = match &query.filter {
        Some((identifier, values)) => find_any(account, identifier, values),
        None => (0..account.profiles.len()).collect(),
    };
    let mut resources = Vec::new();
    for index in indexes.iter().skip(query.cursor).take(query.page_size) {
        resources.push(resource(account, *index));
    }
    let end = query.cursor + query.page_size;
    let mut next = Value::Null;
    if end < indexes.len() {
        let size = query.page_size;
        next = format!("/api/profiles?page[size]={size}&page[cursor]={end}").into();
    }
    let body = json!({"data": resources, "links": {"next": next}});
    Ok(JsonResponse::new(200, body))
}

fn find_any(account: &Account, identifier: &'static str, values: &[String]) -> Vec<usize> {
    let mut indexes = Vec::new();
    for value in values {
        let found = if identifier == "id" {
            account.find_id(value, "").ok()
        } else {
            account.find_identifier(identifier, value)
        };
        indexes.extend(found);
    }
    indexes
}

fn resource(account: &Account, index: usize) -> Value {
    let attributes = account.profiles.get(index);
    json!({"type": "profile", "id": index.to_string(), "attributes": attributes})
}

#[cfg(test)]
mod tests {
    use super::super::testing::get;
    use super::*;

    #[test]
    fn profiles_are_found_page_by_page() {
        let mut account = Account::default();
        for n in 0..30 {
            let attributes = json!({"external_id": n.to_string()});
            account.upsert(None, attributes.as_object().unwrap());
        }
        for (query, found) in [
            ("", 20),
            ("?page[size]=30", 30),
            ("?page[size]=25&page[cursor]=25", 5),
            ("?filter=any(external_id,[\"3\",\"99\",\"7\"])", 2),
            ("?filter=equals(external_id,\"3\")", 1),
            ("?filter=equals(id,\"29\")", 1),
        ] {
            let query = query.replace('"', "%22");
            let answer = get(&mut account, &format!("/api/profiles{query}"));
            assert_eq!(
                answer.body["data"].as_array().unwrap().len(),
                found,
                "{query}"
            );
        }
        for query in [
            "?page[size]=101",
            "?filter=equals(title,%22x%22)",
            "?filter=x",
            "?filters=x",
        ] {
            let answer = get(&mut account, &format!("/api/profiles{query}"));
            assert_eq!(answer.status, 400, "{query}");
        }
    }
}
