//! Claiming new orders of this process with their insert (see `in_process::insert_claims`): the claim is
//! decided as any other, stored by the insert, and driven once that has committed.
//!
//! Only while the way is free. Behind an open breaker, during a drain and where this relay holds
//! enough, orders are written unclaimed, and the work loop deals with them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use in_process::insert_claims::PendingClaims;
use relay_core::decide::{Call, ClaimDecision, on_claim};
use saga::stored::{ClaimedSaga, LoadedSaga, SagaUpdate};
use saga::{Claim, Saga};
use schema_orders::orders::{Created, NewOrder};
use tokio_util::task::TaskTracker;

use crate::in_flight::Held;
use crate::membership::Membership;
use crate::metrics;
use crate::record::Recorder;
use crate::relay::Relay;

/// What claiming orders needs of a relay that runs.
pub(crate) struct InsertClaimer {
    pub(crate) relay: Relay,
    pub(crate) membership: Membership,
    pub(crate) recorder: Recorder,
    pub(crate) tasks: TaskTracker,
}

impl InsertClaimer {
    /// From now on, until it is closed.
    pub(crate) fn open(self) {
        let claims = self.relay.hints.insert_claims.clone();
        let claimer = Arc::new(self);
        claims.open(Arc::new(move |orders| Self::claim(&claimer, orders)));
    }

    fn claim(claimer: &Arc<Self>, orders: &mut [NewOrder]) -> Option<PendingClaims> {
        let relay = claimer.membership.id();
        let slots = claimer.relay.slots_for_new() as usize;
        // Up to the first that it cannot claim: what came of each is told by its place.
        let calls: Vec<Call> =
            orders.iter_mut().take(slots).map_while(|order| claim_new(relay, order)).collect();
        if calls.is_empty() {
            return None;
        }
        // Held before they are committed: a sweep that sees them must not take them for lost.
        let held = claimer.relay.in_flight.hold(calls.iter().map(|call| call.loaded.order_id));
        let updates = orders.iter().filter_map(|order| order.first_update.clone()).collect();
        let claimer = Arc::clone(claimer);
        let awaited = Awaited { claimer, relay, updates, calls, held: Some(held) };
        Some(PendingClaims::new(move |created| awaited.committed(created)))
    }
}

/// Calls that wait for their insert to commit.
struct Awaited {
    claimer: Arc<InsertClaimer>,
    relay: i64,
    updates: Vec<SagaUpdate>,
    calls: Vec<Call>,
    held: Option<Held>,
}

impl Awaited {
    /// Drives those that were written.
    fn committed(mut self, created: &Created) {
        let held = self.held.take();
        metrics::moved(self.updates.iter().filter(|first| created.at(first.order_id).is_some()));
        let calls: Vec<Call> = std::mem::take(&mut self.calls)
            .into_iter()
            .filter_map(|call| Some(written_at(created.at(call.loaded.order_id)?, call)))
            .collect();
        if calls.is_empty() {
            return;
        }
        metrics::claimed(u32::try_from(calls.len()).unwrap_or(u32::MAX));
        let driver = self.claimer.relay.driver(&self.claimer.recorder, self.relay);
        self.claimer.tasks.spawn(async move {
            driver.drive(calls).await;
            drop(held);
        });
    }
}

impl Drop for Awaited {
    /// Whether the insert was committed is unknown: look for what is held without knowing.
    fn drop(&mut self) {
        if self.held.is_some() {
            self.claimer.relay.is_unsure.store(true, Ordering::Release);
            self.claimer.relay.wake();
        }
    }
}

/// Claims an order that is not written yet.
pub fn claim_new(relay: i64, order: &mut NewOrder) -> Option<Call> {
    // The database's clock tells when it was ordered; until then nobody asks.
    let at = DateTime::UNIX_EPOCH;
    let loaded = LoadedSaga {
        order_id: order.id,
        saga: Saga::new(order.reservation_id),
        version: 1,
        epoch: 0,
        deadline_at: at,
    };
    let claimed = ClaimedSaga {
        loaded,
        claim: Claim::Free,
        time_left_ms: u64::try_from(order.deadline_ms).unwrap_or(0),
        lines: order.lines.clone(),
        traceparent: order.traceparent.clone(),
        created_at: at,
        last_moved_at: at,
        claimed_at: at,
    };
    let ClaimDecision::Update { update, call: Some(call) } = on_claim(relay, claimed) else {
        return None;
    };
    order.first_update = Some(update);
    Some(call)
}

fn written_at(created_at: DateTime<Utc>, call: Call) -> Call {
    Call { ordered_at: created_at, last_moved_at: created_at, ..call }
}
