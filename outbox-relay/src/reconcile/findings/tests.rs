use super::*;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn total(findings: &Findings) -> usize {
    findings.counts().iter().map(|(_, count)| count).sum()
}

#[test]
fn drift_is_what_was_seen_twice_at_one_version() {
    let (kind, mut findings) = (Kind::LinesDiffer, Findings::default());
    assert!(!findings.note(id(1), 3, kind));
    assert_eq!(total(&findings), 0);
    assert!(!findings.note(id(1), 4, kind), "it moved meanwhile");
    assert_eq!(total(&findings), 0);
    assert!(findings.note(id(1), 4, kind));
    assert!(!findings.note(id(1), 4, kind), "told once");
    assert_eq!(findings.counts()[2], (kind.name(), 1));
    findings.forget(id(1));
    assert_eq!(total(&findings), 0);
}

#[test]
fn the_longest_unseen_is_looked_at_first() {
    let mut findings = Findings::default();
    for number in [1, 2, 3, 1] {
        findings.note(id(number), 1, Kind::LinesDiffer);
    }
    assert_eq!(findings.next_suspects(2), [id(2), id(3)]);
    assert_eq!(findings.next_suspects(0), [id(2)], "always one");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut findings = Findings::default();
    for _ in 0..2 {
        for number in 0..FINDINGS_MAX as u128 + 5 {
            findings.note(id(number), 1, Kind::StockOfAnotherOrder);
        }
    }
    assert_eq!(total(&findings), FINDINGS_MAX);
}
