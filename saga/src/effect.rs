//! What is to be done after a transition, as data. The shell carries it out.

use uuid::Uuid;

/// One thing to do. The outbox effects belong into the transaction that stores the saga; the calls
/// are made after it has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Call the step's action, under this reservation id.
    ReserveStock {
        /// The idempotency key of the call.
        reservation_id: Uuid,
    },
    /// Call the step's compensation, under this reservation id.
    ReleaseStock {
        /// The reservation to release, or to tombstone.
        reservation_id: Uuid,
    },
    /// Let go of the saga and have it claimed again after this time.
    WakeAfter {
        /// Milliseconds from the database's now.
        delay_ms: u64,
    },
    /// The saga needs no further step: its outbox message goes.
    RemoveOutboxMessage,
    /// The saga has work to do again: it gets an outbox message, due at once, and a fresh deadline
    /// where the old one has passed.
    AddOutboxMessage,
}
