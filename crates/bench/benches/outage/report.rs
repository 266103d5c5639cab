//! What a simulation prints.

use super::observation::{Course, ROW_SECONDS, Row};

/// Returns the median and the 99th percentile.
pub fn percentiles(values: &mut [f64]) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2], values[last * 99 / 100]))
}

/// Prints a row of the table, below its head if it is the first.
pub fn print_row(row: &Row, is_first: bool) {
    if is_first {
        println!(
            "  time  sent/s  delivered/s  waiting     late  records  requests/s  429 %  failed %  p50 s  p99 s  instances"
        );
    }
    let (p50, p99) = match row.latency {
        Some((p50, p99)) => (format!("{p50:.1}"), format!("{p99:.1}")),
        None => ("".to_owned(), "".to_owned()),
    };
    let requests = row.requests;
    println!(
        "{:>6.0}  {:>6.0}  {:>11.0}  {:>7}  {:>7}  {:>7}  {:>10.1}  {:>5.1}  {:>8.1}  {p50:>5}  {p99:>5}  {:>9}",
        row.time,
        row.sent as f64 / ROW_SECONDS,
        row.delivered as f64 / ROW_SECONDS,
        row.waiting,
        row.late,
        row.records,
        requests.all as f64 / ROW_SECONDS,
        percentage(requests.throttled, requests.all),
        percentage(requests.failed, requests.all),
        row.instances,
    );
}

fn percentage(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

/// Prints what has become of everything.
pub fn print_result(course: &Course) {
    let messages = &course.messages;
    let count = messages.all.len();
    let mut latencies = Vec::new();
    for message in &messages.all {
        latencies.extend(message.delivered_at.map(|at| at - message.sent_at));
    }
    let (p50, p99) = percentiles(&mut latencies).unwrap_or_default();
    let longest = latencies.last().copied().unwrap_or_default();
    println!();
    println!(
        "{}: {count} messages in {:.0} s",
        course.options.name, course.simulated
    );
    match course.drained_at {
        Some(at) => println!("drained: {:.0} s after the end", at - course.over_at),
        None => println!("drained: never"),
    }
    let peak = course.rows.iter().map(|row| row.waiting).max().unwrap_or(0);
    println!("waiting: {peak} at the most, {} in the end", course.waiting);
    println!(
        "delivered a second: {:.0} while messages came, {:.0} of them",
        delivered_until(course, course.traffic_over_at) / course.traffic_over_at.max(1.0),
        count as f64 / course.traffic_over_at.max(1.0),
    );
    println!("latency: p50 {p50:.2} s, p99 {p99:.2} s, longest {longest:.1} s");
    let requests = messages.requests;
    println!(
        "requests to Klaviyo: {}, {:.2} % throttled, {:.2} % failed",
        requests.all,
        percentage(requests.throttled, requests.all),
        percentage(requests.failed, requests.all),
    );
    let mut paths: Vec<_> = messages.requests_by_path.iter().collect();
    paths.retain(|(path, _)| !path.contains("IMPORT"));
    paths.sort_by_key(|(path, _)| path.as_str());
    for (path, counts) in paths {
        println!("  {:>7} {path}, {} throttled", counts.all, counts.throttled);
    }
    println!(
        "requests to SQS: {}, to DynamoDB: {}; SQS in the first 5 s: {} in {:.0} ms",
        course.queue_requests,
        course.table_requests,
        course.first_queue_requests,
        course.queue_time.as_secs_f64() * 1e3,
    );
    println!(
        "instances: {} at the most; {} invocations failed, {} throttled by Lambda",
        course.peak_instances, course.failed_invocations, course.throttled_invocations
    );
    println!("answers to Segment: {:?}", course.statuses);
    println!(
        "lost {}, doubled {}, asked twice {}, asked again after a lost answer {}, held back {}, \
         without profile {}, dead letters {}, records left {}",
        course.waiting,
        messages.doubled,
        messages.asked_twice,
        messages.asked_again,
        course.held_back,
        course.without_profile,
        course.dead_letters,
        course.left_in_queue,
    );
    println!("took {:.1} s", course.real.as_secs_f64());
}

fn delivered_until(course: &Course, moment: f64) -> f64 {
    let delivered = course.messages.all.iter();
    delivered
        .filter(|message| message.delivered_at.is_some_and(|at| at <= moment))
        .count() as f64
}

/// Returns what is wrong with a course in which everything should have been delivered, within
/// `seconds` after the end.
pub fn failures(course: &Course, seconds: f64) -> Vec<String> {
    let messages = &course.messages;
    let mut failures = Vec::new();
    for (count, what) in [
        (course.waiting, "messages are lost"),
        (course.without_profile, "identifies have no profile"),
        (course.dead_letters, "messages are dead letters"),
        (messages.doubled, "events are doubled"),
        (messages.asked_twice, "people were asked twice"),
    ] {
        if count > 0 {
            failures.push(format!("{count} {what}"));
        }
    }
    let drained_after = course.drained_at.map(|at| at - course.over_at);
    if drained_after.is_none_or(|after| after > seconds) {
        failures.push(format!("the queue did not drain within {seconds} s"));
    }
    failures
}
