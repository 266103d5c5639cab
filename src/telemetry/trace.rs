//! X-Ray: what a sampled delivery waits for, as subsegments of the segment that Lambda writes itself. One UDP
//! datagram a request, to the daemon that runs beside every function; nothing at all for a delivery that is
//! not sampled.
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::json;

/// What comes before each document.
const HEADER: &str = r#"{"format":"json","version":1}"#;

/// Who else a request goes to, as X-Ray tells them apart.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Remote {
    /// A service of AWS.
    Aws,
    /// Anybody else.
    #[serde(rename = "remote")]
    Other,
}

/// Writes subsegments while an invocation is sampled. `Clone` shares it.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Daemon>>);

#[derive(Debug)]
struct Daemon {
    socket: UdpSocket,
    sampled: Mutex<Option<Segment>>,
}

/// Lambda's own segment of one invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    trace_id: String,
    id: String,
}

impl Tracer {
    /// To the daemon that `AWS_XRAY_DAEMON_ADDRESS` names, if it names one.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let daemon = get("AWS_XRAY_DAEMON_ADDRESS").and_then(|address| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
            socket.connect(&address).ok()?;
            // A trace that cannot be written must not cost a message its time.
            socket.set_nonblocking(true).ok()?;
            Some(Arc::new(Daemon { socket, sampled: Mutex::new(None) }))
        });
        Tracer(daemon)
    }

    /// From here on requests belong to the invocation with this `X-Amzn-Trace-Id`.
    pub fn invocation(&self, header: Option<&str>) {
        if let Some(daemon) = &self.0 {
            *daemon.sampled.lock().unwrap_or_else(PoisonError::into_inner) = header.and_then(sampled);
        }
    }

    /// A request to `service` that begins now, and ends when this is dropped. What it is for, such as
    /// `POST /api/events`, must tell of nobody.
    pub fn request(&self, remote: Remote, service: &str, what: impl FnOnce() -> String) -> Option<Span> {
        let daemon = self.0.as_ref()?;
        let parent = daemon.sampled.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (service, what) = (service.to_owned(), what());
        Some(Span { daemon: daemon.clone(), parent, remote, service, what, start: SystemTime::now(), status: None })
    }
}

/// A request under way. Without a status it failed.
#[derive(Debug)]
pub struct Span {
    daemon: Arc<Daemon>,
    parent: Segment,
    remote: Remote,
    service: String,
    what: String,
    start: SystemTime,
    /// The status that was answered.
    pub status: Option<u16>,
}

impl Drop for Span {
    fn drop(&mut self) {
        let seconds =
            |moment: SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // A failure has no status, and X-Ray wants numbers only.
        let http = self.status.map_or(json!({}), |status| json!({"response": {"status": status}}));
        let document = json!({
            "type": "subsegment",
            "trace_id": self.parent.trace_id,
            "parent_id": self.parent.id,
            "id": format!("{:016x}", fastrand::u64(..)),
            "name": self.service,
            "namespace": self.remote,
            "start_time": seconds(self.start),
            "end_time": seconds(SystemTime::now()),
            "error": matches!(self.status, Some(400..=499)),
            "throttle": self.status == Some(429),
            "fault": self.status.is_none_or(|status| status >= 500),
            "http": http,
            "annotations": {"request": self.what},
        });
        let _ = self.daemon.socket.send(format!("{HEADER}\n{document}").as_bytes());
    }
}

/// `Root=1-…;Parent=…;Sampled=1`: the segment, if it is sampled.
fn sampled(header: &str) -> Option<Segment> {
    let value = |key: &str| header.split(';').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='));
    let is_sampled = value("Sampled") == Some("1");
    is_sampled.then_some(Segment { trace_id: value("Root")?.to_owned(), id: value("Parent")?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sampled_invocation_with_a_parent_is_traced() {
        let segment = Segment { trace_id: "1-a-b".to_owned(), id: "c".to_owned() };
        for (header, expected) in [
            ("Root=1-a-b;Parent=c;Sampled=1", Some(segment.clone())),
            ("Root=1-a-b;Parent=c;Sampled=1;Lineage=x:0", Some(segment)),
            ("Root=1-a-b;Parent=c;Sampled=0", None),
            ("Root=1-a-b;Parent=c", None),
            ("Root=1-a-b;Sampled=1", None),
            ("", None),
        ] {
            assert_eq!(sampled(header), expected, "{header}");
        }
    }
}
