//! What a simulation shows: rows of five seconds, and the end.

use std::time::Duration;

use segment_klaviyo_stand_in::StandInState;
use serde_json::Value;
use tokio::time::sleep;

use super::account::{Messages, RequestCounts};
use super::options::Options;
use super::report;
use super::simulation::{DEAD_LETTER_QUEUE, RETRY_QUEUE, World};

/// The length of a row.
pub const ROW_SECONDS: f64 = 5.0;

/// A message that waits for longer is late. A queue has drained when none is.
const LATE_SECONDS: f64 = 10.0;

/// The time for which traffic goes on when an outage is over: until the queue has drained and a
/// minute, or 17 minutes.
const MIN_TRAFFIC_AFTER: f64 = 60.0;
const MAX_TRAFFIC_AFTER: f64 = 1_020.0;

/// The time for which the rest may be delivered when the traffic is over.
const MAX_REST: f64 = 900.0;

/// What happened in five seconds, and how things are at their end.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub time: f64,
    pub sent: usize,
    pub delivered: usize,
    /// Messages that Segment has sent and Klaviyo does not have, without those that are held back.
    pub waiting: usize,
    /// Those of them that were sent over ten seconds ago.
    pub late: usize,
    /// Records in the retry queue.
    pub records: usize,
    pub requests: RequestCounts,
    /// Median and 99th percentile of the seconds that what was delivered has taken.
    pub latency: Option<(f64, f64)>,
    pub instances: usize,
}

/// What a simulation has shown.
pub struct Course {
    pub options: Options,
    pub rows: Vec<Row>,
    /// The moment at which the outage, or the traffic where there is none, was over.
    pub over_at: f64,
    pub drained_at: Option<f64>,
    pub traffic_over_at: f64,
    pub messages: Messages,
    /// Messages that Klaviyo does not have in the end, without those that are held back.
    pub waiting: usize,
    pub held_back: usize,
    pub without_profile: usize,
    pub dead_letters: usize,
    pub left_in_queue: usize,
    pub queue_requests: usize,
    /// The requests to SQS in the first five seconds, and their time from the first to the last.
    pub first_queue_requests: usize,
    pub queue_time: Duration,
    pub table_requests: usize,
    pub peak_instances: usize,
    pub failed_invocations: usize,
    pub throttled_invocations: usize,
    pub statuses: Vec<(u16, usize)>,
    pub metrics: Value,
    pub simulated: f64,
    pub real: Duration,
}

/// Looks at everything until all is delivered, or too late.
pub async fn observe(world: &World) -> Course {
    let options = &world.options;
    let over_at = match options.seconds {
        Some(seconds) if options.outage.is_zero() => seconds,
        _ => (options.warm_up + options.outage).as_secs_f64(),
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut drained_at = None;
    let mut traffic_over_at = 0.0;
    let mut before = (0, RequestCounts::default());
    let (mut busy, mut queue_requests, mut queue_span) = (0, 0, None);
    loop {
        sleep(options.look_interval).await;
        let now = world.now();
        let requests_to_queue = look(world, now);
        busy = busy.max(world.fleet.busy());
        if requests_to_queue > queue_requests && now < ROW_SECONDS {
            queue_requests = requests_to_queue;
            let (first, _) = queue_span.unwrap_or((now, now));
            queue_span = Some((first, now));
        }
        let is_traffic_time = options.seconds.is_none_or(|seconds| now < seconds);
        if !is_traffic_time && !world.traffic_over.replace(true) {
            traffic_over_at = now;
        }
        if now < (rows.len() + 1) as f64 * ROW_SECONDS {
            continue;
        }
        let row = row(world, now, std::mem::take(&mut busy), &mut before);
        if !options.quiet {
            report::print_row(&row, rows.is_empty());
        }
        rows.push(row);
        if drained_at.is_none() && now >= over_at && row.late == 0 {
            drained_at = Some(now);
        }
        let has_drained = drained_at.is_some_and(|at| now >= at.max(over_at) + MIN_TRAFFIC_AFTER);
        if options.seconds.is_none()
            && (has_drained || now >= over_at + MAX_TRAFFIC_AFTER)
            && !world.traffic_over.replace(true)
        {
            traffic_over_at = now;
        }
        let is_over = world.traffic_over.get();
        if is_over && (row.waiting == 0 || now >= traffic_over_at + MAX_REST) && now >= over_at {
            break;
        }
    }
    let mut state = world.stand_in.state();
    let messages = world.messages.replace(Messages::new(0));
    let queue = state.live_queues.remove(RETRY_QUEUE).unwrap();
    let row = rows[rows.len() - 1];
    let dead_letters = state.queues.get(DEAD_LETTER_QUEUE).map_or(0, Vec::len);
    Course {
        options: options.clone(),
        over_at,
        drained_at,
        traffic_over_at,
        waiting: row.waiting,
        held_back: messages.held_back(),
        without_profile: messages.without_profile(&state),
        dead_letters: dead_letters + queue.dead_letters.len(),
        left_in_queue: queue.len(),
        queue_requests: state.queue_requests.len(),
        first_queue_requests: queue_requests,
        queue_time: queue_span.map_or(Duration::ZERO, |(first, last)| {
            Duration::from_secs_f64(last - first) + options.aws_latency
        }),
        table_requests: state.table_requests,
        peak_instances: world.fleet.peak.get(),
        failed_invocations: world.fleet.failed.get(),
        throttled_invocations: world.fleet.throttled.get(),
        statuses: world.statuses.take(),
        metrics: world.metrics.to_json(),
        simulated: world.now(),
        real: Duration::ZERO,
        messages,
        rows,
    }
}

/// Reads what is new in Klaviyo. Returns the number of requests to SQS so far.
fn look(world: &World, now: f64) -> usize {
    let mut state = world.stand_in.state();
    world.messages.borrow_mut().observe(&mut state, now);
    state.queue_requests.len()
}

/// Closes a row, and counts what SQS would report.
fn row(world: &World, now: f64, instances: usize, before: &mut (usize, RequestCounts)) -> Row {
    let (records, visible) = queue_lengths(&world.stand_in.state());
    let waiting_name = "RetryQueue.ApproximateNumberOfMessagesVisible";
    let hidden_name = "RetryQueue.ApproximateNumberOfMessagesNotVisible";
    world.metrics.raise(waiting_name, visible as f64);
    world.metrics.raise(hidden_name, (records - visible) as f64);
    let mut messages = world.messages.borrow_mut();
    let mut latencies = std::mem::take(&mut messages.latencies);
    let delivered = latencies.len();
    let waiting = messages.waiting_since(now);
    let (sent_before, requests_before) = *before;
    let requests = messages.requests;
    *before = (messages.all.len(), requests);
    Row {
        time: now,
        sent: messages.all.len() - sent_before,
        delivered,
        waiting,
        late: messages.waiting_since(now - LATE_SECONDS),
        records,
        requests: RequestCounts {
            all: requests.all - requests_before.all,
            throttled: requests.throttled - requests_before.throttled,
            failed: requests.failed - requests_before.failed,
        },
        latency: report::percentiles(&mut latencies),
        instances,
    }
}

fn queue_lengths(state: &StandInState) -> (usize, usize) {
    let queue = &state.live_queues[RETRY_QUEUE];
    (queue.len(), queue.visible())
}
