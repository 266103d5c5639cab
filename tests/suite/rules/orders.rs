//! Lines of orders.

use serde_json::{Value, json};

use super::outcome::{events_and_left_out, with};
use crate::support::messages::order;
use crate::support::people::SARAH;

#[test]
fn an_unreadable_quantity_is_not_guessed() {
    for (line, value, is_left_out) in [
        (json!({"price": "2.5"}), json!(2.5), false),
        (json!({"price": 2.5, "quantity": "2"}), json!(5), false),
        (json!({"price": 2.5, "quantity": "1,5"}), Value::Null, true),
        (json!({"quantity": 2}), Value::Null, false),
    ] {
        let properties = json!({"email": SARAH, "products": [line]});
        let message = with(order("R1", 0), json!({"properties": properties}));
        let (events, left_out) = events_and_left_out(&[], &message);
        assert_eq!(events[1]["value"], value, "{line}");
        assert_eq!(left_out == ["quantity"], is_left_out, "{line}");
    }
}
