//! Claiming sagas: where they come from, and what is stored for them in the claim's own transaction.

use std::ops::RangeInclusive;

use saga::stored::{ClaimedSaga, SagaUpdate};
use saga::{Event, QueueReason};
use uuid::Uuid;

use crate::decide::{Call, ClaimDecision, on_claim, on_event};

/// Crashes from which on a saga is a suspect, driven alone, so that it takes no other with it.
const SUSPECT_CRASHES: i16 = 2;
/// Crashes of sagas that have not crashed a relay twice.
pub const INNOCENT: RangeInclusive<i16> = 0..=SUSPECT_CRASHES - 1;
/// Crashes of those that have.
pub const SUSPECT: RangeInclusive<i16> = SUSPECT_CRASHES..=i16::MAX;

/// Where work comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// New orders above a floor.
    Fresh {
        /// See `schema_orders::outbox::lock_fresh`.
        floor: Uuid,
    },
    /// Sagas whose time has come.
    Due,
    /// Sagas that a probe of the breaker can learn something new from: not tried yet, and without an item whose calls
    /// fail. Their time has come, or they wait for nothing but the breaker.
    Untried {
        /// Items whose calls fail.
        avoid: Vec<String>,
    },
    /// Sagas whose owner has fallen silent.
    FromDeadRelay {
        /// Sagas that have crashed so many relays: [`INNOCENT`] together, [`SUSPECT`] one by one.
        crashes: RangeInclusive<i16>,
        /// Only above this id.
        floor: Uuid,
    },
    /// Sagas this relay owns and does not know of: claims whose commit got no answer.
    UnacknowledgedClaims {
        /// Only above this id.
        floor: Uuid,
    },
}

/// What is done with what was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimMode {
    /// A call is made.
    Dispatch,
    /// The breaker is open: queued at once, in the same transaction, no call, no attempt burnt.
    Defer {
        /// The breaker's word on when to come back.
        retry_after_ms: Option<u64>,
    },
}

/// What a claim stores, and what it leads to.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// To be stored first: the intents, under new epochs.
    pub updates: Vec<SagaUpdate>,
    /// To be made once everything has committed, each only where its update was stored.
    pub calls: Vec<Call>,
    /// Messages without work, to be removed.
    pub obsolete: Vec<Uuid>,
    /// To be stored after `updates`, in the same transaction: calls that are put off.
    pub deferred: Vec<SagaUpdate>,
}

/// Decides on everything that one claim has locked.
pub fn plan_claims(
    relay: i64,
    locked: impl IntoIterator<Item = ClaimedSaga>,
    mode: ClaimMode,
) -> Claims {
    let mut claims = Claims::default();
    for claimed in locked {
        match on_claim(relay, claimed) {
            ClaimDecision::Update { update, call } => {
                claims.updates.push(update);
                claims.calls.extend(call);
            }
            ClaimDecision::ObsoleteMessage(order_id) => claims.obsolete.push(order_id),
        }
    }
    match mode {
        ClaimMode::Dispatch => {}
        ClaimMode::Defer { retry_after_ms } => claims.defer(relay, retry_after_ms),
    }
    claims
}

impl Claims {
    /// Puts every call off, for a breaker that admits nothing.
    pub fn defer(&mut self, relay: i64, retry_after_ms: Option<u64>) {
        let reason = QueueReason::BreakerOpen;
        let deferred = std::mem::take(&mut self.calls).into_iter().filter_map(|call| {
            let event = Event::CallNotExecuted { reason, retry_after_ms, jitter: call.jitter() };
            on_event(relay, &call, event).ok().map(|decision| decision.update)
        });
        self.deferred.extend(deferred);
    }
}

#[cfg(test)]
mod tests;
