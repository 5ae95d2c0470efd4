//! Throughput and latency over time as one self-contained SVG: a band of two panels for each load.

use std::fmt::Write;

use super::report::Report;
use super::row::{Point, Row};
use crate::xml::escape;

const WIDTH: f64 = 960.0;
const PANEL: f64 = 150.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Above each panel: its title.
const HEAD: f64 = 34.0;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.axis{stroke:#bbb}\
    .grid{stroke:#eee}path{fill:none;stroke-width:1.5}";
const BLUE: &str = "#2563eb";
const GREEN: &str = "#16a34a";
const RED: &str = "#dc2626";

struct Series {
    name: &'static str,
    color: &'static str,
    figure: fn(&Point) -> f64,
}

/// The picture of a report.
pub(super) fn svg(report: &Report) -> String {
    let rows: Vec<&Row> = report.rows.iter().filter(|row| row.timeline.len() > 1).collect();
    let height = rows.len() as f64 * 2.0 * (HEAD + PANEL) + HEAD;
    let mut svg = String::new();
    let mut put = |text: String| svg.push_str(&text);
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
         <title>{title}</title><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        title = escape(report.workload.title()),
    ));
    let throughput = [Series { name: "orders/s", color: BLUE, figure: |point| point.orders_per_s }];
    let latency = [
        Series { name: "p50 ms", color: GREEN, figure: |point| point.p50_ms },
        Series { name: "p99 ms", color: RED, figure: |point| point.p99_ms },
    ];
    for (index, row) in rows.iter().enumerate() {
        let top = index as f64 * 2.0 * (HEAD + PANEL);
        put(panel(top, &format!("{}: throughput", row.label), &row.timeline, &throughput));
        let below = top + HEAD + PANEL;
        put(panel(below, &format!("{}: latency", row.label), &row.timeline, &latency));
    }
    put("</svg>\n".to_owned());
    svg
}

fn panel(top: f64, title: &str, points: &[Point], series: &[Series]) -> String {
    let values = points.iter().flat_map(|point| series.iter().map(|of| (of.figure)(point)));
    let highest = nice(values.fold(0.0, f64::max));
    let ends_s = points.last().map_or(1.0, |point| point.at_s).max(f64::EPSILON);
    let x = |at_s: f64| LEFT + (WIDTH - LEFT - RIGHT) * at_s / ends_s;
    let y = |value: f64| top + HEAD + PANEL * (1.0 - value / highest);
    let mut out = String::new();
    let _ = write!(out, "<text x=\"{LEFT}\" y=\"{}\">{}</text>", top + 20.0, escape(title));
    for (index, of) in series.iter().enumerate() {
        let at = WIDTH - RIGHT - 80.0 * (series.len() - index) as f64;
        let color = of.color;
        let _ = write!(out, "<text x=\"{at}\" y=\"{}\" style=\"fill:{color}\">", top + 20.0);
        let _ = write!(out, "{}</text>", of.name);
    }
    for part in [0.0, 0.5, 1.0] {
        let (value, line) = (highest * part, y(highest * part));
        let (class, right) = (if part == 0.0 { "axis" } else { "grid" }, WIDTH - RIGHT);
        let _ = write!(
            out,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 6.0,
            line + 4.0,
        );
    }
    for of in series {
        let mut path = String::new();
        for (index, point) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", x(point.at_s), y((of.figure)(point)));
        }
        let _ = write!(out, "<path d=\"{path}\" stroke=\"{}\"/>", of.color);
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{ends_s:.0} s</text>",
        WIDTH - RIGHT,
        top + HEAD + PANEL + 14.0,
    );
    out
}

/// The next round figure that is not below.
fn nice(value: f64) -> f64 {
    let value = value.max(1.0);
    let scale = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * scale).find(|round| *round >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests;
