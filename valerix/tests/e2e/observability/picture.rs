//! Panels, drawn from what Prometheus has: the pictures of docs/OPERATIONS.md.

use std::fmt::Write as _;

use trials::xml::escape;

/// Told apart without colour, too: see [`DASHES`].
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#aa3377", "#b8860b", "#444444"];
const DASHES: [&str; 6] = ["none", "7 3", "2 3", "10 3 2 3", "4 4", "1 2"];
const SERIES_MAX: usize = 6;
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 52.0;
const HEAD: f64 = 34.0;
const ALERT_HEIGHT: f64 = 18.0;
const LEGEND_LETTERS_MAX: usize = 64;

/// One line: its name, and points of seconds since the picture begins and values.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

pub(super) struct Chart {
    pub(super) title: String,
    pub(super) unit: String,
    pub(super) lines: Vec<Line>,
}

/// Two panels in a row, and below them when alerts fired.
pub(super) fn draw(title: &str, charts: &[Chart], alerts: &[Line], seconds: f64) -> String {
    let rows = charts.len().div_ceil(2) as f64;
    let bottom = HEAD + rows * (HEIGHT + 14.0);
    let height = bottom + 34.0 + alerts.len().max(1) as f64 * ALERT_HEIGHT;
    let width = 2.0 * WIDTH + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"600\">{title}</text>\n",
        title = escape(title),
    );
    for (number, chart) in charts.iter().enumerate() {
        let (column, row) = ((number % 2) as f64, (number / 2) as f64);
        let (x, y) = (8.0 + column * (WIDTH + 8.0), HEAD + row * (HEIGHT + 14.0));
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        draw_chart(&mut svg, chart, seconds);
        svg.push_str("</g>\n");
    }
    let _ = writeln!(svg, "<g transform=\"translate(8 {bottom})\">");
    draw_alerts(&mut svg, alerts, seconds);
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn draw_chart(svg: &mut String, chart: &Chart, seconds: f64) {
    let (right, floor) = (WIDTH - 8.0, HEIGHT - 18.0);
    let highest = chart.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let top_value = round_up(highest.fold(0.0, f64::max));
    let _ = writeln!(
        svg,
        "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fafafa\" stroke=\"#d8d8d8\"/>\n\
         <text x=\"8\" y=\"16\" font-weight=\"600\">{}</text>\n\
         <path d=\"M{LEFT} {TOP}H{right}M{LEFT} {floor}H{right}\" stroke=\"#cccccc\"/>\n\
         <text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>\n\
         <text x=\"{x}\" y=\"{floor}\" text-anchor=\"end\">0</text>",
        escape(&chart.title),
        shown(top_value, &chart.unit),
        x = LEFT - 5.0,
        y = TOP + 4.0,
    );
    draw_time(svg, seconds, floor);
    let at = |(time, value): (f64, f64)| {
        let x = LEFT + time / seconds * (right - LEFT);
        (x, floor - value / top_value * (floor - TOP))
    };
    let mut legend_x = 8.0;
    let lines = chart.lines.iter().filter(|line| line.points.iter().any(|(_, v)| *v != 0.0));
    for (number, line) in lines.take(SERIES_MAX).enumerate() {
        let (colour, dash) = (COLOURS[number], DASHES[number]);
        let mut path = String::new();
        let mut before: Option<(f64, f64)> = None;
        for point in &line.points {
            let ((x, y), is_next) = (at(*point), before.is_some_and(|b| point.0 - b.0 < 3.0));
            let _ = match (is_next, before.map(at)) {
                // held until the next one: a state, or a count, is not on its way between two looks
                (true, Some((_, y_before))) => write!(path, "V{y_before:.1}H{x:.1}V{y:.1}"),
                _ => write!(path, "M{x:.1} {y:.1}"),
            };
            before = Some(*point);
        }
        let name: String = line.name.chars().take(LEGEND_LETTERS_MAX).collect();
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" \
             stroke-dasharray=\"{dash}\"/>\n<path d=\"M{legend_x} 30h18\" stroke=\"{colour}\" \
             stroke-width=\"2\" stroke-dasharray=\"{dash}\"/><text x=\"{}\" y=\"34\">{}</text>",
            legend_x + 22.0,
            escape(&name),
        );
        legend_x += 36.0 + name.chars().count() as f64 * 6.2;
    }
}

/// When each alert fired.
fn draw_alerts(svg: &mut String, alerts: &[Line], seconds: f64) {
    let _ = writeln!(svg, "<text x=\"8\" y=\"14\" font-weight=\"600\">Alerts that fire</text>");
    if alerts.is_empty() {
        let _ = writeln!(svg, "<text x=\"120\" y=\"14\">none</text>");
    }
    for (number, alert) in alerts.iter().enumerate() {
        let y = 20.0 + number as f64 * ALERT_HEIGHT;
        let (left, width) = (220.0, 2.0 * WIDTH - 220.0);
        let _ = writeln!(svg, "<text x=\"8\" y=\"{}\">{}</text>", y + 12.0, escape(&alert.name));
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {}h{width}\" stroke=\"#d8d8d8\"/>",
            y + ALERT_HEIGHT / 2.0
        );
        for (time, _) in &alert.points {
            let (x, wide) = (left + time / seconds * width, width / seconds);
            let wide = wide.min(left + width - x);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{}\" width=\"{wide:.1}\" height=\"10\" fill=\"#d55e00\"/>",
                y + 4.0
            );
        }
    }
}

/// Every ten seconds, or less often.
fn draw_time(svg: &mut String, seconds: f64, floor: f64) {
    let step = if seconds > 100.0 { 30 } else { 10 };
    for time in (0..=seconds as u32).step_by(step) {
        let x = LEFT + f64::from(time) / seconds * (WIDTH - 8.0 - LEFT);
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555555\">{time} s</text>",
            floor + 13.0
        );
    }
}

/// 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(value)
}

fn shown(value: f64, unit: &str) -> String {
    match unit {
        "s" => format!("{value} s"),
        "ops" | "reqps" => format!("{value}/s"),
        _ => value.to_string(),
    }
}
