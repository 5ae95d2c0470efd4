//! What can happen to a saga. Events are past tense and carry time, jitter and fresh ids.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::state::QueueReason;

/// Something that happened. Its serialised form is what a journal row stores: replaying the rows of a
/// saga through [`crate::transition()`] gives the stored saga (invariant I6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A relay took the saga, under a new epoch.
    Claimed {
        /// Milliseconds until the order's deadline by the database's clock; 0: it has passed.
        time_left_ms: u64,
        /// Who held it before.
        claim: Claim,
    },
    /// The current step's call was answered: done (200, 201).
    StepDone,
    /// The current step's call was answered: a definitive no.
    StepRejected {
        /// The service's reason.
        reason: Rejection,
    },
    /// The reservation had been released by someone (410): it can never be held again.
    StepTombstoned,
    /// The compensation was acknowledged.
    StepReleased,
    /// A call was made and its outcome is unknown (timeout, reset, 5xx, broken body).
    CallUnknown {
        /// Uniform random number for the backoff.
        jitter: u32,
    },
    /// No call was executed.
    CallNotExecuted {
        /// What is waited for now.
        reason: QueueReason,
        /// The service's or the breaker's word on when to come back.
        retry_after_ms: Option<u64>,
        /// Uniform random number for the backoff.
        jitter: u32,
    },
    /// The service answered outside the contract.
    ContractBroken,
    /// Customer or staff asked for a cancellation.
    CancelRequested {
        /// The customer or staff.
        by: CancelledBy,
    },
    /// Staff asked for another try.
    RetryRequested {
        /// A fresh id, used only where the previous outcome is definitive.
        reservation_id: Uuid,
    },
    /// Staff looked and found what is true.
    Resolved {
        /// What they found.
        finding: Finding,
    },
}

/// How a saga came to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Nobody held it.
    Free,
    /// Its holder's heartbeat is stale: whatever it was doing has no recorded outcome.
    Takeover,
}

/// A definitive business no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Not enough stock for every line.
    InsufficientStock,
    /// A line names an item that does not exist.
    UnknownItem,
}

/// Who cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The customer.
    Customer,
    /// Support staff.
    Staff,
}

/// What staff found when they looked into a parked saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The stock is held for this order.
    StockHeld,
    /// No stock is held for this order, as far as can be seen: a reserve may still be on its way, so the saga
    /// ends when its release is acknowledged, which refuses that one.
    StockNotHeld,
}

impl Event {
    /// The name in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::StepDone => "step_done",
            Self::StepRejected { .. } => "step_rejected",
            Self::StepTombstoned => "step_tombstoned",
            Self::StepReleased => "step_released",
            Self::CallUnknown { .. } => "call_unknown",
            Self::CallNotExecuted { .. } => "call_not_executed",
            Self::ContractBroken => "contract_broken",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RetryRequested { .. } => "retry_requested",
            Self::Resolved { .. } => "resolved",
        }
    }
}
