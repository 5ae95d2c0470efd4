use super::super::fault::Target;
use super::*;

fn fault(at_ms: f64, lasted_ms: f64, recovered_ms: Option<f64>) -> FaultRecord {
    let kind = Kind::Kill(Target::Relay);
    let target = "relay-1".to_owned();
    FaultRecord { kind, target, at_ms, lasted_ms, recovered_ms, cut_short: false }
}

fn entry(started_ms: u32, took_ms: u32, tries: u16, outcome: Outcome) -> Entry {
    Entry { outcome, tries, took_ms, ..Entry::begun(started_ms) }
}

#[test]
fn orders_that_waited_or_never_heard_are_affected_and_told_by_what() {
    let mut ledger = Ledger::new(1);
    ledger.push(entry(0, 20, 1, Outcome::Confirmed));
    ledger.push(entry(900, 1_500, 3, Outcome::Confirmed));
    ledger.push(entry(5_000, 40, 1, Outcome::Accepted));
    ledger.push(entry(5_000, 40, 1, Outcome::Refused));
    let faults = [fault(1_000.0, 200.0, Some(100.0)), fault(4_000.0, 500.0, Some(600.0))];
    let (found, count) = affected(&ledger, &faults);
    assert_eq!(count, 2);
    let faults_of: Vec<&[usize]> = found.iter().map(|order| order.faults.as_slice()).collect();
    assert_eq!(faults_of, [&[0][..], &[1][..]]);
    assert_eq!((found[0].told, found[1].told), ("confirmed", "accepted"));
}
