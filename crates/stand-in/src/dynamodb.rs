//! The part of DynamoDB that the function uses:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::json::at;
use crate::response::JsonResponse;

/// The most writes of a transaction.
const MAX_WRITES: usize = 100;

/// The items of all tables, by table and id.
pub type Tables = BTreeMap<(String, String), Value>;

/// The most items of a `BatchGetItem`.
const MAX_READS: usize = 100;

/// Answers `BatchGetItem` with the items that are there. A table that is down answers 500.
pub(crate) fn batch_get_item(tables: &Tables, is_down: bool, body: &[u8]) -> JsonResponse {
    if is_down {
        return error(500, "InternalServerError", json!([]));
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut count = 0;
    let mut responses = Map::new();
    for (table, wanted) in at(&request, "/RequestItems")
        .as_object()
        .into_iter()
        .flatten()
    {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for key in at(wanted, "/Keys").as_array().into_iter().flatten() {
            let id = at(key, "/id/S").as_str().unwrap_or_default();
            count += 1;
            if id.is_empty() || !seen.insert(id) {
                return error(400, "ValidationException", json!([]));
            }
            found.extend(tables.get(&(table.clone(), id.to_owned())).cloned());
        }
        responses.insert(table.clone(), found.into());
    }
    if !(1..=MAX_READS).contains(&count) {
        return error(400, "ValidationException", json!([]));
    }
    JsonResponse::new(200, json!({"Responses": responses, "UnprocessedKeys": {}}))
}

/// Answers `TransactWriteItems`: all writes are done, or none. A table that is down answers 500.
pub(crate) fn transact_write_items(
    tables: &mut Tables,
    is_down: bool,
    body: &[u8],
) -> JsonResponse {
    if is_down {
        return error(500, "InternalServerError", json!([]));
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut writes = Vec::new();
    for item in at(&request, "/TransactItems")
        .as_array()
        .into_iter()
        .flatten()
    {
        match Write::parse(item) {
            Some(write) => writes.push(write),
            None => return error(400, "ValidationException", json!([])),
        }
    }
    let keys: BTreeSet<_> = writes.iter().map(|write| &write.key).collect();
    if writes.is_empty() || writes.len() > MAX_WRITES || keys.len() < writes.len() {
        return error(400, "ValidationException", json!([]));
    }
    let mut reasons = Vec::new();
    for write in &writes {
        let found = tables.get(&write.key);
        reasons.push(match (write.holds(found), found) {
            (true, _) => json!({"Code": "None"}),
            (false, Some(item)) if write.returns_old => {
                json!({"Code": "ConditionalCheckFailed", "Item": item})
            }
            (false, _) => json!({"Code": "ConditionalCheckFailed"}),
        });
    }
    if reasons.iter().any(|reason| reason["Code"] != "None") {
        return error(400, "TransactionCanceledException", reasons.into());
    }
    for Write { key, item, .. } in writes {
        match item {
            Some(item) => tables.insert(key, item),
            None => tables.remove(&key),
        };
    }
    JsonResponse::new(200, json!({}))
}

fn error(status: u16, name: &str, reasons: Value) -> JsonResponse {
    let name = format!("com.amazonaws.dynamodb.v20120810#{name}");
    let body = json!({"__type": name, "Message": "stand-in", "CancellationReasons": reasons});
    JsonResponse::new(status, body)
}

/// A put, or a deletion if there is no item.
struct Write {
    key: (String, String),
    item: Option<Value>,
    condition: String,
    values: Value,
    returns_old: bool,
}

impl Write {
    fn parse(write: &Value) -> Option<Self> {
        let put = at(write, "/Put");
        let (write, item) = if put.is_object() {
            (put, Some(at(put, "/Item").clone()))
        } else {
            (at(write, "/Delete"), None)
        };
        let key = match &item {
            Some(item) => item,
            None => at(write, "/Key"),
        };
        let text = |pointer: &str| at(write, pointer).as_str().unwrap_or_default().to_owned();
        Some(Write {
            key: (
                at(write, "/TableName").as_str()?.to_owned(),
                at(key, "/id/S").as_str()?.to_owned(),
            ),
            condition: text("/ConditionExpression"),
            values: at(write, "/ExpressionAttributeValues").clone(),
            returns_old: text("/ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
            item,
        })
    }

    /// Whether one of the alternatives of the condition holds: `attribute_not_exists(name)`, or
    /// `name = :value`.
    fn holds(&self, found: Option<&Value>) -> bool {
        let attribute = |name: &str| found.and_then(|item| item.get(name));
        let holds = |alternative: &str| {
            let absent = alternative.strip_prefix("attribute_not_exists(");
            match (absent, alternative.split_once(" = ")) {
                (Some(name), _) => attribute(name.trim_end_matches(')')).is_none(),
                (None, Some((name, value))) => {
                    let value = self.values.get(value);
                    value.is_some() && attribute(name) == value
                }
                (None, None) => false,
            }
        };
        self.condition.is_empty() || self.condition.split(" OR ").any(holds)
    }
}
