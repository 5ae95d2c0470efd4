//! What an answer from inventory means (docs/PROTOCOL.md section 3). Pure.

use saga::Rejection;
use saga::stored::Line;
use serde::Deserialize;
use uuid::Uuid;

use crate::breaker::{Outcome, Reply};

/// Where our problem types live; a problem of another type is somebody else's page.
const PROBLEM_TYPES: &str = "https://valerix.dev/problems/";

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Reserved, or released.
    Done,
    /// A definitive no.
    Rejected(Rejection),
    /// The reservation had been released.
    Tombstoned,
    /// Inventory has seen a newer claim of the saga: another relay holds it now, or the orders database has forgotten
    /// that claim (a restore, a failover that lost its tail).
    Stale {
        /// The newest epoch that inventory has seen, where it says so and it can be one.
        newest_epoch: Option<i64>,
    },
    /// Nobody who keeps the contract answers like this.
    ContractBroken {
        /// The status.
        status: u16,
        /// The problem's code, where there is one.
        code: Option<String>,
    },
    /// Nothing was executed.
    NotExecuted {
        /// The service asked for patience, and for how long.
        retry_after_ms: Option<u64>,
        /// Whether it answered at all.
        throttled: bool,
    },
    /// Nothing was executed, because somebody holds an item: it is about that item, not about the service.
    ItemBusy {
        /// When to come back.
        retry_after_ms: Option<u64>,
    },
    /// The service answered that it failed (500). It may have been executed.
    Failed,
    /// There was no answer, or none that says anything. It may have been executed.
    Unknown,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection: nothing was sent.
    NotSent,
    /// It broke, or took too long: the call may have been executed.
    Lost,
}

#[derive(Deserialize, Default)]
struct ProblemBody {
    #[serde(default, rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct StaleBody {
    newest_epoch: i64,
}

#[derive(Deserialize)]
struct ReservationBody {
    reservation_id: Uuid,
    state: String,
}

/// There was no answer to a question, or none that says anything.
#[derive(Debug, PartialEq, Eq)]
pub struct NoAnswer;

/// A reservation as inventory tells it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Reservation {
    /// `None` on a tombstone that was left for nobody.
    pub order_id: Option<Uuid>,
    /// `held`, `committed`, `released` or `rejected`.
    pub state: String,
    /// What it holds, or held.
    pub lines: Vec<Line>,
}

impl Answer {
    /// What the breaker counts of an answer to a whole request: nobody can tell which item it is about.
    pub fn breaker_outcome(&self) -> Outcome {
        match self.reply() {
            Reply::Answered => Outcome::Answered,
            Reply::Error | Reply::Missing => Outcome::Failed,
        }
    }

    /// What it is to those who ask whether the service is well. A definitive no is a success of the service.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Done
            | Self::Rejected(_)
            | Self::Tombstoned
            | Self::Stale { .. }
            | Self::ContractBroken { .. } => Reply::Answered,
            Self::Failed | Self::ItemBusy { .. } => Reply::Error,
            Self::NotExecuted { .. } | Self::Unknown => Reply::Missing,
        }
    }

    /// Whether the service did what it was asked, or said no for good.
    pub fn is_executed(&self) -> bool {
        match self {
            Self::Done | Self::Rejected(_) | Self::Tombstoned => true,
            Self::Stale { .. }
            | Self::ContractBroken { .. }
            | Self::NotExecuted { .. }
            | Self::ItemBusy { .. }
            | Self::Failed
            | Self::Unknown => false,
        }
    }

    /// The label in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected(_) => "rejected",
            Self::Tombstoned => "tombstoned",
            Self::Stale { .. } => "stale_epoch",
            Self::ContractBroken { .. } => "contract_error",
            Self::NotExecuted { .. } | Self::ItemBusy { .. } => "not_executed",
            Self::Failed | Self::Unknown => "unknown",
        }
    }
}

/// The answer to a reserve.
pub fn reserve(id: Uuid, status: u16, retry_after_ms: Option<u64>, body: &[u8]) -> Answer {
    let code = problem_code(body);
    match (status, code.as_deref()) {
        (200 | 201, _) => match serde_json::from_slice::<ReservationBody>(body) {
            Ok(held) if held.reservation_id == id && is_held(&held.state) => Answer::Done,
            // A 2xx whose body is not what it should be proves nothing.
            _ => Answer::Unknown,
        },
        (409, Some("insufficient-stock")) => Answer::Rejected(Rejection::InsufficientStock),
        (404, Some("unknown-item")) => Answer::Rejected(Rejection::UnknownItem),
        (410, Some("reservation-tombstoned")) => Answer::Tombstoned,
        (412, Some("stale-epoch")) => Answer::Stale { newest_epoch: newest_epoch(body) },
        _ => otherwise(status, retry_after_ms, code),
    }
}

/// The answer to a release.
pub fn release(id: Uuid, status: u16, retry_after_ms: Option<u64>, body: &[u8]) -> Answer {
    let code = problem_code(body);
    match (status, code.as_deref()) {
        (204, _) if body.is_empty() => Answer::Done,
        // An order ends on this word: a page that something in between shows for a success will not do.
        (200, _) => match serde_json::from_slice::<ReservationBody>(body) {
            Ok(released) if released.reservation_id == id && released.state == "released" => {
                Answer::Done
            }
            _ => Answer::Unknown,
        },
        (412, Some("stale-epoch")) => Answer::Stale { newest_epoch: newest_epoch(body) },
        _ => otherwise(status, retry_after_ms, code),
    }
}

/// The answer to a question about a reservation; `Ok(None)`: there is none. A 404 that is not our problem is that
/// of a service, or of something in between, that does not know the call.
pub fn look_up(id: Uuid, status: u16, body: &[u8]) -> Result<Option<Reservation>, NoAnswer> {
    match status {
        200 => {
            let told: ReservationBody = serde_json::from_slice(body).map_err(|_| NoAnswer)?;
            let found: Reservation = serde_json::from_slice(body).map_err(|_| NoAnswer)?;
            if told.reservation_id == id { Ok(Some(found)) } else { Err(NoAnswer) }
        }
        404 if problem_code(body).as_deref() == Some("not-found") => Ok(None),
        _ => Err(NoAnswer),
    }
}

/// A refusal of a batch as a whole. It is not an entry's answer: never a definitive no.
pub fn whole_batch(status: u16, retry_after_ms: Option<u64>, body: &[u8]) -> Answer {
    otherwise(status, retry_after_ms, problem_code(body))
}

/// Whether a service that knows only the single calls answered a batch call.
pub fn is_unknown_call(status: u16, body: &[u8]) -> bool {
    match status {
        404 => problem_code(body).is_none_or(|code| code == "not-found"),
        // Nor does one that takes no body this long take batches.
        405 | 413 | 501 => true,
        _ => false,
    }
}

/// A request that got no answer.
pub fn failed(failure: Failure) -> Answer {
    match failure {
        Failure::NotSent => Answer::NotExecuted { retry_after_ms: None, throttled: false },
        Failure::Lost => Answer::Unknown,
    }
}

fn otherwise(status: u16, retry_after_ms: Option<u64>, code: Option<String>) -> Answer {
    match (status, retry_after_ms) {
        (503, Some(_)) if code.as_deref() == Some("item-busy") => {
            Answer::ItemBusy { retry_after_ms }
        }
        (429, _) | (503, Some(_)) => Answer::NotExecuted { retry_after_ms, throttled: true },
        // 408: the service gave up reading; 425: it asks for a replay. Neither says what was done.
        (408 | 425, _) => Answer::Unknown,
        (500, _) => Answer::Failed,
        (400..=499, _) => Answer::ContractBroken { status, code },
        _ => Answer::Unknown,
    }
}

/// No epoch of ours is larger: a relay would have to claim a saga a million times a second for centuries. What says
/// more would leave no room to count on.
const EPOCH_MAX: i64 = 1 << 53;

fn newest_epoch(body: &[u8]) -> Option<i64> {
    let stale: StaleBody = serde_json::from_slice(body).ok()?;
    (0..=EPOCH_MAX).contains(&stale.newest_epoch).then_some(stale.newest_epoch)
}

fn is_held(state: &str) -> bool {
    matches!(state, "held" | "committed")
}

fn problem_code(body: &[u8]) -> Option<String> {
    let problem: ProblemBody = serde_json::from_slice(body).ok()?;
    problem.kind.strip_prefix(PROBLEM_TYPES).map(str::to_owned)
}

#[cfg(test)]
mod tests;
