//! What travels between a relay and inventory: requests, and answers as status and text. The text is
//! read by the relay's own `classify`.

use schema_inventory::{Answer, Command, Rejection, State};
use uuid::Uuid;

/// Names a request.
pub(super) type RequestId = u32;

/// A request on its way: one call, or a batch.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) relay: u16,
    pub(super) life: u32,
    pub(super) entries: Vec<Entry>,
    pub(super) travels: Travels,
}

/// How reservations travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travels {
    Alone,
    Together,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The relay's name for the saga it drives.
    pub(super) slot: u32,
    pub(super) order: u16,
    pub(super) order_id: Uuid,
    pub(super) command: Command,
    /// Where the call was only to look; only a planted flaw does that.
    pub(super) looks: bool,
}

/// An answer as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) body: String,
}

impl Raw {
    fn new(status: u16, body: String) -> Raw {
        Raw { status, retry_after_ms: None, body }
    }

    fn problem(status: u16, code: &str) -> Raw {
        Raw::new(status, format!(r#"{{"type":"https://valerix.dev/problems/{code}"}}"#))
    }

    /// A page of something that stands between.
    pub(super) fn page(status: u16) -> Raw {
        Raw::new(status, "<html>not ours</html>".to_owned())
    }

    /// Not now.
    pub(super) fn throttled(retry_after_ms: u64) -> Raw {
        Raw { retry_after_ms: Some(retry_after_ms), ..Raw::problem(503, "overloaded") }
    }

    /// Something went wrong over there, and nobody knows when.
    pub(super) fn internal() -> Raw {
        Raw::problem(500, "internal")
    }

    /// Success, and then the connection broke.
    pub(super) fn cut() -> Raw {
        Raw::new(200, r#"{"reservation_id":"#.to_owned())
    }

    /// As inventory-api words it.
    pub(super) fn of(id: Uuid, answer: &Answer) -> Raw {
        match answer {
            Answer::Done(state) => Raw::done(id, *state),
            Answer::Rejected(Rejection::InsufficientStock { .. }) => {
                Raw::problem(409, "insufficient-stock")
            }
            Answer::Rejected(Rejection::UnknownItem { .. }) => Raw::problem(404, "unknown-item"),
            Answer::Tombstoned => Raw::problem(410, "reservation-tombstoned"),
            Answer::StaleEpoch { newest } => {
                let kind = "https://valerix.dev/problems/stale-epoch";
                Raw::new(412, format!(r#"{{"type":"{kind}","newest_epoch":{newest}}}"#))
            }
            Answer::Mismatch => Raw::problem(422, "reservation-mismatch"),
            Answer::AlreadyCommitted => Raw::problem(409, "reservation-committed"),
            Answer::Unknown => Raw::problem(404, "not-found"),
        }
    }

    pub(super) fn done(id: Uuid, state: State) -> Raw {
        let state = state.as_str();
        Raw::new(200, format!(r#"{{"reservation_id":"{id}","state":"{state}"}}"#))
    }
}

/// An answer on its way.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) request: RequestId,
    /// The call it answers; `None`: the whole request.
    pub(super) slot: Option<u32>,
    pub(super) order: u16,
    pub(super) raw: Raw,
    /// Whether the call only looked, and found something; only a planted flaw does that.
    pub(super) looked: bool,
}
