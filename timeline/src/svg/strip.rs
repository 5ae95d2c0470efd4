//! The whole to scale: one narrow strip above the rows, which shows where the time went.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::super::words::clock;
use super::super::{History, Why};
use super::patterns::{WAIT, fill};
use super::shapes::WORK;
use super::{FAINT, Line, put_text};

const X: u32 = 10;
const WIDTH: u32 = 340;
const Y: u32 = 44;
const BAR_PX: u32 = 12;
const HEIGHT: u32 = 42;
/// A cell is drawn as what it holds most of: the strip has so many, however long a history is.
const CELLS: usize = 170;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Work,
    Wait(Why),
    Nothing,
}

/// Nothing for a history without a length.
pub(super) fn of(history: &History, id: &str) -> String {
    let ms = (history.until - history.from).num_milliseconds();
    if ms <= 0 {
        return String::new();
    }
    let cells = cells(history, ms as f64);
    let mut svg = String::new();
    let mut begin = 0;
    for run in cells.chunk_by(|a, b| a == b) {
        put_run(&mut svg, run[0], begin, run.len() as u32, id);
        begin += run.len() as u32;
    }
    let y = Y + BAR_PX + 13;
    for (x, more, at) in [
        (X, FAINT.to_owned(), history.from),
        (X + WIDTH, format!("{FAINT} text-anchor=\"end\""), history.until),
    ] {
        put_text(&mut svg, &Line { x, y, size: "10", more: &more, text: &clock(at) });
    }
    let more = format!("{FAINT} text-anchor=\"middle\"");
    let middle = X + WIDTH / 2;
    put_text(
        &mut svg,
        &Line { x: middle, y, size: "10", more: &more, text: "all of it, to scale" },
    );
    svg
}

pub(super) fn height(strip: &str) -> u32 {
    if strip.is_empty() { 0 } else { HEIGHT }
}

fn put_run(svg: &mut String, kind: Kind, begin: u32, cells: u32, id: &str) {
    let cell_px = WIDTH / CELLS as u32;
    let (fill, stroke) = match kind {
        Kind::Nothing => return,
        Kind::Work => (WORK.to_owned(), WORK),
        Kind::Wait(why) => (fill(why, id), WAIT),
    };
    let (x, width) = (X + begin * cell_px, cells * cell_px);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{Y}\" width=\"{width}\" height=\"{BAR_PX}\" fill=\"{fill}\" stroke=\"{stroke}\" \
         stroke-width=\".6\"/>"
    );
}

fn cells(history: &History, ms: f64) -> Vec<Kind> {
    let offset = |at: DateTime<Utc>| (at - history.from).num_milliseconds().max(0) as f64 / ms;
    let mut held = vec![Vec::<(Kind, f64)>::new(); CELLS];
    let works = history.attempts.iter().map(|a| (Kind::Work, a.started_at, a.finished_at));
    let waits = history.waits.iter().map(|w| (Kind::Wait(w.why), w.from, w.until));
    for (kind, from, until) in works.chain(waits) {
        let (from, until) = (offset(from), offset(until.unwrap_or(history.until)));
        let last = ((until * CELLS as f64).ceil() as usize).min(CELLS);
        for (n, cell) in held.iter_mut().enumerate().take(last).skip((from * CELLS as f64) as usize)
        {
            let (begin, end) = (n as f64 / CELLS as f64, (n + 1) as f64 / CELLS as f64);
            let share = until.min(end) - from.max(begin);
            match cell.iter_mut().find(|(held, _)| *held == kind) {
                Some((_, sum)) => *sum += share,
                None => cell.push((kind, share)),
            }
        }
    }
    let most = |cell: Vec<(Kind, f64)>| {
        let most = cell.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        most.map_or(Kind::Nothing, |(kind, _)| kind)
    };
    held.into_iter().map(most).collect()
}
