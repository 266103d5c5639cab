//! Control characters in messages, which must not reach the terminal.

use super::*;

/// Text with characters that would clear the screen, change the color or reverse the text.
fn control_characters(text: &str) -> String {
    format!("\u{1b}[2J{text}\u{9b}31m\u{7f}\u{202a}\u{202e}\u{2066}\u{2069}\r")
}

fn is_control_character(c: char) -> bool {
    (c.is_control() && c != '\n')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Returns messages with control characters in all places from which the program prints.
fn messages_with_control_characters() -> Value {
    let bad = control_characters;
    let line = |id: i32| json!({"product_id": id, "price": 5, bad("line"): {bad("in"): [bad("of"), {bad("it"): 1}]}});
    let mut completed = order("R1", 0);
    let properties = &mut completed["properties"];
    properties["products"] = json!([line(1), line(2), line(3)]);
    properties[bad("key")] = json!({bad("b"): {bad("c"): bad("d")}, "list": [1, bad("e")]});
    properties["currency"] = bad("f").into();
    properties["coupon"] = bad("g").into();

    let mut signed = completed.clone();
    signed["event"] = bad("Signed").into();
    signed["messageId"] = bad("id").into();

    let traits = json!({
        "email": SARAH, "title": bad("x"), bad("trait"): {bad("y"): bad("z")},
        "address": {"city": bad("York"), bad("w"): [{bad("v"): bad("u")}]},
    });
    let options = json!({"Klaviyo": {"listId": bad("list"), "fieldsToAppend": [bad("trait")], bad("option"): 1}});
    let profile = identify(&traits, &options);

    let mut unknown = track("m", &json!({}));
    unknown["type"] = bad("type").into();
    unknown["userId"] = bad("user").into();

    // The fields of the sixth product are listed by name.
    let mut sixth = order("R2", 0);
    let first = json!({bad("it"): 1, bad("and"): 3});
    let second = json!({bad("it"): 2});
    let last = json!({"product_id": 9, bad("line"): {bad("in"): [first, second], bad("on"): 4}});
    sixth["properties"]["products"] = json!([null, null, null, null, null, last]);

    json!([completed, signed, profile, unknown, sixth])
}

#[test]
fn control_characters_in_messages_are_not_printed() {
    let messages = messages_with_control_characters();
    for arguments in [
        &[][..],
        &["--json"],
        &["--diff", "KLAVIYO_PROPERTY_NAMES=false"],
        &["--diff", "METRIC_NAMES=klaviyo"],
    ] {
        let output = explain(arguments, &messages);
        for line in output.lines() {
            assert!(
                !line.contains(is_control_character),
                "{arguments:?} {line:?}"
            );
        }
        assert!(output.contains("Signed"), "{output}");
    }
}
