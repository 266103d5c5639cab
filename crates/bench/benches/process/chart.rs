//! The chart of the tables of `growth.rs`. Its background is white, as GitHub may show it on a dark
//! page.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

const CPU: RGBColor = RGBColor(0x0b, 0x5f, 0xa5);
const WALL: RGBColor = RGBColor(0xd0, 0x6a, 0x0c);
const REQUEST_COUNT: RGBColor = RGBColor(0x1a, 0x7f, 0x4b);
const PEAK: RGBColor = RGBColor(0x8a, 0x3f, 0x9c);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);

const CAPTION: (&str, i32) = ("sans-serif", 16);
const LABEL: (&str, i32) = ("sans-serif", 13);

/// The cost of a delivery of one size.
pub(crate) struct Point {
    /// The number of messages or products.
    pub(crate) size: usize,
    /// Milliseconds on a processor.
    pub(crate) cpu: f64,
    /// Milliseconds until the answer.
    pub(crate) wall: f64,
    /// The number of requests to Klaviyo.
    pub(crate) requests: usize,
    /// The peak memory in MiB.
    pub(crate) peak: f64,
}

type Area<'p> = DrawingArea<SVGBackend<'p>, Shift>;
type ChartResult = Result<(), Box<dyn Error>>;

/// A curve: its name, its color, and the value of a point that it shows.
type Curve = (&'static str, RGBColor, fn(&Point) -> f64);

const TIME: [Curve; 2] = [
    ("wall", WALL, |point| point.wall),
    ("CPU", CPU, |point| point.cpu),
];
const REQUESTS: [Curve; 1] = [("requests", REQUEST_COUNT, |point| point.requests as f64)];
const MEMORY: [Curve; 1] = [("peak", PEAK, |point| point.peak)];

/// Draws time, requests and memory by the messages of a delivery, and time and requests by the
/// products of an order.
pub(crate) fn draw(path: &Path, messages: &[Point], products: &[Point]) -> ChartResult {
    let root = SVGBackend::new(path, (960, 600)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(300);
    let (above, below) = (above.split_evenly((1, 3)), below.split_evenly((1, 2)));
    let unit = "messages in a delivery";
    panel(
        &above[0],
        "Time (ms)",
        unit,
        messages,
        decades(&TIME, messages).log_scale(),
        &TIME,
    )?;
    panel(
        &above[1],
        "Requests to Klaviyo",
        unit,
        messages,
        0.0..25.0,
        &REQUESTS,
    )?;
    panel(
        &above[2],
        "Peak memory (MiB)",
        unit,
        messages,
        0.0..1.1 * largest(&MEMORY, messages),
        &MEMORY,
    )?;
    let unit = "products in an order";
    panel(
        &below[0],
        "Time (ms)",
        unit,
        products,
        decades(&TIME, products).log_scale(),
        &TIME,
    )?;
    panel(
        &below[1],
        "Requests to Klaviyo",
        unit,
        products,
        0.0..25.0,
        &REQUESTS,
    )?;
    Ok(root.present()?)
}

fn panel<Y: AsRangedCoord<Value = f64>>(
    area: &Area,
    title: &str,
    unit: &str,
    points: &[Point],
    y: Y,
    curves: &[Curve],
) -> ChartResult
where
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let last = points.last().map_or(1.0, |point| point.size as f64);
    let mut chart = ChartBuilder::on(area)
        .caption(title, CAPTION.with_color(INK))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(40)
        .build_cartesian_2d((0.9..1.15 * last).log_scale(), y)?;
    chart
        .configure_mesh()
        .x_desc(unit)
        .x_labels(4)
        .y_labels(6)
        .x_label_formatter(&|size| size.to_string())
        .y_label_formatter(&|value| value.to_string())
        .label_style(LABEL.with_color(INK))
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, color, value) in curves {
        let mut places = Vec::new();
        for point in points {
            places.push((point.size as f64, value(point)));
        }
        let line = LineSeries::new(places.clone(), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(*name)
            .legend(|(x, y)| Rectangle::new([(x, y - 2), (x + 14, y + 1)], color.filled()));
        let dots = places
            .into_iter()
            .map(|place| Circle::new(place, 3, color.filled()));
        chart.draw_series(dots)?;
    }
    if curves.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(LABEL.with_color(INK))
            .draw()?;
    }
    Ok(())
}

/// Returns the range from one power of ten to another in which all values are.
fn decades(curves: &[Curve], points: &[Point]) -> Range<f64> {
    let mut smallest = f64::INFINITY;
    for (_, _, value) in curves {
        for point in points {
            smallest = smallest.min(value(point));
        }
    }
    let first = 10_f64.powf(smallest.log10().floor());
    let last = 10_f64.powf(largest(curves, points).log10().ceil());
    // A little below, as the power itself may be rounded to a number outside.
    0.99 * first..last
}

fn largest(curves: &[Curve], points: &[Point]) -> f64 {
    let mut largest: f64 = 0.0;
    for (_, _, value) in curves {
        for point in points {
            largest = largest.max(value(point));
        }
    }
    largest
}
