use saga::{FailReason, ParkReason, QueueReason, ReleaseCause};

use super::*;

#[test]
fn every_state_survives_its_columns() {
    let cause = ReleaseCause::DeadlinePassed;
    for doubt in [Doubt::Certain, Doubt::InDoubt] {
        for state in [
            State::Reserving { doubt },
            State::Queued { reason: QueueReason::BreakerOpen, doubt },
            State::Releasing { cause, doubt },
            State::Parked { reason: ParkReason::ContractError, cause: None, doubt },
            State::Parked { reason: ParkReason::PoisonMessage, cause: Some(cause), doubt },
            State::Pending,
            State::Confirmed,
            State::Cancelled,
            State::Failed { reason: FailReason::InsufficientStock },
        ] {
            let saga = Saga { state, attempt: 3, crashes: 1, ..Saga::new(Uuid::from_u128(9)) };
            assert_eq!(Saga::try_from(SagaColumns::from(&saga)), Ok(saga));
        }
    }
}

#[test]
fn a_newer_versions_state_is_told_apart() {
    let saga = Saga::new(Uuid::from_u128(9));
    let newer = SagaColumns { state: "shipping".to_owned(), ..SagaColumns::from(&saga) };
    assert_eq!(Saga::try_from(newer).expect_err("unknown").state, "shipping");
    let queued = SagaColumns {
        state: "queued".to_owned(),
        reason: Some("full_moon".to_owned()),
        ..SagaColumns::from(&saga)
    };
    assert!(Saga::try_from(queued).is_err());
}
