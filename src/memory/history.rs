//! The people whom an id has meant, and when.

use serde::{Deserialize, Serialize};

use super::sightings::Sighting;
use crate::domain::Email;

/// The people whom an id has meant, in the order of time.
///
/// Messages arrive in any order, so each person has the times between which they were seen, and a
/// message goes to whoever it was at its own time. An id that means more people than it can be is
/// shared by strangers, as `guest` may be, and means nobody any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// The stretches of time, none of which overlaps another.
    people: Vec<Stretch>,
    /// Whether the id is shared by strangers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_shared: bool,
}

/// A stretch of time in which an id meant one person. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    email: String,
    since: i64,
    until: i64,
}

/// How many people an id may mean before nobody is to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    people: usize,
    stretches: usize,
}

impl Limits {
    /// A person's account: whoever has two addresses has changed the first.
    pub(super) const USER: Limits = Limits {
        people: 2,
        stretches: 3,
    };
    /// A device, which a family may share.
    pub(super) const VISITOR: Limits = Limits {
        people: 4,
        stretches: 12,
    };
}

impl History {
    /// Adds that somebody was seen. Returns whether that says anything new.
    pub(super) fn record(&mut self, sighting: &Sighting, limits: Limits) -> bool {
        let (email, at) = (sighting.email.as_str(), sighting.at);
        if self.is_shared || (sighting.is_hearsay && self.means_somebody_but(email)) {
            return false;
        }
        let position = self.people.partition_point(|stretch| stretch.since <= at);
        let mut before = position
            .checked_sub(1)
            .and_then(|n| self.people.get(n).cloned());
        if let Some(stretch) = &mut before
            && stretch.email == email
        {
            if at <= stretch.until {
                return false;
            }
            stretch.until = at;
            self.replace(position - 1, stretch.clone());
            self.join(position - 1);
            return true;
        }
        // Somebody else was seen before and after it, and the ends are all that is known.
        let is_within = before
            .as_ref()
            .is_some_and(|stretch| stretch.until >= at && stretch.until > stretch.since);
        let next = self.people.get(position).cloned();
        if let Some(mut next) = next
            && next.email == email
            && !is_within
        {
            next.since = at;
            self.replace(position, next);
            return true;
        }
        let mut added = vec![Stretch {
            email: email.to_owned(),
            since: at,
            until: at,
        }];
        if let Some(mut stretch) = before
            && is_within
        {
            added.push(Stretch {
                since: stretch.until,
                ..stretch.clone()
            });
            stretch.until = stretch.since;
            self.replace(position - 1, stretch);
        }
        self.people.splice(position..position, added);
        self.forget_if_shared(limits);
        true
    }

    /// Returns the address of whoever the id meant at a time: the last one who was seen before it,
    /// else the first one after it.
    pub(super) fn email_at(&self, at: i64) -> Option<Email> {
        let position = self.people.partition_point(|stretch| stretch.since <= at);
        let stretch = self.people.get(position.saturating_sub(1))?;
        Email::parse(&stretch.email)
    }

    /// Returns every address.
    pub(super) fn emails(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|stretch| stretch.email.as_str())
    }

    fn means_somebody_but(&self, email: &str) -> bool {
        self.emails().any(|other| other != email)
    }

    fn replace(&mut self, position: usize, stretch: Stretch) {
        if let Some(present) = self.people.get_mut(position) {
            *present = stretch;
        }
    }

    /// Makes one stretch of the one at `position` and the next, if they are the same person.
    fn join(&mut self, position: usize) {
        let (Some(one), Some(next)) = (self.people.get(position), self.people.get(position + 1))
        else {
            return;
        };
        if one.email == next.email {
            let until = next.until;
            self.people.remove(position + 1);
            if let Some(one) = self.people.get_mut(position) {
                one.until = until;
            }
        }
    }

    fn forget_if_shared(&mut self, limits: Limits) {
        let mut people: Vec<_> = self.emails().collect();
        people.sort_unstable();
        people.dedup();
        if people.len() > limits.people || self.people.len() > limits.stretches {
            self.people = Vec::new();
            self.is_shared = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the history after these sightings: `a3` is `a@klaviyo-demo.com` at 3.
    fn history(sightings: &[&str], limits: Limits) -> History {
        let mut history = History::default();
        for sighting in sightings {
            let (name, at) = sighting.split_at(1);
            let sighting = Sighting {
                email: Email::parse(&format!("{name}@klaviyo-demo.com")).unwrap(),
                at: at.trim_end_matches('?').parse().unwrap(),
                is_hearsay: at.ends_with('?'),
            };
            history.record(&sighting, limits);
        }
        history
    }

    fn at(history: &History, moment: i64) -> String {
        let email = history.email_at(moment);
        email.map_or_else(String::new, |email| email.as_str()[..1].to_owned())
    }

    #[test]
    fn an_id_means_whoever_was_seen_last_or_comes_first() {
        for (sightings, expected) in [
            (&[][..], ["", "", "", ""]),
            (&["a2"], ["a", "a", "a", "a"]),
            (&["a2", "b5"], ["a", "a", "b", "b"]),
            (&["b5", "a2"], ["a", "a", "b", "b"]),
            (&["a2", "a7", "b5"], ["a", "a", "b", "a"]),
            (&["a7", "b5", "a2"], ["a", "a", "b", "a"]),
            (&["a2", "b5", "a3", "b4"], ["a", "b", "b", "b"]),
            (&["a2", "b5?"], ["a", "a", "a", "a"]),
            (&["b5?", "a2"], ["a", "a", "b", "b"]),
        ] {
            let history = history(sightings, Limits::VISITOR);
            let found = [1, 4, 6, 8].map(|moment| at(&history, moment));
            assert_eq!(found, expected, "{sightings:?}");
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let orders = [
            ["a1", "b3", "a5", "c7"],
            ["c7", "a5", "b3", "a1"],
            ["b3", "c7", "a1", "a5"],
            ["a5", "a1", "c7", "b3"],
        ];
        for order in orders {
            let history = history(&order, Limits::VISITOR);
            let found: String = (0..9).map(|moment| at(&history, moment)).collect();
            assert_eq!(found, "aaabbaacc", "{order:?}");
        }
    }

    #[test]
    fn an_id_of_strangers_means_nobody_for_good() {
        let account = history(&["a1", "b2"], Limits::USER);
        assert_eq!(at(&account, 3), "b", "somebody has a new address");
        for sightings in [
            &["a1", "b2", "c3", "c4"][..],
            &["a1", "b2", "a3", "b4", "a5"],
        ] {
            assert_eq!(
                at(&history(sightings, Limits::USER), 9),
                "",
                "{sightings:?}"
            );
        }
        let family = history(&["a1", "b2", "c3", "d4"], Limits::VISITOR);
        assert_eq!(at(&family, 3), "c");
        let shop = history(&["a1", "b2", "c3", "d4", "e5", "e6"], Limits::VISITOR);
        assert_eq!(at(&shop, 6), "");
    }
}
