//! The same as data: spans that do not overlap, and marks. A long history keeps its two ends.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Attempt, History, Mark, Outcome, Wait, Why};

/// Spans that are told at most, half of them from the beginning.
pub const SPANS_MAX: usize = 1_000;
/// Marks that are told at most, half of them from the beginning.
pub const MARKS_MAX: usize = 2_000;

/// A history, as `GET /api/sagas/{id}/timeline` tells it.
#[derive(Debug, Serialize)]
pub struct Timeline {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    state: String,
    is_final: bool,
    /// The end is missing: a newer version wrote it, or there is more than is read.
    is_cut: bool,
    /// Oldest first; none begins before the one before it has ended.
    spans: Vec<Span>,
    /// Oldest first.
    marks: Vec<Mark>,
    /// How many are left out of the middle; the attempts among them are all in `steps`.
    folded: Folded,
}

#[derive(Debug, Serialize)]
struct Folded {
    spans: usize,
    marks: usize,
}

/// A time in which something was done, or waited for.
#[derive(Debug, Serialize)]
struct Span {
    from: DateTime<Utc>,
    /// `None`: it goes on.
    until: Option<DateTime<Utc>>,
    ms: Option<i64>,
    text: &'static str,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    Work {
        attempt: u32,
        action: &'static str,
        outcome: Outcome,
        is_replay: bool,
        worker: Option<i64>,
        epoch: i64,
    },
    Wait {
        why: Why,
    },
}

impl From<History> for Timeline {
    fn from(history: History) -> Timeline {
        let mut spans: Vec<Span> = history.attempts.iter().map(Span::from).collect();
        spans.extend(history.waits.iter().map(Span::from));
        spans.sort_by_key(|span| span.from);
        let mut marks = history.marks;
        let folded =
            Folded { spans: fold(&mut spans, SPANS_MAX), marks: fold(&mut marks, MARKS_MAX) };
        let History { from, until, state, is_final, is_cut, .. } = history;
        Timeline { from, until, state, is_final, is_cut, spans, marks, folded }
    }
}

/// Leaves out of the middle what is more than `most`; how much that was.
fn fold<T>(all: &mut Vec<T>, most: usize) -> usize {
    let too_many = all.len().saturating_sub(most);
    if too_many > 0 {
        all.drain(most / 2..most / 2 + too_many);
    }
    too_many
}

impl From<&Attempt> for Span {
    fn from(attempt: &Attempt) -> Span {
        let until = attempt.finished_at;
        Span {
            from: attempt.started_at,
            until,
            ms: until.map(|until| (until - attempt.started_at).num_milliseconds().max(0)),
            text: attempt.outcome.text(),
            what: What::Work {
                attempt: attempt.number,
                action: attempt.action,
                outcome: attempt.outcome,
                is_replay: attempt.is_replay,
                worker: attempt.worker,
                epoch: attempt.epoch,
            },
        }
    }
}

impl From<&Wait> for Span {
    fn from(wait: &Wait) -> Span {
        let Wait { why, from, until } = *wait;
        Span { from, until, ms: wait.ms(), text: why.text(), what: What::Wait { why } }
    }
}
