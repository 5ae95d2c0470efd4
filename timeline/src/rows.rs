//! A history as rows, oldest first: what every drawing of it shows, and what it leaves out.

use chrono::{DateTime, NaiveDate, Utc};

use super::words::{between, clock, length};
use super::{Attempt, History, Mark, MarkKind, Outcome, Wait, Why};

/// Rows that are shown of the beginning of a long history …
const HEAD_ROWS: usize = 24;
/// … of its end …
const TAIL_ROWS: usize = 32;
/// … and between them of those marks that change the story.
const RARE_MARKS: usize = 16;

/// One row of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) at: DateTime<Utc>,
    /// Where the journal tells of it; orders what happened at the same time.
    seq: i32,
    /// For work and waits: their length, as far as it is known.
    pub(super) ms: i64,
    pub(super) what: What,
    pub(super) text: String,
    pub(super) note: Option<String>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An attempt; whether it repeats a call.
    Work { outcome: Outcome, is_replay: bool },
    /// A time in which nothing was done.
    Wait(Why),
    /// A moment.
    Mark(MarkKind),
    /// Rows that are not shown.
    Fold,
    /// The date changes.
    Day(NaiveDate),
}

/// The rows of a history, folded where there are too many for a picture.
pub(super) fn rows(history: &History) -> Vec<Row> {
    let told = history.marks.iter().filter(|mark| !is_told_by_its_attempt(mark.kind));
    let mut rows: Vec<Row> = history.attempts.iter().map(|a| Row::of_attempt(a, history)).collect();
    rows.extend(history.waits.iter().map(|wait| Row::of_wait(wait, history)));
    rows.extend(told.map(Row::of_mark));
    // a wait begins after all that the journal tells of its first moment
    rows.sort_by_key(|row| (row.at, row.seq, matches!(row.what, What::Work { .. })));
    let mut rows = with_days(fold(rows));
    if history.is_cut {
        rows.push(Row::fold(history.until, "more than is told here".to_owned()));
    }
    rows
}

/// The beginning of an attempt says that it was taken up, and whether it is a replay.
fn is_told_by_its_attempt(kind: MarkKind) -> bool {
    matches!(kind, MarkKind::Claim | MarkKind::Replay)
}

fn fold(rows: Vec<Row>) -> Vec<Row> {
    if rows.len() <= HEAD_ROWS + TAIL_ROWS + RARE_MARKS {
        return rows;
    }
    let tail_from = rows.len() - TAIL_ROWS;
    let is_rare = |row: &Row| matches!(row.what, What::Mark(kind) if changes_the_story(kind));
    let rare: Vec<usize> = (HEAD_ROWS..tail_from).filter(|n| is_rare(&rows[*n])).collect();
    let from_last = rare.len().saturating_sub(RARE_MARKS / 2).max(RARE_MARKS / 2);
    let mut kept: Vec<usize> = (0..HEAD_ROWS).collect();
    kept.extend(
        rare.iter()
            .enumerate()
            .filter_map(|(n, row)| (n < RARE_MARKS / 2 || n >= from_last).then_some(*row)),
    );
    kept.extend(tail_from..rows.len());
    let mut shown = Vec::new();
    let mut next = 0;
    for n in kept {
        if n > next {
            shown.push(Row::folded(&rows[next..n]));
        }
        shown.push(rows[n].clone());
        next = n + 1;
    }
    shown
}

fn changes_the_story(kind: MarkKind) -> bool {
    matches!(kind, MarkKind::Crash | MarkKind::Customer | MarkKind::Staff | MarkKind::Parked)
}

fn with_days(rows: Vec<Row>) -> Vec<Row> {
    let mut day = rows.first().map(|row| row.at.date_naive());
    let mut dated = Vec::with_capacity(rows.len());
    for row in rows {
        let date = row.at.date_naive();
        if day.replace(date) != Some(date) {
            let text = super::words::day(row.at);
            dated.push(Row { what: What::Day(date), text, note: None, ms: 0, ..row.clone() });
        }
        dated.push(row);
    }
    dated
}

impl Row {
    fn of_attempt(attempt: &Attempt, history: &History) -> Row {
        let Attempt { outcome, is_replay, started_at, finished_at, .. } = *attempt;
        let again = if is_replay { ", the same call again" } else { "" };
        let action = attempt.action.replace('_', " ");
        let took = attempt.took_ms.map_or_else(
            || between(started_at, finished_at, history.until),
            |ms| length(i64::from(ms)),
        );
        let worker = attempt.worker.map(|id| format!("relay {id}, ")).unwrap_or_default();
        Row {
            at: started_at,
            seq: attempt.first_seq,
            ms: (finished_at.unwrap_or(history.until) - started_at).num_milliseconds(),
            what: What::Work { outcome, is_replay },
            text: format!("{}. {action}{again}: {}", attempt.number, outcome.text()),
            note: Some(format!("{took}; {worker}epoch {}", attempt.epoch)),
        }
    }

    fn of_wait(wait: &Wait, history: &History) -> Row {
        Row {
            at: wait.from,
            seq: i32::MAX,
            ms: wait.ms().unwrap_or((history.until - wait.from).num_milliseconds()),
            what: What::Wait(wait.why),
            text: wait.why.text().to_owned(),
            note: Some(between(wait.from, wait.until, history.until)),
        }
    }

    fn of_mark(mark: &Mark) -> Row {
        let (at, seq, text) = (mark.at, mark.seq, mark.text.to_owned());
        Row { at, seq, ms: 0, what: What::Mark(mark.kind), text, note: None }
    }

    fn folded(rows: &[Row]) -> Row {
        let count = |is: fn(&What) -> bool| rows.iter().filter(|row| is(&row.what)).count();
        let attempts = count(|what| matches!(what, What::Work { .. }));
        let waits = count(|what| matches!(what, What::Wait(_)));
        let marks = rows.len() - attempts - waits;
        let until = rows.last().map_or(rows[0].at, |row| row.at);
        let text = format!("{attempts} attempts, {waits} waits and {marks} marks are folded here");
        let note = Some(format!("until {} {}", super::words::day(until), clock(until)));
        Row { note, ..Row::fold(rows[0].at, text) }
    }

    fn fold(at: DateTime<Utc>, text: String) -> Row {
        Row { at, seq: i32::MAX, ms: 0, what: What::Fold, text, note: None }
    }
}
