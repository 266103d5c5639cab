//! The curve of waiting messages, as a picture for the documentation. Its background is white, as
//! GitHub may show it on a dark page.

use std::error::Error;

use plotters::prelude::*;

use super::observation::Course;
use super::options::{Options, SCENARIOS};
use super::simulate;

const WAITING: RGBColor = RGBColor(0x0b, 0x5f, 0xa5);
const DOWN: RGBColor = RGBColor(0xf6, 0xdc, 0xdc);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe3, 0xe3, 0xe3);
const CAPTION: (&str, i32) = ("sans-serif", 16);
const LABEL: (&str, i32) = ("sans-serif", 13);

/// The scenarios of the picture, with what it says above them.
const PANELS: [(&str, &str); 2] = [
    ("outage-1m", "Klaviyo is down for a minute"),
    ("outage-10m", "Klaviyo is down for 10 minutes"),
];

/// Simulates the outages and draws them, with these options.
pub fn draw_all(arguments: &[String]) {
    let mut courses = Vec::new();
    for (name, title) in PANELS {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
        let options = Options::parse(scenario.unwrap(), arguments).unwrap();
        let course = simulate(&options);
        super::report::print_result(&course);
        courses.push((title, course));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/outage.svg");
    draw(path, &courses).unwrap();
    println!("{path}");
}

fn draw(path: &str, courses: &[(&str, Course)]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (960, 300)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, courses.len()));
    for (area, (title, course)) in panels.iter().zip(courses) {
        let mut points = vec![(0.0, 0.0)];
        for row in &course.rows {
            points.push((row.time / 60.0, row.waiting as f64 / 1e3));
        }
        let last = course.traffic_over_at / 60.0;
        points.retain(|(minute, _)| *minute <= last);
        let highest = points
            .iter()
            .map(|(_, waiting)| *waiting)
            .fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(title, CAPTION.with_color(INK))
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..last, 0.0..1.1 * highest)?;
        let down = course.options.warm_up.as_secs_f64() / 60.0..course.over_at / 60.0;
        chart.draw_series([Rectangle::new(
            [(down.start, 0.0), (down.end, 1.1 * highest)],
            DOWN.filled(),
        )])?;
        chart
            .configure_mesh()
            .x_desc("minutes")
            .y_desc("waiting messages (thousands)")
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(&|minute| format!("{minute}"))
            .y_label_formatter(&|waiting| format!("{waiting}"))
            .label_style(LABEL.with_color(INK))
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()?;
        chart.draw_series(LineSeries::new(points, WAITING.stroke_width(2)))?;
    }
    Ok(root.present()?)
}
