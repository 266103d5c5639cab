//! Lines of orders.

use serde_json::{Value, json};

use super::outcome::{events, with};
use crate::support::messages::order;
use crate::support::people::SARAH;

#[test]
fn an_unreadable_quantity_is_not_guessed() {
    for (line, value) in [
        (json!({"price": "2.5"}), json!(2.5)),
        (json!({"price": 2.5, "quantity": "2"}), json!(5)),
        (json!({"price": 2.5, "quantity": "1,5"}), Value::Null),
        (json!({"quantity": 2}), Value::Null),
    ] {
        let properties = json!({"email": SARAH, "products": [line]});
        let message = with(order("R1", 0), json!({"properties": properties}));
        assert_eq!(events(&[], &message)[1]["value"], value, "{line}");
    }
}
