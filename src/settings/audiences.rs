//! The lists of Segment Engage's audiences.

use crate::domain::ListId;
use crate::json;

/// Whether audiences change lists, and which list an audience has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceLists {
    /// Messages of audiences are sent like any other.
    Off,
    /// Each audience changes the list that it is connected to.
    Connected,
    /// These keys of audiences have these lists, unless an audience is connected to another.
    Pairs(Vec<(String, ListId)>),
}

impl AudienceLists {
    /// Whether audiences change lists.
    pub fn is_on(&self) -> bool {
        *self != AudienceLists::Off
    }

    /// Returns the list that is named for the audience with this key.
    pub fn list_of(&self, key: &str) -> Option<&ListId> {
        let AudienceLists::Pairs(pairs) = self else {
            return None;
        };
        let (_, list_id) = pairs
            .iter()
            .find(|(name, _)| json::is_same_key(name, key))?;
        Some(list_id)
    }
}
