use chrono::DateTime;
use saga::stored::OutboxChange;
use saga::{Event, Saga};

use super::*;

fn decided_on(expected_version: i32, epoch: i64) -> SagaUpdate {
    SagaUpdate {
        order_id: Uuid::from_u128(1),
        expected_version,
        expected_epoch: epoch,
        epoch,
        saga: Saga::new(Uuid::from_u128(2)),
        event: Event::StepDone,
        worker: Some(1),
        took_ms: None,
        outbox: OutboxChange::Keep,
    }
}

#[test]
fn what_was_decided_before_the_saga_was_lost_is_fenced_beside_what_was_decided_after() {
    let stored = StoredUpdate {
        order_id: Uuid::from_u128(1),
        version: 4,
        updated_at: DateTime::from_timestamp_nanos(0),
    };
    let (before, after) = (decided_on(2, 1), decided_on(3, 2));
    let recorded = in_order(&[before, after], vec![stored.clone()]);
    assert_eq!(recorded, [Recorded::Fenced, Recorded::Stored(stored)]);
}
