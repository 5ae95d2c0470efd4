//! Where a saga stands. Each variant carries only what is true then.

use uuid::Uuid;

/// One order's saga, as far as decisions need it. The store adds version, epoch and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Saga {
    /// Index into the plan: the step being done, or undone.
    pub step: u16,
    /// The idempotency key of the current step's call. A new one is minted only after a definitive
    /// outcome of the previous one (protocol rule 1).
    pub reservation_id: Uuid,
    /// Calls that were executed, or may have been, for this step in this direction.
    pub attempt: u32,
    /// Claims in a row whose holder vanished without recording an outcome.
    pub crashes: u16,
    /// The state proper.
    pub state: State,
}

/// The states of docs/PROTOCOL.md section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Committed together with its order and outbox message; nobody has picked it up.
    Pending,
    /// A relay holds it, and its intent to call is recorded.
    Reserving {
        /// Whether an earlier call's outcome is unknown.
        doubt: Doubt,
    },
    /// Waiting, durably, for a time.
    Queued {
        /// What it waits for.
        reason: QueueReason,
        /// Whether an earlier call's outcome is unknown.
        doubt: Doubt,
    },
    /// The pivot: every step is done exactly once.
    Confirmed,
    /// Giving back, or tombstoning, what the steps may hold.
    Releasing {
        /// Why, which also says how it will end.
        cause: ReleaseCause,
        /// Whether any call's outcome is unknown.
        doubt: Doubt,
    },
    /// A definitive no.
    Failed {
        /// Whose no it was.
        reason: FailReason,
    },
    /// Cancelled, and the release was acknowledged.
    Cancelled,
    /// Needs a person. Nothing is lost, nothing else is blocked.
    Parked {
        /// Why no automatic step is left.
        reason: ParkReason,
        /// Where it was releasing: what the release is for.
        cause: Option<ReleaseCause>,
        /// Whether it may hold stock that nobody knows of.
        doubt: Doubt,
    },
}

/// Whether the outcome of the last call is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// Every call so far has a known outcome.
    Certain,
    /// A call was made, or may have been, and its outcome is unknown. Resolved by replay, never by guessing.
    InDoubt,
}

impl Doubt {
    /// True when in doubt.
    pub fn is_in_doubt(self) -> bool {
        self == Self::InDoubt
    }
}

/// What a queued saga waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueReason {
    /// The breaker is open: no call was made, no attempt is burnt.
    BreakerOpen,
    /// A call's outcome is unknown, or the service could not be reached: retried after a delay.
    Backoff,
    /// The service asked for patience (429, 503 with Retry-After). In journals of earlier versions also: the retry budget
    /// was spent.
    Throttled,
}

impl QueueReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BreakerOpen, Self::Backoff, Self::Throttled];
}

/// What a release is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// The customer cancelled.
    CustomerCancel,
    /// Staff cancelled.
    StaffCancel,
    /// The order's deadline passed before the pivot.
    DeadlinePassed,
    /// A later step was refused for lack of stock.
    InsufficientStock,
    /// A later step was refused: it names an item that does not exist.
    UnknownItem,
    /// Staff found no stock held for a parked saga: the release makes it certain.
    ResolvedByStaff,
}

impl ReleaseCause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CustomerCancel,
        Self::StaffCancel,
        Self::DeadlinePassed,
        Self::InsufficientStock,
        Self::UnknownItem,
        Self::ResolvedByStaff,
    ];
}

/// A definitive no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// There is not enough stock for every line.
    InsufficientStock,
    /// A line names an item that does not exist.
    UnknownItem,
    /// The deadline passed and the release was acknowledged.
    DeadlinePassed,
    /// Somebody else released the reservation (410): it can never be held again.
    ReleasedElsewhere,
    /// Staff found no stock held for a parked saga, and the release was acknowledged.
    ResolvedByStaff,
}

impl FailReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::InsufficientStock,
        Self::UnknownItem,
        Self::DeadlinePassed,
        Self::ReleasedElsewhere,
        Self::ResolvedByStaff,
    ];
}

/// Why a person is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The service answered outside the contract.
    ContractError,
    /// The saga crashed its relay too often.
    PoisonMessage,
    /// The release was tried too often without an acknowledgement.
    ReleaseKeepsFailing,
}

impl ParkReason {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::ContractError, Self::PoisonMessage, Self::ReleaseKeepsFailing];
}

impl State {
    /// Whether the last call's outcome is unknown.
    pub fn doubt(&self) -> Doubt {
        match *self {
            Self::Reserving { doubt }
            | Self::Queued { doubt, .. }
            | Self::Releasing { doubt, .. }
            | Self::Parked { doubt, .. } => doubt,
            Self::Pending | Self::Confirmed | Self::Failed { .. } | Self::Cancelled => {
                Doubt::Certain
            }
        }
    }
}

impl Saga {
    /// A saga that was just created, with the reservation id of its first step.
    pub fn new(reservation_id: Uuid) -> Self {
        Self { step: 0, reservation_id, attempt: 0, crashes: 0, state: State::Pending }
    }
}

#[cfg(test)]
mod tests;
