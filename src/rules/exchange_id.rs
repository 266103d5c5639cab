//! Klaviyo's own id of a person, `_kx`, which its links and its website script hand out:
//! <https://developers.klaviyo.com/en/docs/guide_to_identifying_profiles>

use std::borrow::Cow;

use reqwest::Url;

use super::context::RuleContext;
use crate::json::{self, RawObject};
use crate::outcome::LeftOut;
use crate::segment::Message;

/// The keys of the id among the traits, and among the properties with `ACCEPT_KX`.
pub(super) const EXCHANGE_ID_KEYS: [&str; 2] = ["exchangeId", PARAMETER];

/// The name of the id in the address of a page.
const PARAMETER: &str = "_kx";

/// The most bytes of such an id. Klaviyo's own have fewer than 100, and beside an event there is room
/// for little more.
const MAX_BYTES: usize = 1_000;

const EXCHANGE_ID: LeftOut = LeftOut {
    field: "exchangeId",
    expected: "an id of Klaviyo's, of at most 1,000 bytes",
};

/// Returns the first id among the traits and, with `ACCEPT_KX`, among the properties and in the query
/// of the page. One that is too long is left out, and gives way to the next.
pub(super) fn find<'a>(
    context: &RuleContext<'_, 'a>,
    traits: &RawObject<'a>,
) -> Option<Cow<'a, str>> {
    let message = context.message;
    let in_object = |object: &RawObject<'a>| object.find(&EXCHANGE_ID_KEYS, json::identifier);
    if let Some(id) = fitting(context, in_object(traits)) {
        return Some(id);
    }
    if !context.settings.accept_kx {
        return None;
    }
    let id = fitting(context, in_object(&message.properties));
    id.or_else(|| fitting(context, in_page(message)))
}

/// Leaves an id out that is too long.
fn fitting<'a>(context: &RuleContext, id: Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let id = id?;
    if id.len() > MAX_BYTES {
        context.leave_out(EXCHANGE_ID);
        return None;
    }
    Some(id)
}

/// Returns the id in the query of `context.page.url` or `context.page.search`, which Segment's
/// website library sends with every event of the page that a mail's link has opened.
fn in_page<'a>(message: &Message<'a>) -> Option<Cow<'a, str>> {
    // Few messages have it, and reading a query takes longer than looking for its name.
    if !message.context?.get().contains(PARAMETER) {
        return None;
    }
    let page = RawObject::parse(message.context?)?.object("page");
    page.find(&["url", "search"], |raw| in_query(&json::string(raw)?))
}

fn in_query(address: &str) -> Option<Cow<'static, str>> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next()?;
    // Only the query counts: a site may live at any address, or at none that can be read.
    let mut url = Url::parse("https://localhost").ok()?;
    url.set_query(Some(query));
    let (_, id) = url.query_pairs().find(|(name, _)| name == PARAMETER)?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_one_parameter_of_the_query() {
        for (address, expected) in [
            (
                "https://klaviyo-demo.com/?_kx=Xk2-demo.Ab_C",
                Some("Xk2-demo.Ab_C"),
            ),
            (
                "?utm_source=mail&_kx=Xk2%2Ddemo.AbC#top",
                Some("Xk2-demo.AbC"),
            ),
            ("not an address?_kx=Xk2&_kx=Xk3", Some("Xk2")),
            ("https://klaviyo-demo.com/?_kx=%20", None),
            ("https://klaviyo-demo.com/?my_kx=Xk2", None),
            ("https://klaviyo-demo.com/#?_kx", None),
            ("https://klaviyo-demo.com/?q=#_kx=Xk2", None),
            ("_kx=Xk2", None),
        ] {
            assert_eq!(in_query(address).as_deref(), expected, "{address}");
        }
    }
}
