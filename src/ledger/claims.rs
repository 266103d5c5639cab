//! Claims on questions: who holds one may ask.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::attempt::{Attempt, Next};
use super::key::LedgerKey;
use super::table::{MAX_WRITES, Table, TableError};
use super::wire;
use crate::clock;
use crate::telemetry::Log;

/// How often writes are repeated that were cancelled: first for what the table holds instead, then
/// for transactions that were in the way.
const MAX_ROUNDS: u32 = 5;

/// The number of transactions side by side. A delivery of 1,000 people takes ten, each of them up to
/// 100 writes.
const SIDE_BY_SIDE: usize = 3;

/// The time for giving back claims of which nobody knows whether the table has them.
const RELEASE_TIME: Duration = Duration::from_millis(200);

/// The longest pause before another round.
const PAUSE: Duration = Duration::from_millis(40);

/// The right to ask one question, which has to be closed or released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    key: LedgerKey,
    attempt: Attempt,
    previous: Option<Attempt>,
    is_redriven: bool,
}

/// What the ledger says about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be asked now.
    Granted(Claim),
    /// Klaviyo has acknowledged it before.
    Answered,
    /// Somebody else may be asking it, or was when they were killed.
    UnderWay,
    /// Klaviyo has left it unanswered too often.
    GivenUp,
    /// Nobody knows: the table cannot be read.
    Unknown,
}

/// The ledger.
pub struct ConsentLedger {
    table: Table,
    log: Log,
}

impl ConsentLedger {
    /// Creates the ledger in a table.
    pub fn new(table: Table, log: Log) -> Self {
        ConsentLedger { table, log }
    }

    /// Claims questions until `deadline` at the latest. Returns a verdict for each of them. The flag of
    /// a key: whether somebody has redriven it, who wants it asked although it was given up.
    pub async fn claim(
        &self,
        keys: BTreeMap<LedgerKey, bool>,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Vec<(LedgerKey, Verdict)> {
        let claim_id = format!("{:016x}", fastrand::u64(..));
        let mut claims = Vec::with_capacity(keys.len());
        for (key, is_redriven) in keys {
            claims.push(Claim {
                key,
                attempt: Attempt::after(None, &claim_id, now),
                previous: None,
                is_redriven,
            });
        }
        let chunks: Vec<_> = claims
            .chunks(MAX_WRITES)
            .map(|chunk| self.claim_chunk(chunk.to_vec(), now, deadline))
            .collect();
        let verdicts: Vec<_> = stream::iter(chunks).buffered(SIDE_BY_SIDE).collect().await;
        verdicts.concat()
    }

    async fn claim_chunk(
        &self,
        mut waiting: Vec<Claim>,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Vec<(LedgerKey, Verdict)> {
        let mut verdicts = Vec::with_capacity(waiting.len());
        for round in 0..MAX_ROUNDS {
            let writes: Vec<_> = waiting
                .iter()
                .map(|claim| claim.write(&self.table))
                .collect();
            let cancellations = match self.table.transact(&writes, deadline).await {
                Ok(()) => {
                    for claim in waiting {
                        verdicts.push((claim.key.clone(), Verdict::Granted(claim)));
                    }
                    return verdicts;
                }
                Err(TableError::Cancelled(cancellations)) => cancellations,
                Err(error) => {
                    self.log.error("nobody is asked", &error);
                    // The table may have them all the same, and they would count as attempts.
                    self.release(&waiting, Instant::now() + RELEASE_TIME).await;
                    break;
                }
            };
            let mut left = Vec::with_capacity(waiting.len());
            for (mut claim, cancellation) in waiting.into_iter().zip(cancellations) {
                let found = cancellation.attempt();
                let verdict = match found.as_ref().map(|found| found.next(now)) {
                    Some(Next::Answered) => Some(Verdict::Answered),
                    Some(Next::Wait) => Some(Verdict::UnderWay),
                    Some(Next::GiveUp) if !claim.is_redriven => Some(Verdict::GivenUp),
                    Some(Next::Ask | Next::GiveUp) => {
                        claim.attempt =
                            Attempt::after(found.as_ref(), &claim.attempt.claim_id, now);
                        claim.previous = found;
                        None
                    }
                    None => None,
                };
                match verdict {
                    Some(verdict) => verdicts.push((claim.key, verdict)),
                    None => left.push(claim),
                }
            }
            waiting = left;
            if waiting.is_empty() {
                return verdicts;
            }
            if round > 0 {
                sleep(PAUSE.mul_f64(fastrand::f64())).await;
            }
        }
        for claim in waiting {
            verdicts.push((claim.key, Verdict::Unknown));
        }
        verdicts
    }

    /// Records that Klaviyo has acknowledged questions. If that fails, they count as under way, and
    /// may be asked once more after a while.
    pub async fn close(&self, claims: &[Claim], deadline: Instant) {
        let write = |claim: &Claim| wire::close(&self.table.name, &claim.key, &claim.attempt);
        self.write_all(claims.iter().map(write).collect(), deadline)
            .await;
    }

    /// Gives claims back whose questions were not asked. If that fails, they count as under way.
    pub async fn release(&self, claims: &[Claim], deadline: Instant) {
        let write = |claim: &Claim| {
            let Claim {
                key,
                attempt,
                previous,
                ..
            } = claim;
            wire::release(&self.table.name, key, attempt, previous.as_ref())
        };
        self.write_all(claims.iter().map(write).collect(), deadline)
            .await;
    }

    async fn write_all(&self, writes: Vec<Value>, deadline: Instant) {
        let write_chunk = async |chunk: &[Value]| {
            for _ in 0..MAX_ROUNDS {
                match self.table.transact(chunk, deadline).await {
                    Ok(()) => return,
                    // Another transaction was in the way.
                    Err(TableError::Cancelled(_)) => {
                        sleep(PAUSE.mul_f64(fastrand::f64())).await;
                    }
                    Err(error) => {
                        self.log.error("questions stay open in the ledger", &error);
                        return;
                    }
                }
            }
        };
        stream::iter(writes.chunks(MAX_WRITES))
            .for_each_concurrent(SIDE_BY_SIDE, write_chunk)
            .await;
    }

    /// Writes an entry and takes it back, as a check of the function's permissions.
    pub async fn check(&self, deadline: Instant) -> Result<(), TableError> {
        let now = clock::now();
        let claim_id = format!("{:016x}", fastrand::u64(..));
        let claim = Claim {
            key: LedgerKey::for_check(&claim_id),
            attempt: Attempt::after(None, &claim_id, now),
            previous: None,
            is_redriven: false,
        };
        self.table
            .transact(&[claim.write(&self.table)], deadline)
            .await?;
        let Claim { key, attempt, .. } = &claim;
        let release = wire::release(&self.table.name, key, attempt, None);
        self.table.transact(&[release], deadline).await
    }
}

impl Claim {
    fn write(&self, table: &Table) -> Value {
        wire::claim(
            &table.name,
            &self.key,
            &self.attempt,
            self.previous.as_ref(),
        )
    }
}
