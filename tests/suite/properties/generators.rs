//! Generators of JSON and messages.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::support::settings::Setting;

/// Settings that reach every rule.
pub(super) const ALL_ON: &[Setting] = &[
    ("ENFORCE_EMAIL", "false"),
    ("FALLBACK_ON_ANONYMOUS_ID", "true"),
    ("ACCEPT_KX", "true"),
    ("LIST_ID", "Y6nRLr"),
    ("CONSENT_CHANNELS", "email,sms"),
    ("DEFAULT_COUNTRY", "US"),
    ("METRIC_NAMES", "klaviyo"),
    ("SEND_PAGES", "true"),
    ("SEND_SCREENS", "true"),
    ("GROUP_LISTS", "true"),
    ("AUDIENCE_LISTS", "vip=Y6nRLr"),
    ("ORDER_EVENTS", "Seen"),
    ("ONCE_PER_ORDER", "Checkout Started,Product Added"),
    (
        "EMAIL_FROM",
        "properties.company.email,context.traits.address.email",
    ),
    ("VALUE_FROM", "total,company.price,revenue,value"),
    ("HONOR_DELETIONS", "true"),
    ("BACKFILL_AFTER_HOURS", "1"),
    ("DELIVERY_BUDGET_MS", "60000"),
];

/// Generates scalars that are nearly what a rule looks for.
fn leaf() -> impl Strategy<Value = Value> {
    let typical = select(vec![
        json!(null),
        json!(true),
        json!("false"),
        json!(""),
        json!(" "),
        json!("1e3"),
        json!("$1,234.50"),
        json!(-1),
        json!(39.95),
        json!(1e300),
        json!(12_345),
        json!("sarah@klaviyo-demo.com"),
        json!("Li@Klaviyo-Demo.com "),
        json!("a@b"),
        json!("+15005550006"),
        json!("(650) 253-0000"),
        json!("2026-11-20T10:00:00Z"),
        json!(1_795_169_730),
        json!("1795169730412"),
        json!("USD"),
        json!("39.95 USD"),
        json!("2026-11-20 10:00:00"),
        json!("\u{200b}usr_1"),
        json!("audience"),
        json!("vip"),
        json!("enabled"),
        json!("Y6nRLr"),
        json!("../../x"),
        json!("\u{0}"),
        json!("🦀"),
        json!("Order Completed"),
        json!("a\"b\\c"),
    ]);
    prop_oneof![
        3 => typical,
        1 => any::<i64>().prop_map(|n| json!(n)),
        1 => any::<f64>().prop_map(|n| json!(n)),
        1 => ".{0,20}".prop_map(|text| json!(text)),
    ]
}

/// Generates any JSON.
pub(super) fn json_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(key(), inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Generates names, most of which some rule reads.
fn key() -> impl Strategy<Value = String> {
    let known = select(vec![
        "email",
        "phone",
        "firstName",
        "last_name",
        "name",
        "address",
        "city",
        "company",
        "order_id",
        "orderId",
        "refund_id",
        "products",
        "product_id",
        "sku",
        "price",
        "quantity",
        "revenue",
        "total",
        "currency",
        "category",
        "categories",
        "url",
        "traits",
        "personas",
        "external_audience_id",
        "subscribe",
        "Klaviyo",
        "All",
        "listId",
        "confirmOptin",
        "fieldsToAppend",
        "fieldsToUnset",
        "coupon",
        "brand",
        "Email",
        "First Name",
        "phones",
        "position",
        "state",
        "exchangeId",
        "id",
        "event_id",
        "refund_amount",
        "amount",
        "vip",
        "computation_class",
        "computation_key",
        "timezone",
        "Webhooks (Actions)",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// Generates messages that have the right names, often with the right kind of value.
pub(super) fn message() -> impl Strategy<Value = Value> {
    let message_type = select(vec![
        json!("identify"),
        json!("track"),
        json!("page"),
        json!("screen"),
        json!("group"),
        json!("delete"),
        json!("alias"),
        json!(7),
    ]);
    let event = select(vec![
        "Order Completed",
        "Order Refunded",
        "Order Canceled",
        "completed_order",
        "Product Viewed",
        "Product Added",
        "Checkout Started",
        "Audience Entered",
        "Audience Exited",
        "Seen",
        "",
    ]);
    let fields =
        || btree_map(key(), json_value(), 0..8).prop_map(|map| map.into_iter().collect::<Value>());
    let lines = || vec(fields(), 0..4);
    let ids = (leaf(), leaf(), 0..6_u8);
    (
        message_type,
        event,
        ids,
        fields(),
        fields(),
        fields(),
        fields(),
        lines(),
    )
        .prop_map(
            |(
                message_type,
                event,
                (user, time, id),
                traits,
                properties,
                context,
                integrations,
                lines,
            )| {
                let mut message = json!({
                    "type": message_type,
                    "event": event,
                    "name": event,
                    "userId": user,
                    "anonymousId": "anon",
                    "messageId": format!("m{id}"),
                    "groupId": "Y6nRLr",
                    "channel": "client",
                    "timestamp": time,
                    "traits": traits,
                    "properties": properties,
                    "context": context,
                    "integrations": integrations,
                });
                if !lines.is_empty() {
                    message["properties"]["products"] = lines.into();
                }
                message
            },
        )
}
