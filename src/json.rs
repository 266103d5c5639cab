//! JSON, read one level at a time.
//!
//! Most of a message is passed on to Klaviyo unchanged, so a value that no rule looks at is never
//! decoded: it stays the bytes that Segment sent. [`RawObject`] is an object as it arrived, and
//! [`JsonObject`] one that a rule builds from such bytes and from values that it makes.

mod built;
mod key;
mod number;
mod pick;
mod raw;
mod scalar;
mod scan;
mod unescape;
mod value;

pub use built::{Json, JsonObject, serialize_like_javascript, weight, written_weight};
pub use key::{NameLetters, has_both_words, is_same_key};
pub use number::{currency_code, number};
pub use pick::pick;
pub use raw::{RawObject, array_elements, is_array_of_objects, object_members, raw_elements};
pub use scalar::{boolean, escape_noncharacters, id, identifier, is_blank, is_null, string, text};
pub use unescape::unescape;
pub use value::{Children, Raw};
