//! The drawing for a terminal: one line per row, no colour, no width.

use super::rows::{Row, What, rows};
use super::words::{between, clock, day};
use super::{History, MarkKind, Why};

/// Draws a history in characters.
pub fn draw_text(history: &History) -> String {
    let ended = history.is_final.then_some(history.until);
    let took = between(history.from, ended, history.until);
    let mut text = format!("{}, {took}\n{} UTC\n", shown(&history.state), day(history.from));
    for row in rows(history) {
        text.push_str(&line(&row));
    }
    text
}

fn line(row: &Row) -> String {
    let note = row.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
    let text = shown(&format!("{}{note}", row.text));
    match row.what {
        What::Day(_) => format!("{text} UTC\n"),
        What::Work { .. } | What::Wait(_) | What::Mark(_) | What::Fold => {
            format!("{}  {} {text}\n", clock(row.at), symbol(row.what))
        }
    }
}

/// Without what a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Two characters, different for all that must be told apart.
fn symbol(what: What) -> &'static str {
    match what {
        What::Work { is_replay: false, .. } => "██",
        What::Work { is_replay: true, .. } => "█↻",
        What::Wait(Why::Relay) => "··",
        What::Wait(Why::Backoff) => "//",
        What::Wait(Why::BreakerOpen) => "xx",
        What::Wait(Why::Throttled) => "==",
        What::Wait(Why::Person) => "||",
        What::Mark(MarkKind::Created) => "○ ",
        What::Mark(MarkKind::Claim) => "▷ ",
        What::Mark(MarkKind::Crash) => "✗ ",
        What::Mark(MarkKind::Replay) => "↻ ",
        What::Mark(MarkKind::InDoubt) => "? ",
        What::Mark(MarkKind::Resolved) => "✓ ",
        What::Mark(MarkKind::Customer) => "@ ",
        What::Mark(MarkKind::Staff) => "# ",
        What::Mark(MarkKind::Parked) => "‖ ",
        What::Mark(MarkKind::Ended) => "● ",
        What::Fold => "… ",
        What::Day(_) => "  ",
    }
}
