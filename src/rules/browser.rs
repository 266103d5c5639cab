//! Messages of a website.

use crate::segment::Message;

/// Whether a browser sent the message, by its channel or its library:
/// <https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/>
pub(super) fn is_from_browser(message: &Message) -> bool {
    let channel = message.channel.as_deref().unwrap_or_default();
    let library = message.library.as_deref().unwrap_or_default();
    let library = library.to_ascii_lowercase();
    ["client", "browser"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(channel))
        || ["analytics.js", "analytics-next"]
            .iter()
            .any(|name| library.contains(name))
}
