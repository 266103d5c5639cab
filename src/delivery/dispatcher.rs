//! The stages of a delivery, sent to Klaviyo one after another.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::consent_guard;
use super::dispatch::Dispatch;
use super::halving::{AfterHalf, Halves, fail_all};
use super::imports::{self, ImportResult};
use super::in_flight::InFlight;
use super::list_opt_ins::ListOptIns;
use super::profile_lookup::find_profiles;
use super::refusal;
use super::request_plan::{Addressing, assign_to_requests, plan_halves};
use super::session::{RequestStats, SendError, Session};
use super::stages::{Stages, rounds};
use super::task::OperationError;
use crate::clock;
use crate::klaviyo::{Klaviyo, Operation, OptIn, ProfileFields, SingleLimits};
use crate::ledger::ConsentLedger;
use crate::outcome::{RejectReason, RetryReason};
use crate::secrets::Secrets;

/// The part of a delivery's time that is left for subscriptions: with less, their answers might
/// come too late to be heard, and people would be asked for confirmation again.
const SUBSCRIPTION_BUDGET_DIVISOR: u32 = 4;

/// Sends the operations of one delivery to Klaviyo.
pub struct Dispatcher<'d> {
    pub(super) session: Session<'d>,
    list_opt_ins: &'d ListOptIns,
    pub(super) ledger: Option<&'d ConsentLedger>,
    pub(super) limits: SingleLimits,
    /// Subscriptions start only while there is this much time left.
    pub(super) min_subscription_time: Duration,
}

/// The subscriptions of a delivery, which go after everything else.
pub struct PendingSubscriptions<'t, 'a>(pub(super) Vec<Dispatch<'t, 'a>>);

impl<'d> Dispatcher<'d> {
    /// Creates a dispatcher for a delivery of this many messages, with these limits of single requests.
    /// It ends at `deadline`, whatever Klaviyo does.
    pub fn new(
        klaviyo: &'d Klaviyo,
        secrets: &'d Secrets,
        list_opt_ins: &'d ListOptIns,
        ledger: Option<&'d ConsentLedger>,
        limits: SingleLimits,
        message_count: usize,
        deadline: Instant,
    ) -> Self {
        let session = Session::new(klaviyo, secrets, message_count, deadline);
        let min_subscription_time = session.time_left() / SUBSCRIPTION_BUDGET_DIVISOR;
        Dispatcher {
            session,
            list_opt_ins,
            ledger,
            limits,
            min_subscription_time,
        }
    }

    /// Returns how requests are built at this moment.
    pub(super) fn addressing(&self) -> Addressing<'static> {
        let [events, profiles] = self.session.singly_throttled_for();
        let mut limits = self.limits;
        if events.is_some() {
            limits.events = limits.events.min(limits.while_throttled);
        }
        if profiles.is_some() {
            limits.profiles = limits.profiles.min(limits.while_throttled);
        }
        Addressing::Identifiers(limits)
    }

    /// Returns the counts of all requests so far.
    pub fn into_stats(self) -> RequestStats {
        self.session.into_stats()
    }

    /// Does every operation that may safely be repeated: profiles before the events that name them,
    /// deletions after everything that could bring a profile back. `further_events` go after the
    /// events of the batch.
    pub async fn dispatch_repeatable<'t, 'a>(
        &self,
        batch: &'t [InFlight<'a>],
        further_events: impl Future<Output = ()>,
    ) -> PendingSubscriptions<'t, 'a> {
        let mut stages = Stages::from_batch(batch);
        let subscriptions = std::mem::take(&mut stages.subscriptions);
        let unsubscriptions = std::mem::take(&mut stages.unsubscriptions);
        let now = clock::now();
        // What Klaviyo holds of people is looked up meanwhile. Nothing that this delivery sends can
        // change it, except consents, which are sorted out among themselves.
        let look_up = find_profiles(
            &self.session,
            consent_guard::keys(subscriptions.iter().chain(&unsubscriptions), now),
            ProfileFields::Subscriptions,
        );
        let (profiles, ()) =
            futures_util::join!(look_up, self.dispatch_stages(stages, further_events));
        let unsubscriptions = consent_guard::without_who_left(unsubscriptions, &profiles);
        self.send_stage(unsubscriptions, self.addressing()).await;
        let guarded = consent_guard::sort(subscriptions, &profiles, now);
        self.send_stage(guarded.memberships, Addressing::ProfileIds(&profiles))
            .await;
        PendingSubscriptions(self.choose_opt_in(guarded.subscriptions).await)
    }

    /// Records the events of messages that mean nothing else.
    pub async fn dispatch_events(&self, batch: &[InFlight<'_>]) {
        self.send_stage(Stages::from_batch(batch).events, self.addressing())
            .await;
    }

    /// Whether there is time for more events: as much as the slowest request took.
    pub fn is_in_time(&self) -> bool {
        self.session.time_left() > self.session.slowest()
    }

    async fn dispatch_stages(
        &self,
        stages: Stages<'_, '_>,
        further_events: impl Future<Output = ()>,
    ) {
        let split = self.send_stage(stages.profiles, self.addressing()).await;
        self.send_stage(stages.events, self.addressing()).await;
        further_events.await;
        self.dispatch_by_profile_id(stages.removals).await;
        // Further updates of a profile go after the events, which name the profile by identifiers
        // that its first update has already set. A sequential update before them would delay all
        // events of the delivery.
        let mut waiting: VecDeque<_> = stages.rounds.into();
        waiting.extend(rounds(split));
        while let Some(round) = waiting.pop_front() {
            let split = self.send_stage(round, self.addressing()).await;
            waiting.extend(rounds(split));
        }
        let (by_profile_id, by_email) = stages
            .deletions
            .into_iter()
            .partition(|dispatch| dispatch.operation().needs_profile_id());
        self.send_stage(by_email, self.addressing()).await;
        self.dispatch_by_profile_id(by_profile_id).await;
        for dispatch in stages.skipped {
            dispatch.acknowledge();
        }
    }

    /// Sends subscriptions that need no confirmation as plain ones where the list asks for none, so
    /// that its welcome flow fires. Elsewhere they stay a historical import, which asks nobody and
    /// fires no flow.
    async fn choose_opt_in<'t, 'a>(
        &self,
        subscriptions: Vec<Dispatch<'t, 'a>>,
    ) -> Vec<Dispatch<'t, 'a>> {
        let mut chosen = Vec::with_capacity(subscriptions.len());
        for mut dispatch in subscriptions {
            let unconfirmed = match dispatch.operation() {
                Operation::Subscribe(subscription) if subscription.consented_at.is_some() => {
                    Some(&subscription.list_id)
                }
                _ => None,
            };
            if let Some(list_id) = unconfirmed {
                match self.list_opt_ins.get(list_id, &self.session).await {
                    Ok(Some(OptIn::Single)) => {
                        if let Operation::Subscribe(subscription) = dispatch.operation_mut() {
                            subscription.consented_at = None;
                        }
                    }
                    Ok(Some(OptIn::Double) | None) => {}
                    Err(error) => {
                        dispatch.fail(error);
                        continue;
                    }
                }
            }
            chosen.push(dispatch);
        }
        chosen
    }

    /// Sends profiles that an import job did not accept, each in a request of its own: Klaviyo then
    /// says what is wrong, and the rest can do without it.
    pub async fn dispatch_singly(&self, batch: &[InFlight<'_>]) {
        let stages = Stages::from_batch(batch);
        let mut waiting: VecDeque<_> = vec![stages.profiles].into();
        waiting.extend(stages.rounds);
        while let Some(round) = waiting.pop_front() {
            let split = self.send_stage(round, Addressing::Singly).await;
            waiting.extend(rounds(split));
        }
    }

    /// Asks Klaviyo what became of an import job.
    pub async fn read_import(&self, job_id: &str) -> ImportResult {
        imports::read(&self.session, job_id).await
    }

    /// Looks up the ids of the profiles, then sends the operations that need them.
    async fn dispatch_by_profile_id(&self, dispatches: Vec<Dispatch<'_, '_>>) {
        if dispatches.is_empty() {
            return;
        }
        let keys = dispatches.iter().filter_map(|dispatch| {
            let identifiers = dispatch.operation().identifiers()?;
            Some(identifiers.key())
        });
        let profiles = find_profiles(&self.session, keys, ProfileFields::Identifiers).await;
        let mut found = Vec::with_capacity(dispatches.len());
        for dispatch in dispatches {
            let Some(identifiers) = dispatch.operation().identifiers() else {
                continue;
            };
            match (profiles.get(identifiers.key()), dispatch.operation()) {
                (Ok(Some(_)), _) => found.push(dispatch),
                (Err(error), _) => dispatch.fail(error.to_operation_error()),
                // A deletion of an unknown profile is for an operator to follow up.
                (Ok(None), Operation::Delete(_)) => {
                    dispatch.fail(OperationError::Permanent(RejectReason::DeletionUnresolved));
                }
                // A profile that Klaviyo does not know is on no list.
                (Ok(None), _) => dispatch.acknowledge(),
            }
        }
        self.send_stage(found, Addressing::ProfileIds(&profiles))
            .await;
    }

    /// Sends operations side by side until each is acknowledged or has failed. The
    /// remaining operations of a refused job are sent again immediately. Returns the sequences of
    /// refused profiles that had been merged.
    pub(super) async fn send_stage<'t, 'a>(
        &self,
        dispatches: Vec<Dispatch<'t, 'a>>,
        addressing: Addressing<'_>,
    ) -> Vec<Vec<Dispatch<'t, 'a>>> {
        let mut split_sequences = Vec::new();
        // Most deliveries have nothing for most stages.
        if dispatches.is_empty() {
            return split_sequences;
        }
        let mut waiting = vec![dispatches];
        let mut suspects = Vec::new();
        let mut throttled = Vec::new();
        let mut has_jobs_alone = false;
        let mut addressing = addressing;
        let mut under_way = FuturesUnordered::new();
        loop {
            let mut planned = Vec::new();
            for dispatches in waiting.drain(..) {
                let requests = assign_to_requests(dispatches, addressing);
                planned.extend(requests.into_iter().map(|request| (request, None)));
            }
            for dispatches in suspects.drain(..) {
                planned.extend(plan_halves(dispatches, addressing));
            }
            for ((request, members), halves) in planned {
                under_way.push(async move {
                    // A single request has Klaviyo's own answer, and a subscription is never halved.
                    let may_be_halved = members.len() > 1 && request.request.is_idempotent();
                    let answer = if may_be_halved {
                        self.session.send_job(&request.request).await
                    } else {
                        self.session.send(&request.request).await
                    };
                    (answer, request, members, halves)
                });
            }
            let Some((answer, request, members, halves)) = under_way.next().await else {
                // What Klaviyo has throttled singly goes as a job at once, if it fills one.
                let fills_job = throttled.len() > self.limits.while_throttled
                    && matches!(addressing, Addressing::Identifiers(_));
                if fills_job && !has_jobs_alone && self.is_in_time() {
                    has_jobs_alone = true;
                    addressing = Addressing::Identifiers(SingleLimits::JOBS_ALONE);
                    let dispatches = throttled.drain(..).map(|(dispatch, _)| dispatch);
                    waiting.push(dispatches.collect());
                    continue;
                }
                for (dispatch, error) in throttled {
                    dispatch.fail(error);
                }
                return split_sequences;
            };
            match answer {
                Ok(acknowledgement) => {
                    if request.request.is_import_job() {
                        imports::record(&members, &acknowledgement);
                    }
                    for (_, dispatch) in members {
                        for attribute in &acknowledgement.left_out {
                            dispatch.warn_left_out(attribute, "a value that Klaviyo accepts");
                        }
                        dispatch.acknowledge();
                    }
                    if let Some(AfterHalf::Suspects(found)) = halves.map(Halves::acknowledge) {
                        suspects.push(found);
                    }
                }
                Err(SendError::Refused(errors)) => {
                    let remainder = refusal::isolate(&request, members, &errors);
                    for (dispatch, reason) in remainder.rejected {
                        dispatch.fail(OperationError::Permanent(reason));
                    }
                    waiting.extend(remainder.retry);
                    split_sequences.extend(remainder.split);
                    // Klaviyo has answered for this half.
                    if let Some(AfterHalf::Suspects(found)) = halves.map(Halves::acknowledge) {
                        suspects.push(found);
                    }
                }
                Err(SendError::Transient(reason @ RetryReason::ThrottledSingly(_)))
                    if halves.is_none() =>
                {
                    let error = OperationError::Transient(reason);
                    let dispatches = members.into_iter().map(|(_, dispatch)| dispatch);
                    throttled.extend(dispatches.map(|dispatch| (dispatch, error.clone())));
                }
                Err(error) => {
                    let is_suspicious = members.len() > 1
                        && request.request.is_idempotent()
                        && error.may_be_one_operations_fault();
                    let error = error.into_operation_error();
                    let dispatches = members.into_iter().map(|(_, dispatch)| dispatch).collect();
                    match halves {
                        None if is_suspicious => suspects.push(dispatches),
                        None => fail_all(dispatches, &error),
                        Some(halves) => {
                            if let AfterHalf::Suspects(found) = halves.fail(dispatches, &error) {
                                suspects.push(found);
                            }
                        }
                    }
                }
            }
        }
    }
}
