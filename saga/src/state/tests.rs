use super::*;

/// Relays leave a saga alone whose reason or cause is not listed. The matches have no wildcard: a further variant must be
/// placed here, and then the list must have it.
#[test]
fn every_reason_and_cause_is_listed() {
    let queued = QueueReason::ALL.map(|reason| match reason {
        QueueReason::BreakerOpen => 0,
        QueueReason::Backoff => 1,
        QueueReason::Throttled => 2,
    });
    let released = ReleaseCause::ALL.map(|cause| match cause {
        ReleaseCause::CustomerCancel => 0,
        ReleaseCause::StaffCancel => 1,
        ReleaseCause::DeadlinePassed => 2,
        ReleaseCause::InsufficientStock => 3,
        ReleaseCause::UnknownItem => 4,
        ReleaseCause::ResolvedByStaff => 5,
    });
    let failed = FailReason::ALL.map(|reason| match reason {
        FailReason::InsufficientStock => 0,
        FailReason::UnknownItem => 1,
        FailReason::DeadlinePassed => 2,
        FailReason::ReleasedElsewhere => 3,
        FailReason::ResolvedByStaff => 4,
    });
    let parked = ParkReason::ALL.map(|reason| match reason {
        ParkReason::ContractError => 0,
        ParkReason::PoisonMessage => 1,
        ParkReason::ReleaseKeepsFailing => 2,
    });
    assert_eq!(queued, [0, 1, 2]);
    assert_eq!(released, [0, 1, 2, 3, 4, 5]);
    assert_eq!(failed, [0, 1, 2, 3, 4]);
    assert_eq!(parked, [0, 1, 2]);
}
