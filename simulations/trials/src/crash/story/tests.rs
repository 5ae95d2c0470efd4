use super::super::fault::{Kind, Target};
use super::*;

fn fault(at_ms: f64, lasted_ms: f64) -> FaultRecord {
    FaultRecord {
        kind: Kind::Kill(Target::Relay),
        target: "relay-1".to_owned(),
        at_ms,
        lasted_ms,
        recovered_ms: None,
        cut_short: false,
    }
}

fn saga(order_id: u128, steps: i32, from_ms: i64, until_ms: i64) -> Eventful {
    Eventful {
        order_id: Uuid::from_u128(order_id),
        steps,
        from: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(from_ms),
        until: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(until_ms),
        reservation_id: Uuid::nil(),
        deadline_at: DateTime::UNIX_EPOCH,
    }
}

fn chosen(offending: &[Uuid]) -> (u128, Vec<usize>) {
    let faults = [fault(100.0, 50.0), fault(200.0, 50.0), fault(900.0, 50.0)];
    let run = Run { orders_url: "", began_at: DateTime::UNIX_EPOCH, faults: &faults, offending };
    let candidates = vec![saga(1, 5, 300, 800), saga(2, 4, 50, 500), saga(3, 3, 0, 20)];
    let (saga, felt) = most_interesting(candidates, &run).unwrap();
    (saga.order_id.as_u128(), felt)
}

#[test]
fn steps_and_faults_make_a_saga_interesting() {
    assert_eq!(chosen(&[]), (2, vec![0, 1]));
}

#[test]
fn nothing_is_more_interesting_than_a_broken_invariant() {
    assert_eq!(chosen(&[Uuid::from_u128(3)]), (3, vec![]));
}
