use saga::{QueueReason, Rejection};

use super::*;

#[test]
fn an_event_comes_back_from_its_row() {
    let events = [
        Event::StepDone,
        Event::Claimed { time_left_ms: 0, claim: Claim::Free },
        Event::Claimed { time_left_ms: 70, claim: Claim::Takeover },
        Event::StepRejected { reason: Rejection::UnknownItem },
        Event::CallNotExecuted {
            reason: QueueReason::BreakerOpen,
            retry_after_ms: Some(5),
            jitter: u32::MAX,
        },
    ];
    for event in events {
        let back = decode_event(event.name(), encode_detail(&event).as_ref()).expect("decodes");
        assert_eq!(back, Some(event));
    }
}

#[test]
fn the_usual_claim_takes_no_room() {
    let claim = Event::Claimed { time_left_ms: 86_400_000, claim: Claim::Free };
    assert_eq!(encode_detail(&claim), None);
    let back = decode_event("claimed", None).expect("decodes").expect("an event");
    assert!(matches!(back, Event::Claimed { time_left_ms: 1.., claim: Claim::Free }));
}

#[test]
fn an_event_of_a_newer_version_is_an_error() {
    assert!(decode_event("teleported", None).is_err());
}
