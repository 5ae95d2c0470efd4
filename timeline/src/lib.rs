//! What happened to one order, when: read from its journal, told as attempts, waits and marks.
//!
//! The journal is replayed through `saga::transition`, so that what is told is what was decided, the time
//! each wait was to last included. Pure: no clock, no database. [`read`] makes a [`History`], which the
//! list of attempts, the JSON timeline ([`Timeline`]) and the drawings ([`draw()`], [`draw_text`]) share.

mod read;
mod replay;
mod rows;
mod spans;
mod svg;
mod text;
mod waiting;
mod words;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

pub use read::read;
pub use spans::{MARKS_MAX, SPANS_MAX, Timeline};
pub use svg::{Look, Setting, draw};
pub use text::draw_text;

/// What is known besides the journal.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The reservation id of the saga as it stands.
    pub reservation_id: Uuid,
    /// When it gives up.
    pub deadline_at: DateTime<Utc>,
    /// The end of the picture for a saga that goes on.
    pub now: DateTime<Utc>,
}

/// A saga from its beginning to its end, or to now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// When the order was taken.
    pub from: DateTime<Utc>,
    /// When the saga ended, else now.
    pub until: DateTime<Utc>,
    /// The state at the end.
    pub state: String,
    /// Whether it has ended.
    pub is_final: bool,
    /// Calls, and looks that made none, oldest first.
    pub attempts: Vec<Attempt>,
    /// What it waited for, between them, oldest first.
    pub waits: Vec<Wait>,
    /// Moments that matter, oldest first.
    pub marks: Vec<Mark>,
    /// The end is missing: a newer version wrote it, or there is more than is told.
    pub is_cut: bool,
}

/// One try at one step, or at undoing it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Dense from 1, over all steps.
    pub number: u32,
    /// What was to be done: `reserve_stock`, `release_stock`.
    pub action: &'static str,
    /// The idempotency key of the call; `None` where the journal does not tell it.
    pub reservation_id: Option<Uuid>,
    /// The same call as before, because its outcome was unknown.
    pub is_replay: bool,
    /// When it was due.
    pub scheduled_at: DateTime<Utc>,
    /// When a relay took it up.
    pub started_at: DateTime<Utc>,
    /// When its end was recorded; `None`: it is under way.
    pub finished_at: Option<DateTime<Utc>>,
    /// How long the call itself took, in milliseconds; `None` where none was made, or nobody saw its end.
    pub took_ms: Option<i32>,
    /// What it had waited for.
    pub waited: Vec<Wait>,
    /// What came of it.
    pub outcome: Outcome,
    pub worker: Option<i64>,
    /// The fencing token.
    pub epoch: i64,
    /// The journal row that began it.
    pub first_seq: i32,
    /// The journal row that ended it.
    pub last_seq: Option<i32>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is under way.
    Running,
    Done,
    /// Refused: not enough stock.
    InsufficientStock,
    /// Refused: an item does not exist.
    UnknownItem,
    /// The reservation had been released before.
    ReleasedElsewhere,
    /// Undone, and acknowledged.
    Released,
    /// The answer was lost.
    Unknown,
    /// No call was made, or none arrived.
    NotExecuted,
    /// An answer that nobody understands.
    ContractBroken,
    /// Somebody decided otherwise meanwhile: whatever it does is refused.
    Overtaken,
    /// The relay vanished.
    RelayLost,
}

/// A time in which nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Wait {
    pub why: Why,
    pub from: DateTime<Utc>,
    /// Until when; `None`: still.
    pub until: Option<DateTime<Utc>>,
}

/// What a saga waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// For a relay to take it up.
    Relay,
    /// For the next try.
    Backoff,
    /// For inventory to be well again.
    BreakerOpen,
    /// Because inventory asked for patience.
    Throttled,
    /// For a person.
    Person,
}

/// A moment that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    pub at: DateTime<Utc>,
    /// The journal row.
    pub seq: i32,
    pub kind: MarkKind,
    pub text: &'static str,
}

/// Kinds of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The order was taken.
    Created,
    /// A relay took it up.
    Claim,
    /// Its relay had vanished.
    Crash,
    /// The same call was made again.
    Replay,
    /// An outcome became unknown.
    InDoubt,
    /// It became known.
    Resolved,
    /// The customer asked for something.
    Customer,
    /// Staff did something.
    Staff,
    /// It stopped and needs a person.
    Parked,
    Ended,
}

impl Wait {
    /// Its length in milliseconds, as far as it is known.
    pub fn ms(&self) -> Option<i64> {
        self.until.map(|until| (until - self.from).num_milliseconds().max(0))
    }
}

impl Outcome {
    pub fn text(self) -> &'static str {
        match self {
            Self::Running => "under way",
            Self::Done => "done",
            Self::InsufficientStock => "refused: not enough stock",
            Self::UnknownItem => "refused: unknown item",
            Self::ReleasedElsewhere => "refused: released by another system",
            Self::Released => "released",
            Self::Unknown => "answer lost",
            Self::NotExecuted => "not executed",
            Self::ContractBroken => "unexpected response",
            Self::Overtaken => "overtaken",
            Self::RelayLost => "relay lost",
        }
    }
}

impl Why {
    pub fn text(self) -> &'static str {
        match self {
            Self::Relay => "waits for a relay",
            Self::Backoff => "waits for its next attempt",
            Self::BreakerOpen => "waits for calls to inventory to resume",
            Self::Throttled => "waits because inventory is limiting requests",
            Self::Person => "waits for a person",
        }
    }
}

#[cfg(test)]
mod tests;
