//! The report as one self-contained HTML page, with pictures.

use std::fmt::Write;

use super::report::{Moment, Report};
use super::story::Story;
use crate::xml::escape;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 60.0;
/// Rows of the table of affected orders; all of them are in the JSON.
const ROWS_MAX: usize = 200;
/// Buckets of the histogram, each twice as wide as the one before it.
const BUCKETS: usize = 12;
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:2rem auto;\
    padding:0 1rem;color:#222}table{border-collapse:collapse}td,th{padding:.2rem .7rem;\
    border-bottom:1px solid #ddd;text-align:left;font-size:13px}svg.chart text{font:11px system-ui;fill:#444}\
    .ok{color:#15803d}.timeline{--timeline-work:#2563eb;\
    --timeline-wait:#57606a;--timeline-alarm:#b91c1c;max-width:100%}.timeline text{fill:currentColor}.bad{color:#b91c1c}code{background:#f4f4f5;padding:.1rem .3rem}";

pub(super) fn html(report: &Report) -> String {
    let verdict = if report.is_clean() {
        "<p class=\"ok\">Every invariant holds.</p>"
    } else {
        "<p class=\"bad\">An invariant is broken.</p>"
    };
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{placed} orders, {faults} faults</h1>{verdict}\
         <p><code>{title}</code></p>\
         <p>{acknowledged} acknowledged: {lost} lost, {doubled} doubled, {stuck} stuck, {parked} parked. \
         {affected} orders felt the faults.</p>",
        title = escape(&report.command_line),
        placed = report.placed,
        faults = report.faults.len(),
        acknowledged = report.acknowledged,
        lost = report.lost(),
        doubled = report.doubled(),
        stuck = report.stuck(),
        parked = report.checked.counts.parked,
        affected = report.affected_count,
    );
    let _ = write!(page, "<h2>Throughput</h2>{}", throughput(report));
    let _ = write!(page, "<h2>Recovery</h2>{}", histogram(report));
    if let Some(story) = &report.story {
        tell(&mut page, story);
    }
    let _ = write!(page, "<h2>Invariants</h2><table>{}</table>", invariants(report));
    if let Some((order_id, dump)) = report.checked.dumps.iter().next() {
        let _ =
            write!(page, "<h2>Order {order_id}</h2><pre>{}</pre>", escape(&format!("{dump:#}")));
    }
    let _ = write!(page, "<h2>Affected orders</h2><table>{}</table></html>", affected(report));
    page
}

/// One saga from its beginning to its end, drawn.
fn tell(page: &mut String, story: &Story) {
    let _ = write!(
        page,
        "<h2>The most interesting saga</h2><p>Order <code>{}</code>: {}.</p>",
        story.order_id,
        escape(&story.why),
    );
    page.push_str(&story.drawing);
}

/// Confirmed per second, with a line for each fault.
fn throughput(report: &Report) -> String {
    let ends_s = report.moments.last().map_or(1.0, |moment| moment.at_s).max(0.1);
    let highest = report.moments.iter().map(|m| m.confirmed_per_s).fold(1.0, f64::max);
    let x = |at_s: f64| LEFT + (WIDTH - LEFT) * (at_s / ends_s).min(1.0);
    let y = |value: f64| HEIGHT * (1.0 - value / highest);
    let mut svg = format!("<svg class=\"chart\" viewBox=\"0 -12 {WIDTH} {}\">", HEIGHT + 32.0);
    for fault in &report.faults {
        let from = x(fault.at_ms / 1_000.0);
        let felt_ms = fault.lasted_ms + fault.recovered_ms.unwrap_or(0.0);
        let width = (x((fault.at_ms + felt_ms) / 1_000.0) - from).max(1.0);
        let _ = write!(
            svg,
            "<rect x=\"{from:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"#fecaca\" \
             opacity=\".6\"><title>{}: {}</title></rect>",
            escape(&fault.kind.to_string()),
            escape(&fault.target),
        );
    }
    for (figure, color) in [
        ((|moment| moment.confirmed_per_s) as fn(&Moment) -> f64, "#2563eb"),
        (|moment| moment.others_per_s, "#d97706"),
    ] {
        let mut path = String::new();
        for (index, moment) in report.moments.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ =
                write!(path, "{letter}{:.1} {:.1}", x(moment.at_s), y(figure(moment).min(highest)));
        }
        let _ = write!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\"/>");
    }
    let _ = write!(
        svg,
        "<text x=\"0\" y=\"0\">{highest:.0}/s</text><text x=\"0\" y=\"{HEIGHT}\">0</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{ends_s:.0} s</text></svg>\
         <p>Blue: confirmed. Orange: accepted for later, refused by stock, or unknown. Red: a fault, until \
         things moved again.</p>",
        WIDTH,
        HEIGHT + 16.0,
    );
    svg
}

/// How many faults were over after how long.
fn histogram(report: &Report) -> String {
    let mut counts = [0_u32; BUCKETS];
    for recovered_ms in report.faults.iter().filter_map(|fault| fault.recovered_ms) {
        let bucket = (recovered_ms.max(1.0) / 10.0).log2().ceil().max(0.0) as usize;
        counts[bucket.min(BUCKETS - 1)] += 1;
    }
    let highest = f64::from(counts.iter().copied().max().unwrap_or(1).max(1));
    let width = (WIDTH - LEFT) / BUCKETS as f64;
    let mut svg = format!("<svg class=\"chart\" viewBox=\"0 -12 {WIDTH} {}\">", HEIGHT + 32.0);
    for (index, count) in counts.iter().enumerate() {
        let (height, x) = (HEIGHT * f64::from(*count) / highest, LEFT + width * index as f64);
        let to_ms = 10_u64 << index;
        let _ = write!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"#2563eb\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\">{count}</text><text x=\"{x:.1}\" y=\"{}\">≤ {to_ms} ms</text>",
            HEIGHT - height,
            width - 6.0,
            HEIGHT - height - 3.0,
            HEIGHT + 14.0,
        );
    }
    svg.push_str("</svg>");
    svg
}

fn invariants(report: &Report) -> String {
    let mut rows = String::new();
    for verdict in &report.checked.invariants {
        let (class, says) = if verdict.ok { ("ok", "holds") } else { ("bad", "broken") };
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{says}</td><td>{}</td></tr>",
            verdict.invariant,
            verdict.title,
            if verdict.ok { String::new() } else { format!("{} times", verdict.faults) },
        );
    }
    rows
}

fn affected(report: &Report) -> String {
    let mut rows = "<tr><th>order</th><th>placed after s</th><th>took ms</th><th>requests</th>\
                    <th>told</th><th>faults under way</th></tr>"
        .to_owned();
    for order in report.affected.iter().take(ROWS_MAX) {
        let faults: Vec<String> = order
            .faults
            .iter()
            .take(3)
            .map(|index| {
                format!("{} ({})", report.faults[*index].kind, report.faults[*index].target)
            })
            .collect();
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{:.1}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            order.order_id,
            f64::from(order.placed_ms) / 1_000.0,
            order.took_ms,
            order.tries,
            order.told,
            escape(&faults.join(", ")),
        );
    }
    rows
}
