//! The tables of `growth.rs` as a picture, on a white ground of its own: GitHub may show it on a dark page.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::growth::Point;

const CPU: RGBColor = RGBColor(0x0b, 0x5f, 0xa5);
const WALL: RGBColor = RGBColor(0xd0, 0x6a, 0x0c);
const CALLS: RGBColor = RGBColor(0x1a, 0x7f, 0x4b);
const PEAK: RGBColor = RGBColor(0x8a, 0x3f, 0x9c);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);

type Area<'p> = DrawingArea<SVGBackend<'p>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// A curve: its name, its colour, and what of a point it shows.
type Curve = (&'static str, RGBColor, fn(&Point) -> f64);

const TIME: [Curve; 2] = [
    ("wall", WALL, |point| point.wall),
    ("CPU", CPU, |point| point.cpu),
];
const REQUESTS: [Curve; 1] = [("calls", CALLS, |point| point.calls as f64)];
const MEMORY: [Curve; 1] = [("peak", PEAK, |point| point.peak)];

/// Time, calls and memory by the messages of a delivery; time and calls by the products of an order.
pub(crate) fn draw(path: &Path, messages: &[Point], products: &[Point]) -> Drawn {
    let root = SVGBackend::new(path, (960, 600)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(300);
    let (above, below) = (above.split_evenly((1, 3)), below.split_evenly((1, 2)));
    let of = "messages a delivery";
    panel(
        &above[0],
        "Time (ms)",
        of,
        messages,
        decades(&TIME, messages).log_scale(),
        &TIME,
    )?;
    panel(
        &above[1],
        "Calls to Klaviyo",
        of,
        messages,
        0.0..25.0,
        &REQUESTS,
    )?;
    panel(
        &above[2],
        "Peak memory (MiB)",
        of,
        messages,
        0.0..1.1 * most(&MEMORY, messages),
        &MEMORY,
    )?;
    let of = "products an order";
    panel(
        &below[0],
        "Time (ms)",
        of,
        products,
        decades(&TIME, products).log_scale(),
        &TIME,
    )?;
    panel(
        &below[1],
        "Calls to Klaviyo",
        of,
        products,
        0.0..25.0,
        &REQUESTS,
    )?;
    Ok(root.present()?)
}

fn panel<Y: AsRangedCoord<Value = f64>>(
    area: &Area,
    title: &str,
    of: &str,
    points: &[Point],
    y: Y,
    curves: &[Curve],
) -> Drawn
where
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let text = || ("sans-serif", 13).with_color(INK);
    let last = points.last().map_or(1.0, |point| point.size as f64);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16).with_color(INK))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(40)
        .build_cartesian_2d((0.9..1.15 * last).log_scale(), y)?;
    chart
        .configure_mesh()
        .x_desc(of)
        .x_labels(4)
        .y_labels(6)
        .x_label_formatter(&|size| size.to_string())
        .y_label_formatter(&|value| value.to_string())
        .label_style(text())
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, color, value) in curves {
        let at = |point: &Point| (point.size as f64, value(point));
        let line = LineSeries::new(points.iter().map(at), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(*name)
            .legend(|(x, y)| Rectangle::new([(x, y - 2), (x + 14, y + 1)], color.filled()));
        chart.draw_series(
            points
                .iter()
                .map(|point| Circle::new(at(point), 3, color.filled())),
        )?;
    }
    if curves.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(text())
            .draw()?;
    }
    Ok(())
}

/// From a power of ten to a power of ten, with all values in between.
fn decades(curves: &[Curve], points: &[Point]) -> std::ops::Range<f64> {
    let values = || {
        curves
            .iter()
            .flat_map(|(_, _, value)| points.iter().map(value))
    };
    let least = values().fold(f64::INFINITY, f64::min);
    // A little below: the power itself, rounded, might be out of the picture.
    0.99 * 10_f64.powf(least.log10().floor())..10_f64.powf(most(curves, points).log10().ceil())
}

fn most(curves: &[Curve], points: &[Point]) -> f64 {
    curves
        .iter()
        .flat_map(|(_, _, value)| points.iter().map(value))
        .fold(0.0, f64::max)
}
