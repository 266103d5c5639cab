//! The queues of a shop, its ledger, and how they fail.

use futures_util::future::join_all;
use segment_klaviyo::handler::{Destination, InvocationContext, Reply};
use segment_klaviyo::queue::RecordBody;
use segment_klaviyo_stand_in::QueueFaults;
use serde_json::{Value, json};

use super::shop::{DEAD_LETTER_QUEUE, RETRY_QUEUE, Shop, invoke};

/// The most records that Lambda hands over in one event here.
const RECORDS_PER_EVENT: usize = 10;

impl Shop {
    /// Returns the entries in the retry queue.
    pub(crate) fn retry_queue(&self) -> Vec<Value> {
        self.entries(RETRY_QUEUE)
    }

    pub(crate) fn dead_letters(&self) -> Vec<Value> {
        self.entries(DEAD_LETTER_QUEUE)
    }

    fn entries(&self, url: &str) -> Vec<Value> {
        let bodies = self.stand_in.state().queues.get(url).cloned();
        let mut entries = Vec::new();
        for body in bodies.unwrap_or_default() {
            entries.extend(unpacked(&body));
        }
        entries
    }

    /// Returns the bodies of the records in the retry queue.
    pub(crate) fn retry_queue_bodies(&self) -> Vec<String> {
        let bodies = self.stand_in.state().queues.get(RETRY_QUEUE).cloned();
        bodies.unwrap_or_default()
    }

    /// Returns the delays of the entries in each request to SQS so far, in seconds.
    pub(crate) fn queue_requests(&self) -> Vec<Vec<u64>> {
        self.stand_in.state().queue_requests.clone()
    }

    /// Changes the entries of the retry queue. Those of a record stay together.
    fn change_retry_queue(&self, change: impl Fn(&mut Value)) {
        let mut bodies = Vec::new();
        for body in self.retry_queue_bodies() {
            let mut entries = unpacked(&body);
            entries.iter_mut().for_each(&change);
            let entries: Vec<_> = entries.iter().map(written).collect();
            bodies.push(match entries.as_slice() {
                [entry] => entry.clone(),
                entries => format!("{{\"entries\":[{}]}}", entries.join(",")),
            });
        }
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        self.fill_retry_queue(&bodies);
    }

    /// Replaces the bodies of the records in the retry queue.
    pub(crate) fn fill_retry_queue(&self, bodies: &[&str]) {
        let bodies = bodies.iter().map(|body| (*body).to_owned()).collect();
        let queues = &mut self.stand_in.state().queues;
        queues.insert(RETRY_QUEUE.to_owned(), bodies);
    }

    /// Lets half an hour pass for the entries of the retry queue and of the ledger: what they remember
    /// is that much older.
    pub(crate) fn let_half_an_hour_pass(&self) {
        for item in self.stand_in.state().tables.values_mut() {
            let claimed_at: i64 = item["claimed_at"]["N"].as_str().unwrap().parse().unwrap();
            item["claimed_at"]["N"] = (claimed_at - 30 * 60).to_string().into();
        }
        self.change_retry_queue(|entry| {
            let unanswered = entry.get_mut("unanswered").and_then(Value::as_array_mut);
            for attempt in unanswered.into_iter().flatten() {
                attempt["at"] = (attempt["at"].as_i64().unwrap() - 30 * 60).into();
            }
        });
    }

    /// Makes the messages in the retry queue older by so many seconds.
    pub(crate) fn age_retry_queue(&self, seconds: i64) {
        self.change_retry_queue(|entry| {
            entry["decided_at"] = (entry["decided_at"].as_i64().unwrap() - seconds).into();
        });
    }

    /// Lets so many hours pass for the messages in the retry queue: they were put aside earlier.
    pub(crate) fn let_hours_pass(&self, hours: i64) {
        self.change_retry_queue(|entry| {
            entry["queued_at"] = (entry["queued_at"].as_i64().unwrap() - hours * 3_600).into();
        });
    }

    /// Returns the items of the ledger's table, by their ids.
    pub(crate) fn ledger(&self) -> Vec<(String, Value)> {
        let state = self.stand_in.state();
        let items = state.tables.iter();
        items
            .map(|((_, id), item)| (id.clone(), item.clone()))
            .collect()
    }

    /// Returns the number of requests to DynamoDB so far.
    pub(crate) fn ledger_requests(&self) -> usize {
        self.stand_in.state().table_requests
    }

    /// Returns the number of those that read.
    pub(crate) fn ledger_reads(&self) -> usize {
        self.stand_in.state().table_reads
    }

    /// Brings the end of everything in the table nearer by so many seconds.
    pub(crate) fn age_ledger(&self, seconds: i64) {
        for item in self.stand_in.state().tables.values_mut() {
            let expires_at: i64 = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
            item["expires_at"]["N"] = (expires_at - seconds).to_string().into();
        }
    }

    /// Makes DynamoDB answer 500 to everything, or answer again.
    pub(crate) fn set_ledger_down(&self, is_down: bool) {
        self.stand_in.state().tables_down = is_down;
    }

    /// Puts another copy of each record into the retry queue, as SQS does now and then.
    pub(crate) fn duplicate_retry_queue(&self) {
        self.duplicate_records(|| true);
    }

    /// Puts another copy of the records that `choose` chooses into the retry queue.
    pub(crate) fn duplicate_records(&self, mut choose: impl FnMut() -> bool) {
        let queues = &mut self.stand_in.state().queues;
        let queue = queues.entry(RETRY_QUEUE.to_owned()).or_default();
        let copies: Vec<_> = queue.iter().filter(|_| choose()).cloned().collect();
        queue.extend(copies);
    }

    /// Makes SQS answer 500 at random.
    pub(crate) fn break_queues_at_random(&self, seed: u64, percent: u8) {
        self.stand_in.state().queue_faults = QueueFaults::at_random(seed, percent);
    }

    /// Makes SQS answer 500 to everything.
    pub(crate) fn break_queues(&self) {
        self.stand_in.state().queue_faults.is_down = true;
    }

    /// Makes SQS answer 500 after so many further requests.
    pub(crate) fn break_queues_after(&self, requests: usize) {
        self.stand_in.state().queue_faults.accepts = Some(requests);
    }

    /// Makes SQS answer 500 for the dead-letter queue alone.
    pub(crate) fn break_dead_letter_queue(&self) {
        self.stand_in.state().queue_faults.down_queue = Some("/dead");
    }

    pub(crate) fn repair_queues(&self) {
        self.stand_in.state().queue_faults = QueueFaults::default();
    }

    /// Hands the retry queue to the function as Lambda would. Returns how many records failed and
    /// are back in the queue.
    pub(crate) async fn redeliver(&self) -> usize {
        self.redeliver_from(RETRY_QUEUE).await
    }

    /// Hands the dead letters to the function, as an operator does who moves them to the retry
    /// queue.
    pub(crate) async fn redrive_dead_letters(&self) -> usize {
        self.redeliver_from(DEAD_LETTER_QUEUE).await
    }

    /// Hands the records of a queue to the instances by turns, which work side by side. In a shop of
    /// one instance another one takes them, which has met no trouble before.
    async fn redeliver_from(&self, url: &str) -> usize {
        let another;
        let instances: Vec<&Destination> = if self.instances.len() > 1 {
            self.instances.iter().collect()
        } else {
            another = self.another_instance().await;
            vec![&another]
        };
        let bodies = self.stand_in.state().queues.remove(url);
        let bodies = bodies.unwrap_or_default();
        let mut events = vec![Vec::new(); instances.len()];
        for (turn, bodies) in bodies.chunks(RECORDS_PER_EVENT).enumerate() {
            events[turn % instances.len()].push(bodies);
        }
        let instances = instances.into_iter().zip(events);
        let failures = join_all(instances.map(|(instance, events)| async move {
            let mut failures = 0;
            for bodies in events {
                failures += self.deliver_records(instance, url, bodies).await;
            }
            failures
        }));
        failures.await.into_iter().sum()
    }

    /// Hands records with these bodies to an instance, and puts those that failed back into the queue.
    /// Returns how many failed.
    async fn deliver_records(&self, instance: &Destination, url: &str, bodies: &[String]) -> usize {
        let mut records = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            records.push(json!({
                "messageId": index.to_string(),
                "eventSource": "aws:sqs",
                "body": body,
            }));
        }
        let event = json!({ "Records": records });
        let invocation = InvocationContext::default();
        let reply = invoke(instance, &event, invocation).await;
        let Ok(Reply::Records(failed)) = reply else {
            panic!("{reply:?}")
        };
        let queues = &mut self.stand_in.state().queues;
        let queue = queues.entry(url.to_owned()).or_default();
        for failure in &failed.batch_item_failures {
            let index: usize = failure.item_identifier.parse().unwrap();
            queue.push(bodies[index].clone());
        }
        failed.batch_item_failures.len()
    }
}

/// Returns the entries in the body of a record.
fn unpacked(body: &str) -> Vec<Value> {
    let body = RecordBody::read(body).unwrap();
    let entries = body.entries().unwrap().into_iter();
    entries
        .map(|entry| serde_json::from_str(entry).unwrap())
        .collect()
}

/// Writes an entry of the retry queue as the function does: what an entry is shows in its first key.
fn written(entry: &Value) -> String {
    let Some(job) = entry.get("import_job") else {
        return entry.to_string();
    };
    let mut rest = entry.clone();
    rest.as_object_mut().unwrap().remove("import_job");
    let rest = rest.to_string();
    format!("{{\"import_job\":{job},{}", rest.trim_start_matches('{'))
}
