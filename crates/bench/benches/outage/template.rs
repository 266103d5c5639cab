//! The figures of template.yaml that decide how an outage goes, so that what is simulated is what is
//! deployed.

use std::time::Duration;

/// The figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// `VisibilityTimeout` of the retry queue.
    pub visibility: Duration,
    /// `maxReceiveCount` of the retry queue.
    pub max_receive_count: u32,
    /// `BatchSize` of the event source mapping.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds` of the event source mapping.
    pub window: Duration,
    /// `MaximumConcurrency` of the event source mapping.
    pub concurrency: usize,
    /// `Timeout` of the function.
    pub timeout: Duration,
    /// The requests a second that the API admits, and its burst.
    pub throttle: Option<(f64, f64)>,
}

impl Figures {
    /// Reads the figures of the template.
    pub fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let template = Template(text.lines().collect());
        let function = ["Resources", "Destination", "Properties"];
        let mapping = [&function[..], &["Events", "Retry", "Properties"]].concat();
        let queue = ["Resources", "RetryQueue", "Properties"];
        let window = template.find(&mapping, "MaximumBatchingWindowInSeconds");
        let scaling = [&mapping[..], &["ScalingConfig"]].concat();
        let redrive = [&queue[..], &["RedrivePolicy"]].concat();
        let parameter = |name| template.number(&["Parameters", name], "Default");
        Figures {
            visibility: seconds(template.number(&queue, "VisibilityTimeout")),
            max_receive_count: template.number(&redrive, "maxReceiveCount") as u32,
            batch_size: template.number(&mapping, "BatchSize") as usize,
            window: seconds(window.map_or(0.0, |text| template.resolve(text))),
            concurrency: template.number(&scaling, "MaximumConcurrency") as usize,
            timeout: seconds(template.number(&function, "Timeout")),
            throttle: Some((parameter("ThrottleRate"), parameter("ThrottleBurst"))),
        }
    }
}

fn seconds(number: f64) -> Duration {
    Duration::from_secs_f64(number)
}

/// The lines of the template.
struct Template<'t>(Vec<&'t str>);

impl<'t> Template<'t> {
    fn number(&self, path: &[&str], key: &str) -> f64 {
        let text = self.find(path, key);
        self.resolve(text.unwrap_or_else(|| panic!("template.yaml has no {path:?} {key}")))
    }

    /// Reads a number, or the default of the parameter that the text refers to.
    fn resolve(&self, text: &str) -> f64 {
        if let Some(parameter) = text.strip_prefix("!Ref ") {
            return self.number(&["Parameters", parameter], "Default");
        }
        let number = text.trim_matches('"').parse();
        number.unwrap_or_else(|_| panic!("{text} in template.yaml is no number"))
    }

    /// Returns the text of a key below a path of keys.
    fn find(&self, path: &[&str], key: &str) -> Option<&'t str> {
        let mut lines = self.0.as_slice();
        for name in path {
            let (_, below) = child(lines, name)?;
            lines = below;
        }
        Some(child(lines, key)?.0)
    }
}

/// Finds a key among the direct children of these lines. Returns its text and the lines below it.
fn child<'l, 't>(lines: &'l [&'t str], key: &str) -> Option<(&'t str, &'l [&'t str])> {
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(lines.iter().find(|line| is_content(line))?);
    for (index, line) in lines.iter().enumerate() {
        let text = line.trim_start().strip_prefix(key);
        let Some(text) = text.and_then(|text| text.strip_prefix(':')) else {
            continue;
        };
        if indent(line) != own {
            continue;
        }
        let below = &lines[index + 1..];
        let is_end = |line: &&str| is_content(line) && indent(line) <= own;
        let end = below.iter().position(is_end).unwrap_or(below.len());
        return Some((text.trim(), &below[..end]));
    }
    None
}
