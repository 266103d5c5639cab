//! Operations → calls → what became of each, inside a time budget.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::klaviyo::{Call, Identity, Klaviyo, Operation, Verdict};
use crate::outcome::{Rejected, Unfinished};
use crate::secrets::{Doubt, Secrets};

/// Calls under way at once: under Klaviyo's burst limits, over what one connection would wait for.
const CONCURRENCY: usize = 20;

/// The ceiling of the first pause before another try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_600);

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
    Never(Rejected),
    /// It may be later.
    Later(Unfinished),
}

/// Klaviyo and the time there is for it.
pub struct Delivery<'d> {
    klaviyo: &'d Klaviyo,
    secrets: &'d Secrets,
    deadline: Instant,
    calls: Cell<u32>,
    throttled: Cell<u32>,
}

impl<'d> Delivery<'d> {
    /// A delivery that ends at `deadline`, whatever Klaviyo does.
    pub fn new(klaviyo: &'d Klaviyo, secrets: &'d Secrets, deadline: Instant) -> Self {
        Delivery {
            klaviyo,
            secrets,
            deadline,
            calls: Cell::new(0),
            throttled: Cell::new(0),
        }
    }

    /// Requests sent so far, and how many of them were throttled.
    pub fn counts(&self) -> (u32, u32) {
        (self.calls.get(), self.throttled.get())
    }

    /// Does the work and says, in the work's order, what became of each piece.
    ///
    /// Profiles go before what names them. Subscriptions go last, and only when all else is settled:
    /// Segment resends whole deliveries, and a subscription sent twice asks for confirmation twice.
    pub async fn deliver(&self, work: &[Work<'_>]) -> Vec<Result<(), Unmet>> {
        let mut results: Vec<Result<(), Unmet>> = vec![Ok(()); work.len()];
        let (mut imports, mut records, mut subscriptions) = (Vec::new(), Vec::new(), Vec::new());
        for (index, Work { operation, .. }) in work.iter().enumerate() {
            match operation {
                Operation::Import(_) => imports.push(index),
                Operation::Record(_) => records.push(index),
                Operation::Subscribe(_) => subscriptions.push(index),
            }
        }
        self.run(work, by_profile(work, imports), &mut results)
            .await;
        self.run(work, each(records), &mut results).await;

        let unfinished = results
            .iter()
            .any(|result| matches!(result, Err(Unmet::Later(_))));
        if unfinished {
            set(&mut results, &subscriptions, |_| {
                Err(Unmet::Later(Unfinished::HeldBack))
            });
            return results;
        }
        // A message whose profile Klaviyo refuses is not subscribed either.
        let refused: HashMap<usize, Unmet> = work
            .iter()
            .zip(&results)
            .filter_map(|(work, result)| Some((work.message, result.as_ref().err()?.clone())))
            .collect();
        let of_refused =
            |index: &usize| work.get(*index).and_then(|work| refused.get(&work.message));
        let (without_profile, subscriptions): (Vec<_>, Vec<_>) = subscriptions
            .into_iter()
            .partition(|index| of_refused(index).is_some());
        set(&mut results, &without_profile, |index| {
            Err(of_refused(&index)
                .cloned()
                .unwrap_or(Unmet::Later(Unfinished::HeldBack)))
        });
        self.run(work, each(subscriptions), &mut results).await;
        results
    }

    /// Runs chains side by side, the links of each one after another.
    async fn run(
        &self,
        work: &[Work<'_>],
        chains: Vec<Vec<usize>>,
        results: &mut [Result<(), Unmet>],
    ) {
        let run = |chain: Vec<usize>| async move {
            let mut done = Vec::with_capacity(chain.len());
            for index in chain {
                if let Some(work) = work.get(index) {
                    done.push((index, self.settle(&work.operation).await));
                }
            }
            done
        };
        let mut chains = stream::iter(chains.into_iter().map(run)).buffer_unordered(CONCURRENCY);
        while let Some(done) = chains.next().await {
            for (index, result) in done {
                if let Some(slot) = results.get_mut(index) {
                    *slot = result;
                }
            }
        }
    }

    /// Sends one operation until Klaviyo has acknowledged or refused it, or time is over.
    async fn settle(&self, operation: &Operation<'_>) -> Result<(), Unmet> {
        let mut call = single(operation)?;
        let mut lesser = None;
        let mut secret = self.secrets.current().await;
        for attempt in 0.. {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.calls.set(self.calls.get() + 1);
            let Err(error) = self
                .klaviyo
                .send(secret.klaviyo_api_key(), &call, left)
                .await
            else {
                return Ok(());
            };
            match error.verdict() {
                Verdict::Again { after, cause } => {
                    if matches!(cause, Unfinished::Throttled(_)) {
                        self.throttled.set(self.throttled.get() + 1);
                    }
                    let pause = after.unwrap_or_else(|| jitter(attempt));
                    if Instant::now() + pause >= self.deadline {
                        return Err(Unmet::Later(cause));
                    }
                    sleep(pause).await;
                }
                Verdict::NewKey => {
                    let fresh = self.secrets.refreshed(Doubt::KlaviyoKey, &secret).await;
                    if fresh.klaviyo_api_key() == secret.klaviyo_api_key() {
                        return Err(Unmet::Later(Unfinished::KeyRefused));
                    }
                    secret = fresh;
                }
                Verdict::Never(refusal) => {
                    let smaller = lesser
                        .as_ref()
                        .unwrap_or(operation)
                        .without_what_is_refused(refusal);
                    let smaller = smaller.ok_or_else(|| Unmet::Never(refusal.rejected()))?;
                    call = single(&smaller)?;
                    lesser = Some(smaller);
                }
            }
        }
        Err(Unmet::Later(Unfinished::OutOfTime))
    }
}

/// A body that cannot be written as JSON cannot come from one that was read as JSON; should it happen,
/// the message is handed back rather than dropped.
fn single(operation: &Operation) -> Result<Call, Unmet> {
    Call::single(operation).map_err(|_| Unmet::Later(Unfinished::Unavailable))
}

fn set(
    results: &mut [Result<(), Unmet>],
    indexes: &[usize],
    result: impl Fn(usize) -> Result<(), Unmet>,
) {
    for &index in indexes {
        if let Some(slot) = results.get_mut(index) {
            *slot = result(index);
        }
    }
}

fn each(indexes: Vec<usize>) -> Vec<Vec<usize>> {
    indexes.into_iter().map(|index| vec![index]).collect()
}

/// Imports of one profile stay in Segment's order: the later identify wins.
fn by_profile(work: &[Work<'_>], indexes: Vec<usize>) -> Vec<Vec<usize>> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    let mut chain_of: HashMap<&Identity, usize> = HashMap::new();
    for index in indexes {
        let Some(Work {
            operation: Operation::Import(profile),
            ..
        }) = work.get(index)
        else {
            continue;
        };
        let place = *chain_of.entry(&profile.identity).or_insert(chains.len());
        match chains.get_mut(place) {
            Some(chain) => chain.push(index),
            None => chains.push(vec![index]),
        }
    }
    chains
}

/// Full jitter: anything up to a ceiling that doubles.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn jitter(attempt: u32) -> Duration {
    let ceiling = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(LONGEST_PAUSE);
    ceiling.mul_f64(fastrand::f64())
}
