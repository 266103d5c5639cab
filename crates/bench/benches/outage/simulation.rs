//! One simulation.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use segment_klaviyo::clock;
use segment_klaviyo::telemetry::Log;
use segment_klaviyo_stand_in::{Fault, LiveQueue, QueueRules, StandIn, StandInOptions, Symptom};
use time::OffsetDateTime;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::account::Messages;
use super::fleet::Fleet;
use super::mapping;
use super::metrics::Metrics;
use super::observation::{Course, observe};
use super::options::Options;
use super::segment::{self, Api};
use super::traffic::LIST;

pub const RETRY_QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/retry";
pub const DEAD_LETTER_QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/dead";

/// The time that an import job takes.
const IMPORT_MS: u64 = 5_000;

/// Everything of a simulation.
pub struct World {
    pub options: Options,
    pub stand_in: StandIn,
    pub fleet: Fleet,
    pub api: Api,
    pub messages: RefCell<Messages>,
    pub metrics: Metrics,
    pub statuses: RefCell<Vec<(u16, usize)>>,
    started: Instant,
    pub traffic_over: Cell<bool>,
}

impl World {
    /// Returns the seconds since the start.
    pub fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Whether Segment sends no further messages.
    pub fn is_traffic_over(&self) -> bool {
        self.traffic_over.get()
    }

    /// Counts an answer to Segment.
    pub fn count_status(&self, status: u16) {
        match status {
            400..500 => self.metrics.add("4xx", 1.0),
            500.. => self.metrics.add("5xx", 1.0),
            _ => {}
        }
        let mut statuses = self.statuses.borrow_mut();
        match statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => statuses.push((status, 1)),
        }
    }
}

/// Runs a simulation to its end.
pub async fn run(options: &Options) -> Course {
    let real = std::time::Instant::now();
    fastrand::seed(options.seed);
    clock::simulate(time_of_day);
    let world = Rc::new(start(options).await);
    for _ in 0..options.figures.concurrency {
        spawn_local(mapping::read_queue(world.clone()));
    }
    spawn_local(segment::send_all(world.clone()));
    spawn_local(fail_klaviyo(world.clone()));
    let mut course = observe(&world).await;
    course.real = real.elapsed();
    course
}

/// Returns the time of day, which follows tokio's clock.
fn time_of_day() -> OffsetDateTime {
    static START: OnceLock<(OffsetDateTime, Instant)> = OnceLock::new();
    let (time, instant) = START.get_or_init(|| (OffsetDateTime::now_utc(), Instant::now()));
    *time + instant.elapsed()
}

async fn start(options: &Options) -> World {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stand_in_options = StandInOptions {
        rate_limits: true,
        latency: options.klaviyo_latency,
        api_key: None,
    };
    let stand_in = StandIn::listen(address, stand_in_options).await.unwrap();
    // Klaviyo's windows begin with the minutes of the clock, so each run begins with one, too.
    let since_minute = time_of_day().unix_timestamp_nanos() % 60_000_000_000;
    sleep(Duration::from_nanos(60_000_000_000 - since_minute as u64)).await;
    let figures = &options.figures;
    {
        let mut state = stand_in.state();
        let account = &mut state.account;
        account.opt_in.insert(LIST.to_owned(), "double_opt_in");
        account.switches.import_ms = IMPORT_MS;
        state.aws_latency = options.aws_latency;
        let rules = QueueRules {
            visibility_timeout: figures.visibility,
            max_receive_count: figures.max_receive_count,
        };
        let queue = LiveQueue::new(rules);
        state.live_queues.insert(RETRY_QUEUE.to_owned(), queue);
    }
    let mut environment = Vec::new();
    for (name, value) in stand_in.environment() {
        environment.push((name.to_owned(), value));
    }
    for (name, value) in [
        ("RETRY_QUEUE_URL", RETRY_QUEUE),
        ("DEAD_LETTER_QUEUE_URL", DEAD_LETTER_QUEUE),
        ("MEMORY_TABLE", "memory"),
        ("KLAVIYO_URL_IS_TEST", "true"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    environment.extend(options.settings.iter().cloned());
    let metrics = Metrics::new();
    let log = {
        let metrics = metrics.clone();
        Log::new(move |line| metrics.read_log(line))
    };
    World {
        fleet: Fleet::new(
            environment,
            log,
            figures.timeout,
            options.instances,
            options.slowdown,
        ),
        api: Api::new(figures.throttle),
        messages: RefCell::new(Messages::new(options.identifies)),
        options: options.clone(),
        stand_in,
        metrics,
        statuses: RefCell::default(),
        started: Instant::now(),
        traffic_over: Cell::new(false),
    }
}

/// Takes Klaviyo down, and brings it back.
async fn fail_klaviyo(world: Rc<World>) {
    let options = &world.options;
    if options.outage.is_zero() {
        return;
    }
    sleep(options.warm_up).await;
    let fault = match options.fault.as_str() {
        "drop" => Fault::new("*", Symptom::Drop, usize::MAX),
        "silent" => Fault {
            delay: Duration::from_secs(60),
            ..Fault::new("*", Symptom::Drop, usize::MAX)
        },
        status => Fault::status("*", status.parse().unwrap(), usize::MAX),
    };
    world.stand_in.state().faults.push(fault);
    sleep(options.outage).await;
    world.stand_in.state().faults.clear();
}
