//! Operations → calls → what became of each, inside a time budget.

mod lookup;
mod merge;
mod people;
mod refusal;
mod send;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::klaviyo::{Klaviyo, Operation, PlannedRequest, SUBSCRIBERS, build_requests};
use crate::outcome::{RejectReason, RetryReason};
use crate::secrets::Secrets;
use merge::{Item, Stages};
use send::NotDone;

/// Calls under way at once: enough that one waits for no other, few enough not to be throttled at once.
const CONCURRENCY: usize = 20;

/// The part of a delivery's time that is kept for subscriptions.
const RESERVED_PART: u32 = 4;

/// An operation and the message it is for.
#[derive(Debug)]
pub struct Work<'a> {
    /// The message's place in the delivery.
    pub message: usize,
    /// What is to be done.
    pub operation: Operation<'a>,
}

/// Why an operation is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// It can never be.
    Never(RejectReason),
    /// It may be later.
    Later(RetryReason),
}

/// What became of each piece of work, in the work's order.
pub type Results = Vec<Result<(), Unmet>>;

/// A delivery whose subscriptions are still to be sent. Until then they count as held back.
pub struct Partial<'a> {
    messages: Vec<usize>,
    /// What became of each piece of work so far.
    pub results: Results,
    subscriptions: Vec<Item<'a>>,
}

/// Klaviyo and the time there is for it.
pub struct Delivery<'d> {
    klaviyo: &'d Klaviyo,
    secrets: &'d Secrets,
    deadline: Instant,
    /// Subscriptions are started only while there is this much time left.
    reserve: Duration,
    slots: Semaphore,
    latencies: RefCell<Vec<u64>>,
    throttled: Cell<usize>,
}

impl<'d> Delivery<'d> {
    /// A delivery that ends at `deadline`, whatever Klaviyo does.
    pub fn new(klaviyo: &'d Klaviyo, secrets: &'d Secrets, deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        Delivery {
            klaviyo,
            secrets,
            deadline,
            reserve: left / RESERVED_PART,
            slots: Semaphore::new(CONCURRENCY),
            latencies: RefCell::default(),
            throttled: Cell::new(0),
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// How long each request took that was sent so far, in milliseconds, and how many were throttled.
    pub fn counts(&self) -> (Vec<u64>, usize) {
        (self.latencies.borrow().clone(), self.throttled.get())
    }

    /// Does all of the work that may be done twice: profiles before what names them, deletions after what
    /// could bring the profile back.
    pub async fn before_subscriptions<'a>(&self, work: Vec<Work<'a>>) -> Partial<'a> {
        let messages = work.iter().map(|work| work.message).collect();
        let mut results: Results =
            vec![Err(Unmet::Later(RetryReason::WaitingForBatch)); work.len()];
        let stages = Stages::of(work);
        let refused = self
            .run(stages.profiles, build_requests, &mut results)
            .await;
        self.run(stages.events, build_requests, &mut results).await;
        self.run_by_id(stages.removals, &mut results).await;
        let mut chains: VecDeque<_> = stages.chains.into_iter().chain(waves(refused)).collect();
        while let Some(wave) = chains.pop_front() {
            let refused = self.run(wave, build_requests, &mut results).await;
            chains.extend(waves(refused));
        }
        let (by_id, by_address) = stages.deletions.into_iter().partition(lookup::is_needed);
        self.run(by_address, build_requests, &mut results).await;
        self.run_by_id(by_id, &mut results).await;
        self.run(stages.unsubscriptions, build_requests, &mut results)
            .await;
        for item in stages.void {
            item.settle(&Ok(()), &mut results);
        }
        Partial {
            messages,
            results,
            subscriptions: stages.subscriptions,
        }
    }

    /// Sends the subscriptions of the messages that `may_go`: a subscription sent twice asks for confirmation
    /// twice. So they go last, not when there is hardly time to hear of them, and one job after another: what
    /// one job meets the next need not.
    pub async fn subscriptions(
        &self,
        partial: Partial<'_>,
        may_go: impl Fn(usize) -> bool,
    ) -> Results {
        let Partial {
            messages,
            mut results,
            subscriptions,
        } = partial;
        let in_time = self.left() >= self.reserve;
        let refused = merge::refused(&messages, &results);
        let mut kinds: BTreeMap<_, Vec<Item>> = BTreeMap::new();
        for item in subscriptions {
            // A message whose profile Klaviyo refuses is not subscribed either.
            let refusals: Option<Vec<_>> = item
                .messages(&messages)
                .map(|message| refused.get(&message))
                .collect();
            if let Some(unmet) = refusals.as_deref().and_then(|refusals| refusals.first()) {
                item.settle(&Err((*unmet).clone()), &mut results);
            } else if !in_time && item.messages(&messages).all(&may_go) {
                item.settle(&Err(Unmet::Later(RetryReason::Timeout)), &mut results);
            } else if item.messages(&messages).all(&may_go) {
                let confirms = matches!(&item.operation, Operation::Subscribe(it) if it.consented_at.is_none());
                kinds
                    .entry((item.operation.operation_id(), confirms))
                    .or_default()
                    .push(item);
            }
        }
        for mut items in kinds.into_values() {
            while !items.is_empty() {
                let rest = items.split_off(items.len().min(SUBSCRIBERS));
                let places: Vec<_> = items.iter().flat_map(Item::places).collect();
                self.run(
                    std::mem::replace(&mut items, rest),
                    build_requests,
                    &mut results,
                )
                .await;
                if places
                    .iter()
                    .any(|place| matches!(results.get(*place), Some(Err(Unmet::Later(_)))))
                {
                    return results;
                }
            }
        }
        results
    }

    /// Sends items side by side until each is settled. What a refused job leaves over goes again at once;
    /// what was merged and is refused comes back as the chains that it was.
    async fn run<'a>(
        &self,
        items: Vec<Item<'a>>,
        pack: impl Fn(&[&Operation<'a>]) -> Vec<PlannedRequest>,
        results: &mut Results,
    ) -> Vec<Vec<Item<'a>>> {
        // Most deliveries have nothing for most stages.
        if items.is_empty() {
            return Vec::new();
        }
        let mut apart = Vec::new();
        let mut waiting = vec![items];
        let mut under_way = FuturesUnordered::new();
        loop {
            for items in waiting.drain(..) {
                let operations: Vec<_> = items.iter().map(|item| &item.operation).collect();
                let packed = pack(&operations);
                let mut items: Vec<_> = items.into_iter().map(Some).collect();
                for packed in packed {
                    let taken = |index: usize| Some((index, items.get_mut(index)?.take()?));
                    let members: Vec<_> = packed.members().filter_map(taken).collect();
                    under_way.push(async { (self.send(&packed.call).await, packed, members) });
                }
            }
            let Some((result, packed, members)) = under_way.next().await else {
                return apart;
            };
            match result {
                Ok(_) => members
                    .into_iter()
                    .for_each(|(_, item)| item.settle(&Ok(()), results)),
                Err(NotDone::Later(cause)) => {
                    let unmet = Err(Unmet::Later(cause));
                    members
                        .into_iter()
                        .for_each(|(_, item)| item.settle(&unmet, results));
                }
                Err(NotDone::Refused(refusal)) => {
                    let left = refusal::sort_out(&packed, members, &refusal);
                    for (item, why) in left.rejected {
                        item.settle(&Err(Unmet::Never(why)), results);
                    }
                    waiting.extend(left.again);
                    apart.extend(left.apart);
                }
            }
        }
    }
}

/// Chains as waves: the first links of all, then the second ones.
fn waves(chains: Vec<Vec<Item<'_>>>) -> Vec<Vec<Item<'_>>> {
    let mut waves: Vec<Vec<Item>> = Vec::new();
    for (wave, item) in chains
        .into_iter()
        .flat_map(|chain| chain.into_iter().enumerate())
    {
        match waves.get_mut(wave) {
            Some(items) => items.push(item),
            None => waves.push(vec![item]),
        }
    }
    waves
}
