//! Who orders and who repairs.

use saga::State;
use saga::stored::{Line, LoadedSaga};
use uuid::Uuid;

/// What a retried order has, where its deadline has passed.
pub(super) const RENEWED_MS: i64 = 600_000;

/// One customer, one order.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) key: u16,
    pub(super) fingerprint: u64,
    pub(super) lines: Vec<Line>,
    pub(super) deadline_ms: i64,
    /// Asks again until answered; the others try a few times.
    pub(super) is_patient: bool,
    pub(super) tries: u32,
    pub(super) stands: Stands,
    /// The order, once there is one, acknowledged or not.
    pub(super) order_id: Option<Uuid>,
    /// A cancellation was committed in the customer's name.
    pub(super) is_cancelled: bool,
    /// What a look at the order showed last.
    pub(super) seen: Option<(i32, State)>,
    /// Only where a flaw tears a cancellation in two.
    pub(super) read_to_cancel: Option<LoadedSaga>,
    pub(super) is_poison: bool,
}

/// Where a customer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Asks,
    /// Has a 2xx for this order.
    Acknowledged(Uuid),
    /// The key belongs to another request.
    Refused,
    GaveUp,
}

/// What somebody is about to do.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) order: u16,
    pub(super) verb: Verb,
    /// What they saw; they act on that version and no other.
    pub(super) seen: Option<LoadedSaga>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Retry,
    Cancel,
    Resolve,
}
