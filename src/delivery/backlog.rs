//! Deliveries that mean more than the function has memory for: a few kilobytes can be an order of
//! thousands of lines. What exceeds a slice is planned and sent after it, slice by slice.

use super::in_flight::InFlight;
use super::inbound::InboundMessage;
use crate::settings::RuleSettings;

/// The weight of a slice: about so many bytes of memory. Every ordinary delivery weighs less, and is
/// one slice. A message that is heavier is a slice by itself.
const MAX_WEIGHT: usize = 32_000_000;

/// The messages of a delivery.
pub struct Delivery<'a> {
    /// The messages that are planned: all but events that exceed a slice.
    pub batch: Vec<InFlight<'a>>,
    /// The events that are left.
    pub backlog: Backlog<'a>,
}

/// Messages that are nothing but events, which may go in any order. None of them is planned.
#[derive(Default)]
pub struct Backlog<'a> {
    /// The messages with their places in the delivery. The last one is the next.
    waiting: Vec<(usize, InboundMessage<'a>)>,
}

/// Messages of a backlog that are planned together, and their places in the delivery.
#[derive(Default)]
pub struct Slice<'a> {
    /// The messages.
    pub batch: Vec<InFlight<'a>>,
    /// The place of each of them.
    pub places: Vec<usize>,
}

impl<'a> Delivery<'a> {
    /// Applies the rules to the messages of a delivery, as far as its memory allows.
    pub fn plan(
        messages: impl IntoIterator<Item = InboundMessage<'a>>,
        settings: &RuleSettings,
    ) -> Self {
        let mut batch = Vec::new();
        let mut waiting = Vec::new();
        let mut weight = 0;
        for (place, mut inbound) in messages.into_iter().enumerate() {
            if weight >= MAX_WEIGHT && inbound.is_only_events(settings) {
                inbound.forget_objects();
                waiting.push((place, inbound));
                continue;
            }
            let message = InFlight::new(inbound, settings);
            weight += message.weight();
            batch.push(message);
        }
        // The small ones go first, as the large ones may take all the time.
        waiting.sort_by_key(|(_, inbound)| std::cmp::Reverse(inbound.raw.get().len()));
        Delivery {
            batch,
            backlog: Backlog { waiting },
        }
    }

    /// Returns the number of messages.
    pub fn len(&self) -> usize {
        self.batch.len() + self.backlog.waiting.len()
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Backlog<'a> {
    /// Plans the next slice; none if nothing is left.
    pub fn next_slice(&mut self, settings: &RuleSettings) -> Option<Slice<'a>> {
        let mut slice = Slice::default();
        let mut weight = 0;
        while weight < MAX_WEIGHT
            && let Some((place, mut inbound)) = self.waiting.pop()
        {
            inbound.read_again();
            let message = InFlight::new(inbound, settings);
            weight += message.weight();
            slice.push(place, message);
        }
        Some(slice).filter(|slice| !slice.batch.is_empty())
    }

    /// Puts everything off that is left, since there is no time for it; none if nothing is left.
    pub fn put_off(&mut self) -> Option<Slice<'a>> {
        let mut slice = Slice::default();
        for (place, inbound) in self.waiting.drain(..) {
            slice.push(place, InFlight::put_off(inbound));
        }
        Some(slice).filter(|slice| !slice.batch.is_empty())
    }
}

impl<'a> Slice<'a> {
    fn push(&mut self, place: usize, message: InFlight<'a>) {
        self.batch.push(message);
        self.places.push(place);
    }
}
