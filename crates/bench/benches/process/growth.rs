//! The growth of the function's cost with the size of a delivery: tables, and a chart in
//! `docs/growth.svg`.

use std::path::Path;
use std::process::ExitCode;

use segment_klaviyo_bench::messages::{batch, event, order};
use serde_json::Value;

use crate::chart::{self, Point};
use crate::median::median;
use crate::program::{Program, build, stay_on_one_processor};

/// A kind of delivery in several sizes. From 24 events on they go in a job and not one by one.
struct Kind {
    name: &'static str,
    sizes: &'static [usize],
    body: fn(usize) -> Value,
    events: fn(usize) -> usize,
}

const MESSAGES: Kind = Kind {
    name: "messages in a delivery",
    sizes: &[1, 10, 23, 24, 100, 1_000, 4_000],
    body: batch,
    events: |size| size,
};

const PRODUCTS: Kind = Kind {
    name: "products in an order",
    sizes: &[1, 2, 5, 10, 20, 22, 23, 50, 100],
    body: order,
    events: |products| 1 + products,
};

/// The number of events that are measured at each size, and the least and the most deliveries of
/// them.
const EVENTS: usize = 4_000;
const DELIVERIES: (usize, usize) = (5, 500);
const WARM_UP: usize = 3;

/// Prints a table for each kind of delivery and draws the chart.
pub(crate) async fn run(runs: usize) -> ExitCode {
    let program = build("segment-klaviyo", "bootstrap");
    stay_on_one_processor();
    let (mut message_runs, mut product_runs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        message_runs.push(measure_all(&program, &MESSAGES).await);
        product_runs.push(measure_all(&program, &PRODUCTS).await);
    }
    let (messages, products) = (medians(&message_runs), medians(&product_runs));
    print_table(&MESSAGES, &messages);
    print_table(&PRODUCTS, &products);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/growth.svg");
    chart::draw(&path, &messages, &products).unwrap();
    ExitCode::SUCCESS
}

async fn measure_all(program: &Path, kind: &Kind) -> Vec<Point> {
    let mut points = Vec::new();
    for size in kind.sizes {
        points.push(measure(program, kind, *size).await);
    }
    points
}

/// Measures one size in a new process, so that the peak is of this size alone.
async fn measure(path: &Path, kind: &Kind, size: usize) -> Point {
    let (mut program, _) = Program::start(path).await;
    let deliveries = (EVENTS / (kind.events)(size)).clamp(DELIVERIES.0, DELIVERIES.1);
    let event = event(&(kind.body)(size));
    let cost = program.cost(&event, WARM_UP, deliveries).await;
    Point {
        size,
        cpu: cost.cpu,
        wall: cost.wall,
        requests: cost.requests,
        peak: program.peak(),
    }
}

/// Returns the median of each size over all runs.
fn medians(runs: &[Vec<Point>]) -> Vec<Point> {
    let mut medians = Vec::new();
    for (index, first) in runs[0].iter().enumerate() {
        medians.push(Point {
            size: first.size,
            cpu: median(runs.iter().map(|run| run[index].cpu)),
            wall: median(runs.iter().map(|run| run[index].wall)),
            requests: first.requests,
            peak: median(runs.iter().map(|run| run[index].peak)),
        });
    }
    medians
}

fn print_table(kind: &Kind, points: &[Point]) {
    println!(
        "\n| {} | CPU (ms) | wall (ms) | requests to Klaviyo | peak memory (MiB) |",
        kind.name
    );
    println!("|---|---|---|---|---|");
    for point in points {
        println!(
            "| {} | {:.2} | {:.2} | {} | {:.1} |",
            point.size, point.cpu, point.wall, point.requests, point.peak
        );
    }
}
