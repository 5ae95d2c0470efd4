//! What is done to both stores.

use proptest::prelude::*;
use saga::{CancelledBy, Event, Finding, QueueReason, Rejection};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub(super) enum Operation {
    /// An order, by a key that others may have used.
    Insert { key: u16, request: u8 },
    /// A relay takes up what there is.
    Claim { from: From, relay: i64 },
    /// Somebody decides on a saga as it was seen at some time, and stores that.
    Decide { seen: prop::sample::Index, event: Event, is_put_off: bool },
    /// Somebody looks at an order as it is now.
    Look { order: prop::sample::Index },
}

/// Where a relay takes up work.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    Fresh,
    Due,
    Untried,
    /// What the relay holds and does not know of: also how a take-over begins.
    Lost,
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let event = prop_oneof![
        4 => Just(Event::StepDone),
        2 => Just(Event::StepRejected { reason: Rejection::InsufficientStock }),
        1 => Just(Event::StepTombstoned),
        2 => Just(Event::StepReleased),
        3 => Just(Event::CallUnknown { jitter: 9 }),
        3 => Just(Event::CallNotExecuted {
            reason: QueueReason::BreakerOpen, retry_after_ms: Some(7), jitter: 9,
        }),
        2 => Just(Event::ContractBroken),
        3 => Just(Event::CancelRequested { by: CancelledBy::Customer }),
        2 => (1u128..99).prop_map(|id| Event::RetryRequested { reservation_id: Uuid::from_u128(id) }),
        1 => Just(Event::Resolved { finding: Finding::StockHeld }),
        1 => Just(Event::Resolved { finding: Finding::StockNotHeld }),
    ];
    let from = prop_oneof![4 => Just(From::Fresh), 3 => Just(From::Due), 2 => Just(From::Untried), 1 => Just(From::Lost)];
    let (seen, order) = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    prop_oneof![
        3 => (0u16..5, 0u8..2).prop_map(|(key, request)| Operation::Insert { key, request }),
        4 => (from, 1i64..3).prop_map(|(from, relay)| Operation::Claim { from, relay }),
        8 => (seen, event, prop::bool::weighted(0.3))
            .prop_map(|(seen, event, is_put_off)| Operation::Decide { seen, event, is_put_off }),
        2 => order.prop_map(|order| Operation::Look { order }),
    ]
}
