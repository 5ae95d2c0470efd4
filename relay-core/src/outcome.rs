//! Outcomes that are stored many at once: what became of each, and which of them somebody waits for.

use std::collections::HashMap;

use saga::stored::{SagaUpdate, StoredUpdate};
use saga::{QueueReason, State};
use uuid::Uuid;

/// What became of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Stored.
    Stored(StoredUpdate),
    /// The saga had moved on: stop, touch nothing.
    Fenced,
    /// Not stored, and the relay is stopping, or the row is refused. Whoever claims the saga next
    /// replays the call.
    Dropped,
}

/// Which of the updates were stored, in their order. Two of one saga can be in a batch: what this relay decided
/// before it lost the saga, and what it decided after it got it back. The version tells them apart.
pub fn in_order(updates: &[SagaUpdate], stored: Vec<StoredUpdate>) -> Vec<Recorded> {
    let mut stored: HashMap<(Uuid, i32), StoredUpdate> =
        stored.into_iter().map(|one| ((one.order_id, one.version), one)).collect();
    let recorded = updates.iter().map(|update| {
        let becomes = (update.order_id, update.expected_version + 1);
        stored.remove(&becomes).map_or(Recorded::Fenced, Recorded::Stored)
    });
    recorded.collect()
}

/// Whether a request may be waiting for this state (see `schema_orders::sagas::find_settled`).
pub fn answers_a_request(state: State) -> bool {
    match state {
        State::Confirmed | State::Failed { .. } | State::Cancelled | State::Parked { .. } => true,
        State::Queued { reason, .. } => reason == QueueReason::BreakerOpen,
        State::Pending | State::Reserving { .. } | State::Releasing { .. } => false,
    }
}

#[cfg(test)]
mod tests;
