//! The ledger's requests and answers as DynamoDB has them:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attempt::Attempt;
use super::key::LedgerKey;

/// Returns the write of an attempt. It succeeds if the table holds `previous`, or nothing if that is
/// `None`, or the same attempt already: the answer to the first request may have been lost.
pub(super) fn claim(
    table: &str,
    key: &LedgerKey,
    attempt: &Attempt,
    previous: Option<&Attempt>,
) -> Value {
    let own = &attempt.claim_id;
    let (condition, values) = match previous {
        Some(previous) => (
            "claim_id = :own OR claim_id = :previous",
            json!({":own": {"S": own}, ":previous": {"S": previous.claim_id}}),
        ),
        None => (
            "claim_id = :own OR attribute_not_exists(id)",
            json!({":own": {"S": own}}),
        ),
    };
    json!({"Put": {
        "TableName": table,
        "Item": item(key, attempt),
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }})
}

/// Returns the write of an attempt that Klaviyo has acknowledged.
pub(super) fn close(table: &str, key: &LedgerKey, attempt: &Attempt) -> Value {
    let answered = Attempt {
        is_answered: true,
        ..attempt.clone()
    };
    json!({"Put": {"TableName": table, "Item": item(key, &answered)}})
}

/// Returns the write that takes an attempt back which was not made: `previous` is the last one again.
pub(super) fn release(
    table: &str,
    key: &LedgerKey,
    attempt: &Attempt,
    previous: Option<&Attempt>,
) -> Value {
    let condition = "claim_id = :own";
    let values = json!({":own": {"S": attempt.claim_id}});
    match previous {
        Some(previous) => json!({"Put": {
            "TableName": table,
            "Item": item(key, previous),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }}),
        None => json!({"Delete": {
            "TableName": table,
            "Key": {"id": {"S": key.as_str()}},
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }}),
    }
}

fn item(key: &LedgerKey, attempt: &Attempt) -> Value {
    json!({
        "id": {"S": key.as_str()},
        "claim_id": {"S": attempt.claim_id},
        "claimed_at": {"N": attempt.claimed_at.to_string()},
        "attempts": {"N": attempt.number.to_string()},
        "answered": {"BOOL": attempt.is_answered},
        "expires_at": {"N": attempt.expires_at().to_string()},
    })
}

/// An error of DynamoDB.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    /// The name, behind a `#`.
    #[serde(rename = "__type")]
    pub(super) name: String,
    /// One for each write, if the transaction is cancelled.
    #[serde(rename = "CancellationReasons")]
    pub(super) cancellations: Vec<Cancellation>,
}

impl ErrorBody {
    /// Returns the name without its namespace.
    pub(super) fn short_name(&self) -> &str {
        match self.name.split_once('#') {
            Some((_, name)) => name,
            None => &self.name,
        }
    }
}

/// What became of one write of a cancelled transaction.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Cancellation {
    /// `None`, `ConditionalCheckFailed`, `TransactionConflict` and so on.
    pub(super) code: String,
    /// What the table holds, if the condition does not.
    item: Option<TableItem>,
}

impl Cancellation {
    /// Returns the attempt that the table holds instead. `None` if the write itself was no problem, or
    /// the item is none of the ledger's.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        let item = self.item.as_ref()?;
        Some(Attempt {
            claim_id: item.text("claim_id").to_owned(),
            claimed_at: item.number("claimed_at")?,
            number: item.number("attempts")?,
            is_answered: item.attribute("answered")?.boolean,
        })
    }

    /// Returns the item that the table holds instead, if it is said.
    pub(crate) fn item(&self) -> Option<&TableItem> {
        self.item.as_ref()
    }
}

/// The items that a BatchGetItem has found.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct FoundItems {
    responses: HashMap<String, Vec<TableItem>>,
    unprocessed_keys: HashMap<String, UnprocessedKeys>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct UnprocessedKeys {
    keys: Vec<Value>,
}

impl FoundItems {
    /// Returns the keys of items that were not read.
    pub(super) fn unprocessed_keys(&self, table: &str) -> Vec<Value> {
        match self.unprocessed_keys.get(table) {
            Some(unprocessed) => unprocessed.keys.clone(),
            None => Vec::new(),
        }
    }

    /// Returns the items of a table.
    pub(super) fn into_items(mut self, table: &str) -> Vec<TableItem> {
        self.responses.remove(table).unwrap_or_default()
    }
}

/// An item of the table.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct TableItem(HashMap<String, Attribute>);

impl TableItem {
    /// Returns an attribute that is text; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.attribute(name).map_or("", |attribute| &attribute.text)
    }

    /// Returns an attribute that is a whole number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.number.parse().ok()
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.0.get(name)
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Attribute {
    #[serde(rename = "S")]
    text: String,
    #[serde(rename = "N")]
    number: String,
    #[serde(rename = "BOOL")]
    boolean: bool,
}
