//! The items of the memory, as the table has them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::history::History;
use super::vault::{ItemId, Vault};
use crate::ledger::TableItem;

/// The content of an item, which is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Of an id: whom it has meant.
    #[serde(default)]
    pub(super) history: History,
    /// Of an address: the items that hold it, so that a deletion finds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) held_by: Vec<ItemId>,
    /// Of an id that means nobody yet: the events that wait for somebody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) held: Vec<ItemId>,
}

/// An item as it was read.
#[derive(Debug, Clone, Default)]
pub(super) struct StoredItem {
    /// The content; empty if it has ended or cannot be read.
    pub(super) content: Content,
    /// The id of the write that made it.
    pub(super) written_by: String,
    /// The moment at which it ends, in epoch seconds.
    pub(super) expires_at: i64,
}

impl StoredItem {
    /// Reads an item. DynamoDB removes one that has ended within days, so it counts as empty before.
    pub(super) fn read(item: &TableItem, vault: &Vault, now: i64) -> Self {
        let expires_at = item.number("expires_at").unwrap_or(0);
        let content = if expires_at > now {
            let opened = vault.open(item.text("id"), item.text("sealed"));
            opened.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        } else {
            None
        };
        StoredItem {
            content: content.unwrap_or_default(),
            written_by: item.text("written_by").to_owned(),
            expires_at,
        }
    }
}

/// Returns the write of an item, unless the system has no random numbers. It succeeds if the table
/// holds what `previous` has written, or nothing if that is `None`, or the same write already: the
/// answer to the first request may have been lost.
pub(super) fn put(
    table: &str,
    item_id: &str,
    content: &Content,
    vault: &Vault,
    (own, previous): (&str, Option<&str>),
    expires_at: i64,
) -> Option<Value> {
    let sealed = vault.seal(item_id, serde_json::to_vec(content).ok()?)?;
    let (condition, values) = match previous {
        Some(previous) => (
            "written_by = :own OR written_by = :previous",
            json!({":own": {"S": own}, ":previous": {"S": previous}}),
        ),
        None => (
            "written_by = :own OR attribute_not_exists(id)",
            json!({":own": {"S": own}}),
        ),
    };
    Some(json!({"Put": {
        "TableName": table,
        "Item": {
            "id": {"S": item_id},
            "sealed": {"S": sealed},
            "written_by": {"S": own},
            "expires_at": {"N": expires_at.to_string()},
        },
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }}))
}

/// Returns the write of an event that waits. Its name is that of its content, so that nothing else can
/// be there.
pub(super) fn put_event(
    table: &str,
    item_id: &str,
    content: Vec<u8>,
    vault: &Vault,
    expires_at: i64,
) -> Option<Value> {
    let sealed = vault.seal(item_id, content)?;
    Some(json!({"Put": {
        "TableName": table,
        "Item": {
            "id": {"S": item_id},
            "sealed": {"S": sealed},
            "expires_at": {"N": expires_at.to_string()},
        },
    }}))
}

/// Returns the removal of an item.
pub(super) fn delete(table: &str, item_id: &str) -> Value {
    json!({"Delete": {"TableName": table, "Key": {"id": {"S": item_id}}}})
}
