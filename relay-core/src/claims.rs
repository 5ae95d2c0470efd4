//! Claiming sagas: where they come from, and what is stored for them in the claim's own transaction.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use saga::stored::{ClaimedSaga, SagaUpdate};
use saga::{Event, QueueReason};
use uuid::Uuid;

use crate::decide::{Call, ClaimDecision, is_retry, on_claim, on_event};
use crate::retry_budget::RetryGrant;

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
    /// Retries that the budget refused: their sagas stay as they are, and their messages wait so many milliseconds.
    pub postponed: Vec<(Uuid, u64)>,
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
    /// Asks `budget` for the retries among the calls. The first are granted; the others are not claimed at all: what
    /// waits for its turn costs a write of its message, and no journal row.
    pub fn within_budget(&mut self, budget: impl FnOnce(u32) -> RetryGrant) {
        let wanted = self.calls.iter().filter(|call| is_retry(call)).count();
        if wanted == 0 {
            return;
        }
        let RetryGrant { granted, later_ms } = budget(u32::try_from(wanted).unwrap_or(u32::MAX));
        let (mut places, mut turns) = (granted, later_ms.into_iter());
        let mut postponed = BTreeMap::new();
        self.calls.retain(|call| {
            if !is_retry(call) || places > 0 {
                places -= u32::from(is_retry(call));
                return true;
            }
            // Never beyond its deadline, which is a reason to come up; 0: it has passed.
            let within_ms = if call.time_left_ms == 0 { u64::MAX } else { call.time_left_ms };
            let later_ms = turns.next().unwrap_or(0).min(within_ms);
            postponed.insert(call.loaded.order_id, later_ms);
            false
        });
        self.updates.retain(|update| !postponed.contains_key(&update.order_id));
        self.postponed.extend(postponed);
    }

    /// Puts every call off, for a breaker that admits nothing.
    pub fn defer(&mut self, relay: i64, retry_after_ms: Option<u64>) {
        let reason = QueueReason::BreakerOpen;
        let deferred = std::mem::take(&mut self.calls).into_iter().filter_map(|call| {
            let event = Event::CallNotExecuted { reason, retry_after_ms, jitter: call.jitter() };
            on_event(relay, &call, event, None).ok().map(|decision| decision.update)
        });
        self.deferred.extend(deferred);
    }
}

#[cfg(test)]
mod tests;
