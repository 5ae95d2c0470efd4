//! One row per attempt; of a long history the beginning and the end, and a page of what is between on demand.

use chrono::{DateTime, Utc};

use super::super::when::{When, length, short_length};
use super::super::words::{self, Mark};
use timeline::{Attempt, History, Outcome, Wait};

/// Histories up to this length are told whole.
const WHOLE_MAX: usize = 40;
/// Of longer ones so many at the beginning …
const FIRST: usize = 5;
/// … and so many at the end.
const LAST: usize = 25;
/// Attempts of a page between.
const PAGE: usize = 100;

pub(super) struct AttemptRow {
    pub(super) number: u32,
    pub(super) action: &'static str,
    pub(super) is_replay: bool,
    pub(super) mark: Mark,
    pub(super) scheduled: When,
    pub(super) started: When,
    pub(super) finished: Option<When>,
    pub(super) took: String,
    pub(super) waited: String,
    pub(super) worker: String,
    pub(super) epoch: i64,
    pub(super) reservation: String,
    pub(super) journal: String,
    /// So many are left out here; then nothing else counts.
    pub(super) folded: usize,
    pub(super) folded_from: u32,
}

/// `from` is the number of the first attempt of a page between.
pub(super) fn rows(history: &History, from: Option<u32>, now: DateTime<Utc>) -> Vec<AttemptRow> {
    let attempts = &history.attempts;
    let told = |attempt: &Attempt| AttemptRow::of(attempt, now);
    if let Some(from) = from {
        let begin = (from.max(1) as usize - 1).min(attempts.len());
        let end = (begin + PAGE).min(attempts.len());
        let rest = fold(attempts, end, attempts.len(), now);
        return attempts[begin..end].iter().map(told).chain(rest).collect();
    }
    if attempts.len() <= WHOLE_MAX {
        return attempts.iter().map(told).collect();
    }
    let end = attempts.len() - LAST;
    let first = attempts[..FIRST].iter().map(told);
    first.chain(fold(attempts, FIRST, end, now)).chain(attempts[end..].iter().map(told)).collect()
}

/// What it waits for at the moment.
pub(super) fn waiting(history: &History, now: DateTime<Utc>) -> Vec<String> {
    let open = history.waits.iter().filter(|wait| wait.until.is_none() && !history.is_final);
    open.map(|wait| {
        format!("{}, since {}", wait.why.text(), length((now - wait.from).num_milliseconds()))
    })
    .collect()
}

fn fold(attempts: &[Attempt], begin: usize, end: usize, now: DateTime<Utc>) -> Option<AttemptRow> {
    let first = attempts.get(begin).filter(|_| begin < end)?;
    let row = AttemptRow::of(first, now);
    Some(AttemptRow { folded: end - begin, folded_from: first.number, ..row })
}

impl AttemptRow {
    fn of(attempt: &Attempt, now: DateTime<Utc>) -> AttemptRow {
        let journal = attempt.last_seq.map_or_else(
            || format!("{} –", attempt.first_seq),
            |last| format!("{} – {last}", attempt.first_seq),
        );
        AttemptRow {
            number: attempt.number,
            action: if attempt.action == "release_stock" {
                "release stock"
            } else {
                "reserve stock"
            },
            is_replay: attempt.is_replay,
            mark: mark_of(attempt.outcome),
            scheduled: When::new(attempt.scheduled_at, now),
            started: When::new(attempt.started_at, now),
            finished: attempt.finished_at.map(|at| When::new(at, now)),
            took: attempt.took_ms.map_or_else(|| "–".to_owned(), |ms| short_length(i64::from(ms))),
            waited: waited(&attempt.waited),
            worker: attempt.worker.map_or_else(|| "–".to_owned(), |id| format!("relay {id}")),
            epoch: attempt.epoch,
            reservation: attempt.reservation_id.map_or_else(|| "–".to_owned(), |id| id.to_string()),
            journal,
            folded: 0,
            folded_from: 0,
        }
    }
}

fn waited(waits: &[Wait]) -> String {
    let told = waits.iter().filter_map(|wait| {
        let ms = wait.ms().filter(|ms| *ms > 0)?;
        Some(format!("{} {}", short_length(ms), wait.why.text().replacen("waits ", "", 1)))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "–".to_owned() } else { told.join(", ") }
}

fn mark_of(outcome: Outcome) -> Mark {
    let word = outcome.text();
    match outcome {
        Outcome::Running => words::working(word),
        Outcome::Done | Outcome::Released => words::good(word),
        Outcome::InsufficientStock
        | Outcome::UnknownItem
        | Outcome::ReleasedElsewhere
        | Outcome::ContractBroken => words::crossed(word),
        Outcome::Unknown => words::unclear(word),
        Outcome::RelayLost => words::bad(word),
        Outcome::NotExecuted | Outcome::Overtaken => words::quiet(word),
    }
}
