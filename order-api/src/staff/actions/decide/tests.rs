use saga::{Doubt, FailReason, ParkReason, QueueReason, State};

use super::*;

const FRESH: Uuid = Uuid::from_u128(9);

fn saga_in(state: State) -> Saga {
    Saga { state, ..Saga::new(Uuid::from_u128(1)) }
}

#[track_caller]
fn reservation_after_retry(state: State) -> Uuid {
    match decide(Kind::Retry, None, &saga_in(state), FRESH).unwrap() {
        Decision::Update { saga, .. } => saga.reservation_id,
        decision @ (Decision::Noted | Decision::Refused(_)) => panic!("{decision:?}"),
    }
}

#[test]
fn a_new_reservation_id_is_minted_only_after_a_definitive_outcome() {
    let doubt = Doubt::InDoubt;
    let reason = QueueReason::Backoff;
    assert_eq!(reservation_after_retry(State::Queued { reason, doubt }), Uuid::from_u128(1));
    let reason = ParkReason::ContractError;
    let parked = State::Parked { reason, cause: None, doubt };
    assert_eq!(reservation_after_retry(parked), Uuid::from_u128(1));
    let reason = FailReason::InsufficientStock;
    assert_eq!(reservation_after_retry(State::Failed { reason }), FRESH);
}

#[test]
fn what_explain_offers_is_what_can_be_done() {
    use saga::explain::{Action, actions};
    let reason = ParkReason::PoisonMessage;
    for state in [
        State::Pending,
        State::Reserving { doubt: Doubt::Certain },
        State::Queued { reason: QueueReason::BreakerOpen, doubt: Doubt::Certain },
        State::Confirmed,
        State::Cancelled,
        State::Failed { reason: FailReason::UnknownItem },
        State::Parked { reason, cause: None, doubt: Doubt::InDoubt },
    ] {
        let saga = saga_in(state);
        let offered = actions(&saga);
        let finding = Some(Finding::StockNotHeld);
        for (kind, action) in [
            (Kind::Retry, Action::Retry),
            (Kind::Cancel, Action::Cancel),
            (Kind::Resolve, Action::Resolve),
            (Kind::Note, Action::Note),
        ] {
            let decided = decide(kind, finding, &saga, FRESH).unwrap();
            let is_refused = matches!(decided, Decision::Refused(_));
            assert_eq!(offered.contains(&action), !is_refused, "{kind:?} {state:?}");
        }
    }
}
