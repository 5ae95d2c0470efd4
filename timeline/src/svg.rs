//! The drawing: rows from top to bottom along a rail, each with its time and its words.
//!
//! One line per thing that happened, so that no two times and no two words can overlap, at any width. Work is
//! solid, each kind of wait has its own pattern, each kind of mark its own shape; words stand beside all of
//! them. No scripts, no links, nothing from elsewhere; every text is escaped. Colours are those of the page
//! (`currentColor`), or of the variables `--timeline-work`, `--timeline-wait` and `--timeline-alarm`.

mod patterns;
mod shapes;
mod strip;

use std::fmt::Write;

use super::rows::{Row, What, rows};
use super::words::{between, clock, day, length, wrapped};
use super::{History, MarkKind};

/// As wide as a small telephone: there it is shown in its own size.
const WIDTH: u32 = 360;
/// Where the words begin.
const WORDS_X: u32 = 126;
/// Characters of a line of words, and of a note below it.
const LINE_CHARS: usize = 36;
const NOTE_CHARS: usize = 40;
const LINE_PX: u32 = 16;
const NOTE_PX: u32 = 14;
/// A row grows by so much at most, for a time without end.
const GROWTH_PX_MAX: u32 = 56;
const HEAD_PX: u32 = 44;
const FOOT_PX: u32 = 24;

/// Where a drawing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// By itself: it brings its colours, for light and dark.
    Alone,
    /// In a page, whose colours it takes.
    InPage,
}

/// How a history is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Look<'t> {
    /// What it is of, for those who cannot see it.
    pub title: &'t str,
    /// Begins the ids inside, so that two drawings in one page do not share any. Letters, digits, hyphens.
    pub id: &'t str,
    /// Where it stands.
    pub setting: Setting,
}

/// Draws a history as SVG.
pub fn draw(history: &History, look: &Look<'_>) -> String {
    let rows = rows(history);
    let strip = strip::of(history, look.id);
    let mut y = HEAD_PX + strip::height(&strip);
    let mut drawn = String::new();
    for row in &rows {
        y += draw_row(&mut drawn, row, y, look.id);
    }
    let height = y + FOOT_PX;
    let mut svg = open(history, look, height);
    svg.push_str(&patterns::definitions(history, look.id));
    head(&mut svg, history);
    svg.push_str(&strip);
    svg.push_str(&drawn);
    let foot = "Bar lengths are logarithmic.";
    put_text(&mut svg, &Line { x: 10, y: height - 8, size: "10", more: FAINT, text: foot });
    svg.push_str("</svg>\n");
    svg
}

const FAINT: &str = " fill-opacity=\".75\"";
const MONOSPACE: &str = " font-family=\"ui-monospace,monospace\"";
const BOLD: &str = " font-weight=\"600\"";

fn open(history: &History, look: &Look<'_>, height: u32) -> String {
    let id = escaped(look.id);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"timeline\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui,sans-serif\" fill=\"currentColor\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        escaped(look.title),
        escaped(&description(history)),
    );
    if look.setting == Setting::Alone {
        svg.push_str(COLOURS);
    }
    svg
}

const COLOURS: &str = "<style>
:root{color:#1b1f24;background:#fff;--timeline-work:#1f5fbf;--timeline-wait:#57606a;--timeline-alarm:#b3261e}
@media(prefers-color-scheme:dark){:root{color:#e6e8eb;background:#14171a;--timeline-work:#7fb0ff;--timeline-wait:#a5adb6;--timeline-alarm:#ff9b91}}
@media print{:root{color:#000;background:#fff;--timeline-work:#000;--timeline-wait:#000;--timeline-alarm:#000}}
</style>
";

/// The whole in one paragraph: the list of attempts below it in a page tells the rest.
fn description(history: &History) -> String {
    let ended = history.is_final.then_some(history.until);
    let count = |kind: MarkKind| history.marks.iter().filter(|mark| mark.kind == kind).count();
    format!(
        "State {}. {} attempts and {} waits in {}, from {} {} UTC. Its relay vanished {} times, its outcome \
         was unknown {} times, staff acted {} times.",
        history.state,
        history.attempts.len(),
        history.waits.len(),
        between(history.from, ended, history.until),
        day(history.from),
        clock(history.from),
        count(MarkKind::Crash),
        count(MarkKind::InDoubt),
        count(MarkKind::Staff),
    )
}

fn head(svg: &mut String, history: &History) {
    let took = length((history.until - history.from).num_milliseconds());
    let so_far = if history.is_final { "after " } else { "for now, after " };
    let state = wrapped(&history.state, LINE_CHARS - 20).swap_remove(0);
    let headline = format!("{state}, {so_far}{took}");
    put_text(svg, &Line { x: 10, y: 18, size: "14", more: BOLD, text: &headline });
    let since = format!("{} UTC", day(history.from));
    put_text(svg, &Line { x: 10, y: 35, size: "11", more: FAINT, text: &since });
}

/// Draws one row whose top is at `y`; its height.
fn draw_row(svg: &mut String, row: &Row, y: u32, id: &str) -> u32 {
    let lines = wrapped(&row.text, LINE_CHARS);
    let notes = row.note.as_ref().map(|note| wrapped(note, NOTE_CHARS)).unwrap_or_default();
    let words_px = LINE_PX * lines.len() as u32 + NOTE_PX * notes.len() as u32 + 6;
    let height = words_px + growth(row);
    let is_day = matches!(row.what, What::Day(_));
    shapes::draw(svg, row.what, y, height, id);
    if !is_day {
        let time = clock(row.at);
        put_text(svg, &Line { x: 10, y: y + 13, size: "10.5", more: MONOSPACE, text: &time });
    }
    let mut baseline = y + 13;
    for line in &lines {
        let (x, more) = if is_day { (10, BOLD) } else { (WORDS_X, "") };
        put_text(svg, &Line { x, y: baseline, size: "12", more, text: line });
        baseline += LINE_PX;
    }
    for note in &notes {
        let y = baseline - 1;
        put_text(svg, &Line { x: WORDS_X, y, size: "11", more: FAINT, text: note });
        baseline += NOTE_PX;
    }
    height
}

/// What a bar is longer than its words: nothing for an instant, the most for a week.
fn growth(row: &Row) -> u32 {
    match row.what {
        What::Work { .. } | What::Wait(_) => {
            let ms = row.ms.max(0) as f64;
            ((1.0 + ms / 50.0).log10() * 8.0).min(f64::from(GROWTH_PX_MAX)) as u32
        }
        What::Mark(_) | What::Fold | What::Day(_) => 0,
    }
}

struct Line<'t> {
    x: u32,
    y: u32,
    size: &'t str,
    more: &'t str,
    text: &'t str,
}

fn put_text(svg: &mut String, text: &Line<'_>) {
    let Line { x, y, size, more, text } = text;
    let text = escaped(text);
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{more}>{text}</text>");
}

/// Text as XML takes it, in content and in attributes. What XML forbids becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
