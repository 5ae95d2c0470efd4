use super::super::fault::Target;
use super::*;

static HABITS: [Habit; 2] = [
    Habit { kind: Kind::Kill(Target::Relay), weight: 3, lasts_ms: 10..=20 },
    Habit { kind: Kind::KillPostgres, weight: 1, lasts_ms: 0..=0 },
];

fn faults(seed: u64, count: usize) -> Vec<Fault> {
    let mut nemesis = Nemesis::new(&HABITS, 5..=50, seed);
    (0..count).map(|_| nemesis.next()).collect()
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    assert_eq!(faults(7, 100), faults(7, 100));
    assert_ne!(faults(7, 100), faults(8, 100));
}

#[test]
fn faults_come_as_often_as_they_weigh_and_last_as_long_as_they_may() {
    let all = faults(1, 4_000);
    let kills = all.iter().filter(|fault| fault.kind == Kind::KillPostgres).count();
    assert!((800..1_200).contains(&kills), "{kills} of 4000 where 1000 are due");
    for fault in all {
        let pause = fault.pause.as_millis();
        let lasts = fault.lasts.as_millis();
        assert!((5..=50).contains(&pause), "{fault:?}");
        assert!(if fault.kind == Kind::KillPostgres { lasts == 0 } else { lasts >= 10 });
    }
}
