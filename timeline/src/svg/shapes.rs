//! What stands on the rail: bars for work and waits, a shape for each kind of mark.

use std::fmt::Write;

use super::super::MarkKind;
use super::super::rows::What;
use super::patterns::{WAIT, fill};

/// Where the rail is.
const RAIL_X: u32 = 112;
/// The bars' left side and width.
const BAR_X: u32 = 106;
const BAR_PX: u32 = 12;
/// A mark is drawn in a square of so many, around its middle.
const MARK_PX: u32 = 12;

/// The colour of work.
pub(super) const WORK: &str = "var(--timeline-work,currentColor)";
const ALARM: &str = "var(--timeline-alarm,currentColor)";

/// Draws what a row of this height has on the rail.
pub(super) fn draw(svg: &mut String, what: What, y: u32, height: u32, id: &str) {
    put_rail(svg, what, y, height);
    let bar = height.saturating_sub(2);
    match what {
        What::Work { is_replay, .. } => {
            let _ = writeln!(
                svg,
                "<rect x=\"{BAR_X}\" y=\"{y}\" width=\"{BAR_PX}\" height=\"{bar}\" rx=\"2\" fill=\"{WORK}\"/>"
            );
            // taken up, for the first time or to make the same call again
            let begin = if is_replay { MarkKind::Replay } else { MarkKind::Claim };
            put_mark(svg, begin, RAIL_X - 16, y + 9);
        }
        What::Wait(why) => {
            let fill = fill(why, id);
            let _ = writeln!(
                svg,
                "<rect x=\"{BAR_X}.5\" y=\"{y}.5\" width=\"{}\" height=\"{}\" rx=\"2\" fill=\"{fill}\" stroke=\"{WAIT}\"/>",
                BAR_PX - 1,
                bar.saturating_sub(1)
            );
        }
        What::Mark(kind) => put_mark(svg, kind, RAIL_X, y + 9),
        What::Fold => {
            let _ = writeln!(
                svg,
                "<path d=\"M{RAIL_X} {y}l-5 5l10 5l-10 5l5 4\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\"/>"
            );
        }
        What::Day(_) => {
            let _ = writeln!(
                svg,
                "<path d=\"M90 {}H350\" stroke=\"currentColor\" stroke-opacity=\".35\"/>",
                y + 9
            );
        }
    }
}

/// The rail, which leaves room for what stands on it: no shape is painted over, as the page's colour is unknown.
fn put_rail(svg: &mut String, what: What, y: u32, height: u32) {
    let end = y + height;
    let covered = match what {
        What::Work { .. } | What::Wait(_) => (y, end - 1),
        What::Mark(_) => (y + 1, y + 17),
        What::Fold => (y, y + 19),
        What::Day(_) => (y, y),
    };
    let _ = writeln!(
        svg,
        "<path d=\"M{RAIL_X} {y}V{}M{RAIL_X} {}V{end}\" stroke=\"currentColor\" stroke-opacity=\".4\"/>",
        covered.0, covered.1
    );
}

/// One shape around the point `x`, `y`.
fn put_mark(svg: &mut String, kind: MarkKind, x: u32, y: u32) {
    let (left, top) = (x - MARK_PX / 2, y - MARK_PX / 2);
    let (colour, path, is_solid) = shape(kind);
    let fill = if is_solid { colour } else { "none" };
    let _ = writeln!(
        svg,
        "<path transform=\"translate({left} {top})\" d=\"{path}\" fill=\"{fill}\" stroke=\"{colour}\" \
         stroke-width=\"1.7\" stroke-linejoin=\"round\"/>"
    );
}

/// Colour, outline in a square of 12, and whether it is filled.
fn shape(kind: MarkKind) -> (&'static str, &'static str, bool) {
    match kind {
        // a ring
        MarkKind::Created => ("currentColor", "M1 6a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", false),
        // an arrow head
        MarkKind::Claim => ("currentColor", "M3 2l7 4l-7 4z", false),
        // a cross
        MarkKind::Crash => (ALARM, "M1 1l10 10M11 1l-10 10", false),
        // an arrow that turns back
        MarkKind::Replay => ("currentColor", "M10 7a4 4 0 1 1-1.5-4M9.5 0v3.4h-3.4", false),
        // an empty diamond, and a filled one
        MarkKind::InDoubt => (ALARM, "M6 0l6 6l-6 6l-6-6z", false),
        MarkKind::Resolved => ("currentColor", "M6 0l6 6l-6 6l-6-6z", true),
        // a triangle
        MarkKind::Customer => ("currentColor", "M6 1l5.5 10h-11z", true),
        // a hexagon
        MarkKind::Staff => ("currentColor", "M3 1h6l3 5l-3 5h-6l-3-5z", true),
        // two bars
        MarkKind::Parked => (ALARM, "M3.5 1v10M8.5 1v10", false),
        // a square
        MarkKind::Ended => ("currentColor", "M1.5 1.5h9v9h-9z", true),
    }
}
