use chrono::DateTime;
use saga::stored::{LoadedSaga, OutboxChange};
use saga::{Claim, Doubt, Saga, State};

use super::*;

fn locked(order: u128, state: State) -> ClaimedSaga {
    let at = DateTime::UNIX_EPOCH;
    let saga = Saga { state, ..Saga::new(Uuid::from_u128(100 + order)) };
    ClaimedSaga {
        loaded: LoadedSaga {
            order_id: Uuid::from_u128(order),
            saga,
            version: 1,
            epoch: 0,
            deadline_at: at,
        },
        claim: Claim::Free,
        time_left_ms: 1_000,
        lines: vec![],
        traceparent: None,
        created_at: at,
        last_moved_at: at,
        claimed_at: at,
    }
}

fn claims(mode: ClaimMode) -> Claims {
    plan_claims(7, [locked(1, State::Pending), locked(2, State::Confirmed)], mode)
}

#[test]
fn an_intent_is_stored_for_every_call_and_messages_without_work_go() {
    let claims = claims(ClaimMode::Dispatch);
    assert_eq!(claims.updates.len(), 1);
    assert_eq!(claims.updates[0].outbox, OutboxChange::Own { relay: 7 });
    assert_eq!(claims.calls[0].loaded.order_id, Uuid::from_u128(1));
    assert_eq!(claims.obsolete, [Uuid::from_u128(2)]);
    assert!(claims.deferred.is_empty());
}

#[test]
fn what_is_deferred_is_claimed_and_let_go_of_in_one_transaction() {
    let claims = claims(ClaimMode::Defer { retry_after_ms: Some(500) });
    assert!(claims.calls.is_empty());
    let (claim, deferred) = (&claims.updates[0], &claims.deferred[0]);
    assert_eq!((deferred.expected_version, deferred.expected_epoch), (2, claim.epoch));
    let queued = State::Queued { reason: QueueReason::BreakerOpen, doubt: Doubt::Certain };
    assert_eq!(deferred.saga.state, queued);
    assert_eq!(deferred.saga.attempt, 0, "no attempt is burnt");
}

#[test]
fn every_number_of_crashes_is_innocent_or_suspect() {
    assert!(
        (0..=i16::MAX).all(|crashes| INNOCENT.contains(&crashes) != SUSPECT.contains(&crashes))
    );
}
