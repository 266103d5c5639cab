//! How what the function takes grows with what it is sent: a table here, a chart in `docs/growth.svg`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::chart;
use crate::median;
use crate::program::{Cost, Program, build, stay_on_one_processor};
use segment_klaviyo_bench::messages::{batch, event, order};

/// A kind of delivery, and how much of it is sent. At 23 and 24 events it is decided how they go.
struct Kind {
    name: &'static str,
    sizes: &'static [usize],
    body: fn(usize) -> Value,
    events: fn(usize) -> usize,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "messages a delivery",
        sizes: &[1, 10, 23, 24, 100, 1_000, 4_000],
        body: batch,
        events: |size| size,
    },
    Kind {
        name: "products an order",
        sizes: &[1, 2, 5, 10, 20, 22, 23, 50, 100],
        body: order,
        events: |products| 1 + products,
    },
];

/// What a delivery of a size takes.
pub(crate) struct Point {
    pub(crate) size: usize,
    /// Milliseconds.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    pub(crate) calls: usize,
    /// MiB.
    pub(crate) peak: f64,
}

/// So many events are measured at each size, in at least and at most so many deliveries.
const EVENTS: usize = 4_000;
const DELIVERIES: (usize, usize) = (5, 500);
const WARM_UP: usize = 3;

/// Prints a table for each kind of delivery and draws the chart.
pub(crate) async fn run(runs: usize) -> ExitCode {
    let program = build("segment-klaviyo", "bootstrap");
    stay_on_one_processor();
    let mut found: Vec<Vec<Vec<Point>>> = Vec::new();
    for _ in 0..runs {
        let mut run = Vec::new();
        for kind in &KINDS {
            let mut points = Vec::new();
            for size in kind.sizes {
                points.push(measure(&program, kind, *size).await);
            }
            run.push(points);
        }
        found.push(run);
    }
    let curves: Vec<Vec<Point>> = (0..KINDS.len())
        .map(|kind| {
            let at = |size| middle(found.iter().map(|run| &run[kind][size]));
            (0..KINDS[kind].sizes.len()).map(at).collect()
        })
        .collect();
    for (kind, points) in KINDS.iter().zip(&curves) {
        println!(
            "\n| {} | CPU (ms) | wall (ms) | calls to Klaviyo | peak memory (MiB) |\n|---|---|---|---|---|",
            kind.name
        );
        for Point {
            size,
            cpu,
            wall,
            calls,
            peak,
        } in points
        {
            println!("| {size} | {cpu:.2} | {wall:.2} | {calls} | {peak:.1} |");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/growth.svg");
    chart::draw(&path, &curves[0], &curves[1]).unwrap();
    ExitCode::SUCCESS
}

/// A size in a process of its own: the peak is its alone.
async fn measure(path: &Path, kind: &Kind, size: usize) -> Point {
    let (mut program, _) = Program::start(path).await;
    let events = (kind.events)(size);
    let deliveries = (EVENTS / events).clamp(DELIVERIES.0, DELIVERIES.1);
    let Cost { cpu, wall, calls } = program
        .cost(&event(&(kind.body)(size)), WARM_UP, deliveries)
        .await;
    Point {
        size,
        cpu,
        wall,
        calls,
        peak: program.peak(),
    }
}

/// The medians of what several runs found.
fn middle<'p>(runs: impl Iterator<Item = &'p Point> + Clone) -> Point {
    let of = |value: fn(&Point) -> f64| median(runs.clone().map(value));
    let Point { size, calls, .. } = *runs.clone().next().unwrap();
    Point {
        size,
        calls,
        cpu: of(|it| it.cpu),
        wall: of(|it| it.wall),
        peak: of(|it| it.peak),
    }
}
