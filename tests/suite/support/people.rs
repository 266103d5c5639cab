//! The people that messages are about. Klaviyo drops addresses at example.com.

pub(crate) const SARAH: &str = "sarah@klaviyo-demo.com";
pub(crate) const LI: &str = "li@klaviyo-demo.com";
/// A number that no provider gives out.
pub(crate) const PHONE: &str = "+15005550006";

/// Returns the address of one of many people.
pub(crate) fn person(number: usize) -> String {
    format!("p{number}@klaviyo-demo.com")
}
