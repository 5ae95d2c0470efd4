//! What can be asked of a reservation, and what is answered.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// So many of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub item_id: String,
    /// How many; more than zero.
    pub quantity: i64,
}

/// Take stock for an order: all of its lines or none.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// Names the intent: the same id is answered the same for ever.
    pub reservation_id: Uuid,
    /// Whose stock it is.
    pub order_id: Uuid,
    /// Fencing token of the caller; `None` is a caller outside any saga.
    pub epoch: Option<i64>,
    /// One line per item, by item.
    pub lines: Vec<Line>,
    /// SHA-256 of order and lines.
    pub fingerprint: [u8; 32],
}

impl Reserve {
    /// Brings `lines` into their one form: lines of one item are added up, then sorted by item.
    pub fn new(reservation_id: Uuid, order_id: Uuid, epoch: Option<i64>, lines: Vec<Line>) -> Self {
        let lines = merged(lines);
        let mut digest = Sha256::new();
        digest.update(order_id);
        for line in &lines {
            digest.update((line.item_id.len() as u64).to_be_bytes());
            digest.update(&line.item_id);
            digest.update(line.quantity.to_be_bytes());
        }
        Self { reservation_id, order_id, epoch, lines, fingerprint: digest.finalize().into() }
    }
}

/// One thing asked of one reservation.
#[derive(Clone, Debug)]
pub enum Command {
    Reserve(Reserve),
    /// Give stock back, and refuse every later reserve of this id.
    Release {
        /// Which; it need not exist.
        reservation_id: Uuid,
        /// Whose it would have been; kept on a tombstone.
        order_id: Option<Uuid>,
        /// Fencing token of the caller.
        epoch: Option<i64>,
    },
    /// Ship: the stock leaves the warehouse.
    Commit {
        reservation_id: Uuid,
        /// Fencing token of the caller.
        epoch: Option<i64>,
    },
}

impl Command {
    /// The reservation it is about.
    pub fn reservation_id(&self) -> Uuid {
        match self {
            Self::Reserve(reserve) => reserve.reservation_id,
            Self::Release { reservation_id, .. } | Self::Commit { reservation_id, .. } => {
                *reservation_id
            }
        }
    }

    /// The caller's fencing token.
    pub fn epoch(&self) -> Option<i64> {
        match self {
            Self::Reserve(reserve) => reserve.epoch,
            Self::Release { epoch, .. } | Self::Commit { epoch, .. } => *epoch,
        }
    }
}

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its stock is promised.
    Held,
    /// There was not enough, or no such item. Holds nothing.
    Rejected,
    /// Given back, or never to be given: the tombstone.
    Released,
    Committed,
}

impl State {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Committed => "committed",
        }
    }

    /// The opposite of [`State::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Held, Self::Rejected, Self::Released, Self::Committed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A definitive no. It is stored, and answered again word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Rejection {
    /// These items had too little left.
    InsufficientStock {
        /// What was missing.
        items: Vec<Shortage>,
    },
    /// There are no such items.
    UnknownItem { items: Vec<String> },
}

/// One item that was short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    pub item_id: String,
    /// How many were asked for.
    pub requested: i64,
    /// How many could have been had then.
    pub available: i64,
}

/// What became of a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stands as asked, now or since an earlier time: `Held`, `Released` or `Committed`.
    Done(State),
    /// Reserve, commit: a definitive no.
    Rejected(Rejection),
    /// Reserve, commit: released before.
    Tombstoned,
    /// A newer epoch has spoken already.
    StaleEpoch {
        /// The newest one seen.
        newest: i64,
    },
    /// Reserve: the id was used for another order or other lines.
    Mismatch,
    /// Release: it has been shipped.
    AlreadyCommitted,
    /// Commit: no such reservation.
    Unknown,
}

fn merged(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines.dedup_by(|later, kept| {
        let same = later.item_id == kept.item_id;
        if same {
            kept.quantity += later.quantity;
        }
        same
    });
    lines
}
