//! Keys in any spelling, as Segment's own libraries read them:
//! <https://github.com/segmentio/obj-case>

/// Whether two keys or event names are the same to Segment's own libraries, which ignore case,
/// spaces, `_` and `-`.
pub fn is_same_key(one: &str, other: &str) -> bool {
    let mut one = significant_bytes(one);
    let mut other = significant_bytes(other);
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
            _ => return false,
        }
    }
}

/// Whether a name has these two words in lower case, in this order or the other: Segment's first spec
/// had `Completed Order`, its second has `Order Completed`.
pub fn has_both_words(name: &str, one: &str, other: &str) -> bool {
    let letters = || significant_bytes(name).map(|byte| byte.to_ascii_lowercase());
    letters().eq(one.bytes().chain(other.bytes())) || letters().eq(other.bytes().chain(one.bytes()))
}

/// The letters of a name in lower case, as many as names have that rules look into.
pub struct NameLetters {
    letters: [u8; NameLetters::MAX],
    count: usize,
}

impl NameLetters {
    const MAX: usize = 64;

    /// Takes the first letters of a name.
    pub fn new(name: &str) -> Self {
        let mut letters = [0; NameLetters::MAX];
        let mut count = 0;
        for (letter, byte) in letters.iter_mut().zip(significant_bytes(name)) {
            *letter = byte.to_ascii_lowercase();
            count += 1;
        }
        NameLetters { letters, count }
    }

    /// Whether the name holds this text in lower case.
    pub fn hold(&self, text: &str) -> bool {
        let letters = self.letters.get(..self.count).unwrap_or_default();
        letters
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }
}

fn significant_bytes(key: &str) -> impl DoubleEndedIterator<Item = u8> {
    key.bytes().filter(is_significant)
}

fn is_significant(byte: &u8) -> bool {
    !matches!(byte, b' ' | b'_' | b'-')
}

/// Whether a key is camel case or snake case.
pub(super) fn is_written_as_code(key: &str) -> bool {
    let is_lower = key.starts_with(|c: char| c.is_ascii_lowercase());
    is_lower && !key.contains([' ', '-'])
}

/// The first and last letters of an object's keys, as bits. Rules look for many keys that are not
/// there, and nearly all of them end here, without a look at the keys.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyLetters(u64);

impl KeyLetters {
    /// Adds a key.
    pub(super) fn insert(&mut self, key: &str) {
        self.0 |= letters_bit(key);
    }

    /// Whether the key may be among those that were added, in any spelling.
    pub(super) fn may_contain(self, key: &str) -> bool {
        self.0 & letters_bit(key) != 0
    }
}

/// Returns a bit that every spelling of a key has, and most other keys have not.
fn letters_bit(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (first, last) = match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if is_significant(first) && is_significant(last) => {
            (*first, *last)
        }
        _ => {
            let mut bytes = significant_bytes(key);
            let first = bytes.next().unwrap_or_default();
            (first, bytes.next_back().unwrap_or(first))
        }
    };
    // Odd factors spread the letters, here in lower case, over all 64 bits.
    let position = (first | 0x20)
        .wrapping_mul(11)
        .wrapping_add((last | 0x20).wrapping_mul(23));
    1 << (position % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_key_are_one_key() {
        for (one, other, expected) in [
            ("order_id", "orderId", true),
            ("order_id", "Order ID", true),
            ("order_id", "ORDER-ID", true),
            ("_kx", "KX", true),
            ("e_", "E", true),
            ("größe", "Größe", true),
            ("order_id", "order", false),
            ("street2", "street", false),
            ("", "id", false),
            ("-", "", true),
        ] {
            assert_eq!(is_same_key(one, other), expected, "{one} {other}");
            assert_eq!(is_same_key(other, one), expected, "{other} {one}");
            let mut letters = KeyLetters::default();
            letters.insert(one);
            assert!(letters.may_contain(other) || !expected, "{one} {other}");
        }
    }

    #[test]
    fn two_words_have_two_orders() {
        for (name, expected) in [
            ("Order Completed", true),
            ("completed_order", true),
            ("ORDERCOMPLETED", true),
            ("Order", false),
            ("Order Completed Again", false),
        ] {
            assert_eq!(
                has_both_words(name, "order", "completed"),
                expected,
                "{name}"
            );
        }
        let letters = NameLetters::new("POS-Or der Placed");
        assert!(letters.hold("order") && letters.hold("placed") && !letters.hold("paid"));
        assert!(!NameLetters::new("Ord").hold("order"));
        assert!(NameLetters::new(&"order".repeat(100)).hold("order"));
    }

    #[test]
    fn most_keys_that_are_not_there_are_known_by_their_letters() {
        let mut letters = KeyLetters::default();
        for key in [
            "brand",
            "category",
            "currency",
            "name",
            "price",
            "product_id",
            "sku",
            "url",
        ] {
            letters.insert(key);
        }
        let missing = [
            "email",
            "phone",
            "firstName",
            "lastName",
            "revenue",
            "value",
            "event_id",
            "products",
            "phoneNumber",
            "exchangeId",
            "image_url",
            "quantity",
        ];
        let wrongly_kept = missing
            .iter()
            .filter(|key| letters.may_contain(key))
            .count();
        assert!(wrongly_kept <= 2, "{wrongly_kept} of {}", missing.len());
    }
}
