//! Places in a JSON document.

use std::fmt;

/// A place in a request's body. It is displayed as a JSON pointer:
/// <https://www.rfc-editor.org/rfc/rfc6901>
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pointer<'p> {
    /// The whole document.
    Root,
    /// A member of an object.
    Member(&'p Pointer<'p>, &'p str),
    /// An item of an array.
    Item(&'p Pointer<'p>, usize),
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pointer::Root => Ok(()),
            Pointer::Member(parent, name) => {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                write!(formatter, "{parent}/{escaped}")
            }
            Pointer::Item(parent, index) => write!(formatter, "{parent}/{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_members_and_items_from_the_root() {
        let list = Pointer::Member(&Pointer::Root, "data");
        let item = Pointer::Item(&list, 7);
        assert_eq!(
            Pointer::Member(&item, "a/b~c").to_string(),
            "/data/7/a~1b~0c"
        );
    }
}
