//! Seeded random walks: whatever happens in whatever order, the protocol's rules hold.

use proptest::prelude::*;
use saga::{
    CancelledBy, Claim, Doubt, Effect, Event, FailReason, Finding, QueueReason, Rejection,
    ReleaseCause, Saga, State, Transition, plan, transition,
};
use uuid::Uuid;

fn any_event() -> impl Strategy<Value = Event> {
    let claim = prop_oneof![Just(Claim::Free), Just(Claim::Takeover)];
    prop_oneof![
        4 => (prop_oneof![Just(0_u64), Just(9_000)], claim)
            .prop_map(|(time_left_ms, claim)| Event::Claimed { time_left_ms, claim }),
        1 => Just(Event::StepDone),
        1 => Just(Event::StepRejected { reason: Rejection::InsufficientStock }),
        1 => Just(Event::StepTombstoned),
        1 => Just(Event::StepReleased),
        2 => any::<u32>().prop_map(|jitter| Event::CallUnknown { jitter }),
        2 => any::<u32>().prop_map(|jitter| Event::CallNotExecuted {
            reason: QueueReason::Throttled, retry_after_ms: None, jitter }),
        1 => Just(Event::ContractBroken),
        1 => Just(Event::CancelRequested { by: CancelledBy::Customer }),
        1 => any::<u128>().prop_map(|id| Event::RetryRequested { reservation_id: Uuid::from_u128(id) }),
        1 => Just(Event::Resolved { finding: Finding::StockNotHeld }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_walk_keeps_the_rules(events in prop::collection::vec(any_event(), 1..40)) {
        let mut saga = Saga::new(Uuid::from_u128(7));
        for event in events {
            let Ok(Transition::Moved(next, effects)) = transition(&plan::ORDER, &saga, &event) else {
                continue;
            };
            keeps_rule_1(&saga, &next)?;
            keeps_rule_2(&saga, &event, &next)?;
            keeps_the_outbox_honest(&saga, &next, &effects)?;
            prop_assert!(!next.state.is_final() || next.state.doubt() == Doubt::Certain);
            saga = next;
        }
    }

    #[test]
    fn an_event_survives_its_journal_row(event in any_event()) {
        let stored = serde_json::to_string(&event).expect("events serialise");
        prop_assert_eq!(serde_json::from_str::<Event>(&stored).expect("and back"), event);
    }
}

/// A new reservation id appears only after a definitive outcome of the previous one.
fn keeps_rule_1(from: &Saga, to: &Saga) -> Result<(), TestCaseError> {
    let minted = from.reservation_id != to.reservation_id;
    let definitive = matches!(from.state, State::Failed { .. });
    prop_assert!(!minted || definitive);
    Ok(())
}

/// Failed and cancelled are reached only by a definitive no or an acknowledged release.
fn keeps_rule_2(from: &Saga, event: &Event, to: &Saga) -> Result<(), TestCaseError> {
    if matches!(to.state, State::Failed { .. } | State::Cancelled) {
        let definitive = matches!(
            event,
            Event::StepRejected { .. } | Event::StepTombstoned | Event::StepReleased
        );
        prop_assert!(definitive, "{from:?} {event:?} {to:?}");
    }
    let resolved = matches!(to.state, State::Failed { reason: FailReason::ResolvedByStaff });
    let found =
        State::Releasing { cause: ReleaseCause::ResolvedByStaff, doubt: from.state.doubt() };
    prop_assert!(!resolved || from.state == found);
    Ok(())
}

/// An unfinished saga always has exactly one outbox message; a finished or parked one has none.
fn keeps_the_outbox_honest(
    from: &Saga,
    to: &Saga,
    effects: &[Effect],
) -> Result<(), TestCaseError> {
    let resting = |s: &Saga| s.state.is_final() || matches!(s.state, State::Parked { .. });
    let added = effects.contains(&Effect::AddOutboxMessage);
    let removed = effects.contains(&Effect::RemoveOutboxMessage);
    prop_assert_eq!(added, resting(from) && !resting(to));
    prop_assert_eq!(removed, !resting(from) && resting(to));
    Ok(())
}
