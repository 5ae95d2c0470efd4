//! The thirty seconds as bars, drawn here: the same with and without JavaScript.

use std::fmt::{self, Write};

use askama::filters::HtmlSafe;
use edge::{BucketSnapshot, WINDOW_S, WindowSnapshot};

const BAR: u64 = 20;
const HEIGHT: f64 = 90.0;
const BASE: f64 = 100.0;
/// The scale reaches to here at least, so that a quiet second does not look like a storm.
const SCALE_MS_MIN: f64 = 200.0;
const YELLOW_MS: f64 = 500.0;
const RED_MS: f64 = 1_000.0;

/// A vertical line with a word, so many seconds ago.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub(super) seconds_ago: f64,
    pub(super) text: &'static str,
}

pub(super) struct Chart(String);

impl Chart {
    pub(super) fn of(window: &WindowSnapshot, markers: &[Marker]) -> Chart {
        let width = BAR * WINDOW_S;
        let most = window.buckets.iter().filter_map(|bucket| bucket.average_ms);
        let scale = most.fold(SCALE_MS_MIN, f64::max) * 1.1;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {} 118\" role=\"img\" aria-label=\"{}\">",
            width + 40,
            summary(window)
        );
        for level in [YELLOW_MS, RED_MS].into_iter().filter(|level| *level < scale) {
            let y = BASE - level / scale * HEIGHT;
            let _ = write!(
                svg,
                "<path class=\"axis\" d=\"M0 {y:.1}h{width}\"/><text x=\"{}\" y=\"{:.1}\">{level:.0} ms</text>",
                width + 4,
                y + 3.0
            );
        }
        for (place, bucket) in window.buckets.iter().enumerate() {
            draw_bar(&mut svg, place as u64 * BAR, bucket, scale);
        }
        for marker in markers.iter().filter(|marker| marker.seconds_ago <= WINDOW_S as f64) {
            let x = width as f64 - marker.seconds_ago * BAR as f64;
            let _ = write!(
                svg,
                "<path class=\"mark\" d=\"M{x:.0} 0V100\"/><text x=\"{:.0}\" y=\"8\">{}</text>",
                x + 3.0,
                marker.text
            );
        }
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"114\">30 s ago</text><text x=\"{}\" y=\"114\">now</text></svg>",
            width - 18
        );
        Chart(svg)
    }
}

fn draw_bar(svg: &mut String, x: u64, bucket: &BucketSnapshot, scale: f64) {
    let Some(average_ms) = bucket.average_ms else {
        let _ = write!(
            svg,
            "<rect class=\"none\" x=\"{}\" y=\"98\" width=\"16\" height=\"2\"/>",
            x + 2
        );
        return;
    };
    let tone = match average_ms {
        ms if ms > RED_MS => "bad",
        ms if ms >= YELLOW_MS => "wait",
        _ => "good",
    };
    let height = (average_ms / scale * HEIGHT).max(2.0);
    let _ = write!(
        svg,
        "<rect class=\"{tone}\" x=\"{}\" y=\"{:.1}\" width=\"16\" height=\"{height:.1}\"><title>{} s ago: \
         {average_ms:.0} ms, {} orders</title></rect>",
        x + 2,
        BASE - height,
        bucket.seconds_ago,
        bucket.count
    );
}

fn summary(window: &WindowSnapshot) -> String {
    window.average_ms.map_or_else(
        || "No order was answered in the last 30 seconds".to_owned(),
        |ms| {
            format!(
                "{} orders in the last 30 seconds, answered in {ms:.0} ms on average",
                window.count
            )
        },
    )
}

impl fmt::Display for Chart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Numbers and words that are made here.
impl HtmlSafe for Chart {}
