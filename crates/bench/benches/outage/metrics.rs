//! What CloudWatch would know, minute by minute, so that `.ci/outage.py` can say which alarm goes off
//! when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::time::Instant;

/// The metrics. A clone writes to the same place.
#[derive(Clone)]
pub struct Metrics {
    started: Instant,
    values: Arc<Mutex<BTreeMap<String, BTreeMap<usize, f64>>>>,
}

impl Metrics {
    /// Starts the first minute.
    pub fn new() -> Self {
        Metrics {
            started: Instant::now(),
            values: Arc::default(),
        }
    }

    /// Adds to the sum of this minute.
    pub fn add(&self, name: &str, value: f64) {
        self.change(name, |sum| *sum += value);
    }

    /// Raises the maximum of this minute.
    pub fn raise(&self, name: &str, value: f64) {
        self.change(name, |maximum| *maximum = maximum.max(value));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut f64)) {
        let minute = self.started.elapsed().as_secs() / 60;
        let mut values = self.values.lock().unwrap();
        let minutes = values.entry(name.to_owned()).or_default();
        change(minutes.entry(minute as usize).or_default());
    }

    /// Reads the metrics of a line of the log.
    pub fn read_log(&self, line: &str) {
        if !line.contains("\"_aws\"") {
            return;
        }
        let line: Value = serde_json::from_str(line).unwrap();
        let declared = line.pointer("/_aws/CloudWatchMetrics/0/Metrics");
        for metric in declared.and_then(Value::as_array).into_iter().flatten() {
            let name = metric["Name"].as_str().unwrap_or_default();
            // A list of values is for percentiles, which no minute can show.
            if let Some(value) = line[name].as_f64() {
                match metric["Unit"].as_str() {
                    Some("Seconds") => self.raise(name, value),
                    _ => self.add(name, value),
                }
            }
        }
    }

    /// Returns a list for each metric, with one value a minute.
    pub fn to_json(&self) -> Value {
        let values = self.values.lock().unwrap();
        let last = values.values().filter_map(|minutes| minutes.keys().last());
        let count = last.max().map_or(0, |last| last + 1);
        let mut lists = BTreeMap::new();
        for (name, minutes) in values.iter() {
            let list: Vec<_> = (0..count).map(|minute| minutes.get(&minute)).collect();
            lists.insert(name, json!(list));
        }
        json!(lists)
    }
}
