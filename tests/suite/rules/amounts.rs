//! Amounts, and the properties that they are taken from.

use serde_json::{Value, json};

use super::outcome::{outcome, with};
use crate::support::messages::{order, track_with};
use crate::support::people::SARAH;
use crate::support::settings::Setting;

/// Returns the value and currency of the first event that a message becomes, and the warnings.
fn value(settings: &[Setting<'_>], message: &Value) -> Value {
    let outcome = outcome(settings, message);
    let event = &outcome["requests"][0]["POST /api/events"]["attributes"];
    json!([event["value"], event["value_currency"], outcome["warnings"]])
}

#[test]
fn amounts_are_read_as_shops_write_them() {
    let left_out = json!(["field_left_out: revenue"]);
    for (revenue, amount, currency) in [
        (json!(39.95), json!(39.95), Value::Null),
        (json!("39.95"), json!(39.95), Value::Null),
        (json!("1e3"), json!(1000), Value::Null),
        (json!("$39.95"), json!(39.95), Value::Null),
        (json!("39.95$"), json!(39.95), Value::Null),
        (json!("-$5"), json!(-5), Value::Null),
        (json!("$-5"), json!(-5), Value::Null),
        (json!("€ 1,234.50"), json!(1234.5), Value::Null),
        (json!("39.95\u{a0}€"), json!(39.95), Value::Null),
        (json!("¥4000"), json!(4000), Value::Null),
        (json!("39.95 USD"), json!(39.95), json!("USD")),
        (json!("EUR 39.95"), json!(39.95), json!("EUR")),
        (json!("39.95usd"), json!(39.95), json!("USD")),
        (json!("1,234.50"), json!(1234.5), Value::Null),
        (json!("12,345,678.9"), json!(12_345_678.9), Value::Null),
        (
            json!({"amount": "39.95", "currencyCode": "USD"}),
            json!(39.95),
            json!("USD"),
        ),
        (
            json!({"amount": 5, "currency": "eur"}),
            json!(5),
            json!("EUR"),
        ),
        (json!({"Amount": 5}), json!(5), Value::Null),
        (json!(""), Value::Null, Value::Null),
        (json!(null), Value::Null, Value::Null),
    ] {
        let found = value(&[], &track_with("m", json!({"revenue": revenue})));
        assert_eq!(found, json!([amount, currency, null]), "{revenue}");
    }
    for revenue in [
        json!("12,50"),
        json!("1,234"),
        json!("1.234,50"),
        json!("1,23.50"),
        json!("1,234.5.0"),
        json!(",234.50"),
        json!("12 pcs"),
        json!("12 50"),
        json!("free"),
        json!("$"),
        json!("USD"),
        json!("Infinity"),
        json!("1e999"),
        json!(true),
        json!([39.95]),
        json!({}),
        json!({"amount": {"amount": 1}}),
        json!({"amount": "12,50"}),
    ] {
        let found = value(&[], &track_with("m", json!({"revenue": revenue})));
        assert_eq!(found, json!([null, null, left_out]), "{revenue}");
    }
}

#[test]
fn the_currency_of_the_properties_comes_before_that_of_the_amount() {
    for (properties, currency, warnings) in [
        (
            json!({"revenue": "5 USD", "currency": "eur"}),
            json!("EUR"),
            Value::Null,
        ),
        (
            json!({"revenue": 5, "currency": "euros"}),
            Value::Null,
            json!(["field_left_out: currency"]),
        ),
        (
            json!({"revenue": 5, "currency": 978}),
            Value::Null,
            json!(["field_left_out: currency"]),
        ),
        (
            json!({"revenue": 5, "currency": ""}),
            Value::Null,
            Value::Null,
        ),
    ] {
        let found = value(&[], &track_with("m", properties.clone()));
        assert_eq!(found, json!([5, currency, warnings]), "{properties}");
    }
}

#[test]
fn the_value_is_the_first_of_its_places_that_can_be_read() {
    let nothing: &[Setting] = &[];
    let total_first: &[Setting] = &[("VALUE_FROM", "total, revenue")];
    let own: &[Setting] = &[("VALUE_FROM", "Grand Total,totals.grand")];
    for (settings, event, properties, amount, warnings) in [
        (
            nothing,
            "Seen",
            json!({"revenue": 1, "value": 2}),
            json!(1),
            json!(null),
        ),
        (
            nothing,
            "Seen",
            json!({"revenue": 0, "value": 2}),
            json!(0),
            json!(null),
        ),
        (
            nothing,
            "Seen",
            json!({"total": 3}),
            json!(null),
            json!(null),
        ),
        (
            nothing,
            "Order Completed",
            json!({"total": 3}),
            json!(3),
            json!(null),
        ),
        (
            nothing,
            "Order Refunded",
            json!({"total": 3}),
            json!(3),
            json!(null),
        ),
        (
            nothing,
            "Order Refunded",
            json!({"refund_amount": "4"}),
            json!(4),
            json!(null),
        ),
        (
            nothing,
            "Order Refunded",
            json!({"refundAmount": 4, "total": 9}),
            json!(4),
            json!(null),
        ),
        (
            nothing,
            "Order Completed",
            json!({"refund_amount": 4}),
            json!(null),
            json!(null),
        ),
        (
            nothing,
            "Seen",
            json!({"revenue": "12,50", "value": 2}),
            json!(2),
            json!(["field_left_out: revenue"]),
        ),
        (
            total_first,
            "Order Completed",
            json!({"total": 6, "revenue": 5}),
            json!(6),
            json!(null),
        ),
        (
            total_first,
            "Order Completed",
            json!({"revenue": 5}),
            json!(5),
            json!(null),
        ),
        (
            total_first,
            "Seen",
            json!({"total": 6, "revenue": 5}),
            json!(5),
            json!(null),
        ),
        (
            total_first,
            "Seen",
            json!({"value": 5}),
            json!(null),
            json!(null),
        ),
        (
            own,
            "Seen",
            json!({"grand_total": 7}),
            json!(7),
            json!(null),
        ),
        (
            own,
            "Seen",
            json!({"totals": {"grand": "8"}}),
            json!(8),
            json!(null),
        ),
        (own, "Seen", json!({"revenue": 5}), json!(null), json!(null)),
    ] {
        let properties = with(json!({"order_id": "R1"}), properties);
        let message = with(track_with("m", properties.clone()), json!({"event": event}));
        let found = value(settings, &message);
        assert_eq!(
            found,
            json!([amount, null, warnings]),
            "{event} {properties}"
        );
    }
}

#[test]
fn what_a_line_cannot_say_is_left_out_and_said_once() {
    let line = |price: Value, quantity: Value| json!({"price": price, "quantity": quantity});
    for (lines, warnings) in [
        (
            json!([line(json!("12,50"), json!(1)), line(json!("x"), json!(1))]),
            json!(["field_left_out: price"]),
        ),
        (
            json!([line(json!(1), json!("two"))]),
            json!(["field_left_out: quantity"]),
        ),
        (json!([line(json!("$1"), json!("2"))]), Value::Null),
        (json!([line(json!(null), json!(""))]), Value::Null),
        (
            json!("[{\"price\": 1}]"),
            json!(["field_left_out: products"]),
        ),
        (json!({"price": 1}), json!(["field_left_out: products"])),
        (
            json!([line(json!(1), json!(1)), "p2"]),
            json!(["field_left_out: products"]),
        ),
        (json!([]), Value::Null),
        (json!(null), Value::Null),
    ] {
        let properties = json!({"email": SARAH, "order_id": "R1", "products": lines});
        let found = outcome(
            &[],
            &with(order("R1", 0), json!({"properties": properties})),
        );
        assert_eq!(found["warnings"], warnings, "{lines}");
        let first = &found["requests"][0]["POST /api/events"]["attributes"];
        assert_eq!(first["properties"]["products"], lines, "it is passed on");
    }
}

#[test]
fn a_price_or_quantity_that_cannot_be_read_is_said() {
    let line = |line: Value| json!({"order_id": "R1", "products": [line]});
    let price = json!(["field_left_out: price"]);
    let quantity = json!(["field_left_out: quantity"]);
    let silent = Value::Null;
    for (event, properties, warnings) in [
        ("Product Viewed", json!({"price": "12,50"}), &price),
        ("Product Clicked", json!({"price": "12,50"}), &price),
        ("Product Added", json!({"quantity": "two"}), &quantity),
        ("Product Viewed", json!({"quantity": "two"}), &silent),
        ("Product Added", line(json!({"price": "free"})), &price),
        ("Checkout Started", line(json!({"price": "1,234"})), &price),
        (
            "Order Refunded",
            line(json!({"quantity": "2,0"})),
            &quantity,
        ),
        (
            "Order Completed",
            line(json!({"quantity": "2,0"})),
            &quantity,
        ),
        (
            "Order Completed",
            line(json!({"price": null, "quantity": ""})),
            &silent,
        ),
        ("Quiz Taken", json!({"price": "12,50"}), &silent),
    ] {
        let message = with(track_with("m", properties), json!({"event": event}));
        let found = outcome(&[], &message);
        assert_eq!(found["warnings"], *warnings, "{message}");
    }
    let lines_blocked = [("EVENTS_BLOCKED", "Ordered Product")];
    let message = with(
        track_with("m", line(json!({"price": "free"}))),
        json!({"event": "Order Completed"}),
    );
    assert_eq!(outcome(&lines_blocked, &message)["warnings"], price);
    let no_names = [("KLAVIYO_PROPERTY_NAMES", "false")];
    let message = track_with("m", json!({"price": "12,50"}));
    assert_eq!(outcome(&no_names, &message)["warnings"], silent);
}

#[test]
fn a_line_with_an_empty_quantity_is_one_piece() {
    for (line, total) in [
        (json!({"price": 5}), json!(5)),
        (json!({"price": 5, "quantity": null}), json!(5)),
        (json!({"price": 5, "quantity": ""}), json!(5)),
        (
            json!({"price": 5, "quantity": null, "Quantity": 2}),
            json!(10),
        ),
        (json!({"price": 5, "quantity": 0}), json!(0)),
        (json!({"price": 5, "quantity": "many"}), Value::Null),
    ] {
        let properties = json!({"email": SARAH, "order_id": "R1", "products": [line]});
        let found = outcome(
            &[],
            &with(order("R1", 0), json!({"properties": properties})),
        );
        let event = &found["requests"][1]["POST /api/events"]["attributes"];
        assert_eq!(
            event.get("value").cloned().unwrap_or_default(),
            total,
            "{line}"
        );
    }
}

#[test]
fn whole_amounts_of_64_bits_stay_whole() {
    for (revenue, written) in [
        (json!(39.0), "39"),
        (json!("9007199254740992"), "9007199254740992"),
        (json!(1_000_000_000_000_000_000_i64), "1000000000000000000"),
        (json!("-1e18"), "-1000000000000000000"),
        (json!(0.1), "0.1"),
    ] {
        let found = value(&[], &track_with("m", json!({"revenue": revenue})));
        assert_eq!(found[0].to_string(), written, "{revenue}");
    }
}
