use super::*;
use crate::beat_report::Beat;
use crate::breaker::{BreakerConfig, Outcome};
use crate::gate::GateConfig;
use uuid::Uuid;

const CONFIG: ScheduleConfig = ScheduleConfig { claim_max: 8, stale_ms: 1_200 };
const NO_FLOOR: Uuid = Uuid::nil();

struct Relay {
    schedule: Schedule,
    gate: GateState,
    moment: Moment,
}

impl Relay {
    /// One that has done its first sweep and its first scan from the beginning, and knows of nothing.
    fn at_rest() -> Self {
        let mut relay = Self::joined();
        relay.hear(beat());
        relay.run_dry();
        relay
    }

    fn joined() -> Self {
        let gate = GateConfig {
            breaker: BreakerConfig {
                failures_in_row: 1,
                in_row_least_ms: 0,
                ..BreakerConfig::default()
            },
            ..GateConfig::default()
        };
        Self {
            schedule: Schedule::new(CONFIG, 0),
            gate: GateState::new(&gate, 1, 0),
            moment: Moment { now_ms: 0, free: 8, report: BeatReport::default() },
        }
    }

    fn next(&mut self) -> Look {
        self.schedule.next(&self.moment, &mut self.gate)
    }

    fn claimed(&mut self, locked: u32) {
        self.found(&Found { locked, ..Found::default() });
    }

    fn found(&mut self, found: &Found) {
        self.schedule.claimed(found, self.moment.now_ms, &mut self.gate);
    }

    fn hear(&mut self, beat: Beat) {
        self.moment.report = self.moment.report.followed_by(beat, self.moment.now_ms);
    }

    /// Finds nothing anywhere until it rests. Returns the rest, and where it looked.
    fn run_dry(&mut self) -> (Look, Vec<Source>) {
        let mut sources = Vec::new();
        loop {
            match self.next() {
                Look::Claim { source, .. } => {
                    sources.push(source);
                    self.claimed(0);
                }
                Look::FindFirst => self.first_found(0),
                Look::MeasureBacklog => {
                    self.schedule.backlog_measured(0, self.moment.now_ms, &mut self.gate);
                }
                Look::RemoveSilent => self.schedule.silent_removed(),
                rest @ Look::Rest { .. } => return (rest, sources),
            }
        }
    }

    fn first_found(&mut self, took_ms: u64) {
        self.moment.now_ms += took_ms;
        let first = First::Empty { at_ms: 60_000 };
        self.schedule.first_found(first, took_ms, self.moment.now_ms);
    }

    /// Until every pause is over that ends by itself.
    fn fall_idle(&mut self) {
        while let (Look::Rest { until_ms: Some(until_ms), .. }, _) = self.run_dry() {
            if until_ms - self.moment.now_ms > PAUSE_MAX_MS {
                return;
            }
            self.moment.now_ms = until_ms;
        }
    }

    /// A call fails: the breaker of these tests opens.
    fn fail(&mut self) {
        let now_ms = self.moment.now_ms;
        let permit = self.gate.acquire(1, now_ms).expect("it is closed");
        self.gate.finish(permit, Outcome::Failed, now_ms);
    }
}

fn beat() -> Beat {
    Beat { others_stale: false, fresh_work: false, any_held: false, next_due_ms: None }
}

/// A UUIDv7 of this moment.
fn id(made_ms: u128) -> Uuid {
    Uuid::from_u128(made_ms << 80)
}

fn is_sweep(look: &Look) -> bool {
    matches!(look, Look::Claim { source: Source::UnacknowledgedClaims { .. }, .. })
}

fn claim(source: Source, limit: u32) -> Look {
    Look::Claim { source, limit, mode: ClaimMode::Dispatch, is_awaited: false }
}

#[test]
fn a_new_relay_takes_over_before_it_looks_for_new_work() {
    let mut relay = Relay::joined();
    let from_dead = |crashes| Source::FromDeadRelay { crashes, floor: NO_FLOOR };
    assert_eq!(relay.next(), claim(Source::UnacknowledgedClaims { floor: NO_FLOOR }, 8));
    relay.claimed(3);
    assert_eq!(relay.next(), claim(from_dead(INNOCENT), 8));
    relay.claimed(8);
    assert_eq!(relay.next(), claim(from_dead(INNOCENT), 8), "there may be more");
    relay.claimed(7);
    let suspect = Look::Claim {
        source: from_dead(SUSPECT),
        limit: 1,
        mode: ClaimMode::Dispatch,
        is_awaited: true,
    };
    assert_eq!(relay.next(), suspect);
    relay.claimed(0);
    assert_eq!(relay.next(), Look::RemoveSilent);
    relay.schedule.silent_removed();
    assert_eq!(relay.next(), claim(Source::Due, 4), "half of the slots are for the backlog");
    relay.claimed(2);
    assert_eq!(relay.next(), Look::FindFirst);
    relay.first_found(0);
    assert_eq!(relay.next(), claim(Source::Fresh { floor: id(50_000) }, 6));
}

#[test]
fn after_a_suspect_the_next_round_looks_for_another_one() {
    let mut relay = Relay::at_rest();
    relay.schedule.doubt();
    relay.schedule.hint();
    for locked in [0, 0, 1] {
        relay.next();
        relay.claimed(locked);
    }
    relay.hear(Beat { any_held: true, ..beat() });
    let (_, sources) = relay.run_dry();
    let sweeps = sources.iter().filter(|source| matches!(source, Source::FromDeadRelay { .. }));
    assert_eq!(sweeps.count(), 2, "both kinds, once more, before it rests");
}

#[test]
fn who_finds_work_looks_again_at_once_but_not_faster_than_its_pace() {
    let mut relay = Relay::at_rest();
    relay.schedule.hint();
    assert_eq!(relay.next(), claim(Source::Fresh { floor: NO_FLOOR }, 8));
    let now_ms = relay.moment.now_ms;
    let newest = id(70_000);
    relay.found(&Found { locked: 5, ids: Some((newest, newest)), at_ms: 80_000 });
    relay.schedule.hint();
    let pace = Look::Rest { until_ms: Some(now_ms + PACE_MS), is_wakeable: false };
    assert_eq!(relay.next(), pace, "a hint does not hurry it");
    relay.moment.now_ms += PACE_MS;
    let quarter_second_below = Source::Fresh { floor: id(69_750) };
    assert_eq!(relay.next(), claim(quarter_second_below, 8));
    relay.claimed(0);
    let again = relay.next();
    assert!(matches!(again, Look::Claim { .. }), "the hint is not lost: {again:?}");
}

#[test]
fn who_finds_nothing_rests_longer_and_longer_and_at_last_until_something_calls() {
    let mut relay = Relay::joined();
    relay.hear(beat());
    let mut pauses = Vec::new();
    let last = loop {
        let (rest, _) = relay.run_dry();
        let Look::Rest { until_ms: Some(until_ms), is_wakeable: true } = rest else { break rest };
        pauses.push(until_ms - relay.moment.now_ms);
        relay.moment.now_ms = until_ms;
    };
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64]);
    assert_eq!(last, Look::Rest { until_ms: None, is_wakeable: true });
    relay.hear(beat());
    assert_eq!(relay.next(), last, "a heartbeat that saw nothing");
    relay.hear(Beat { next_due_ms: Some(700), ..beat() });
    let due_ms = relay.moment.now_ms + 700;
    assert_eq!(relay.next(), Look::Rest { until_ms: Some(due_ms), is_wakeable: true });
    relay.moment.now_ms = due_ms;
    assert_eq!(relay.next(), claim(Source::Due, 4));
}

#[test]
fn a_heartbeat_that_saw_work_ends_a_rest_and_so_does_a_hint() {
    for beat in [Beat { fresh_work: true, ..beat() }, Beat { next_due_ms: Some(-5), ..beat() }] {
        let mut relay = Relay::at_rest();
        relay.fall_idle();
        relay.hear(beat);
        assert!(matches!(relay.next(), Look::Claim { .. }));
    }
    let mut relay = Relay::at_rest();
    relay.fall_idle();
    relay.schedule.hint();
    assert!(matches!(relay.next(), Look::Claim { .. }));
}

#[test]
fn a_silent_relay_is_looked_for_once_for_each_heartbeat_that_saw_it() {
    let mut relay = Relay::at_rest();
    relay.fall_idle();
    relay.hear(Beat { others_stale: true, ..beat() });
    let (_, sources) = relay.run_dry();
    assert!(sources.iter().any(|source| matches!(source, Source::FromDeadRelay { .. })));
    relay.schedule.hint();
    let (_, sources) = relay.run_dry();
    assert!(!sources.iter().any(|source| matches!(source, Source::FromDeadRelay { .. })));
}

#[test]
fn who_is_full_waits_for_the_next_place() {
    let mut relay = Relay::at_rest();
    relay.moment.free = 0;
    relay.schedule.hint();
    let until_ms = Some(relay.moment.now_ms + PAUSE_MIN_MS);
    assert_eq!(relay.next(), Look::Rest { until_ms, is_wakeable: false });
}

#[test]
fn behind_an_open_breaker_new_orders_are_queued_without_a_call() {
    let mut relay = Relay::at_rest();
    relay.fail();
    relay.schedule.hint();
    let Look::Claim { source: Source::Fresh { .. }, limit: 8, mode, .. } = relay.next() else {
        panic!("it should look for new orders");
    };
    assert!(matches!(mode, ClaimMode::Defer { retry_after_ms: Some(1..) }));
}

#[test]
fn probes_ask_for_what_was_not_tried_then_for_new_orders_then_for_the_backlog() {
    let mut relay = Relay::at_rest();
    relay.fail();
    relay.moment.now_ms += 20_000;
    let (_, sources) = relay.run_dry();
    let kinds: Vec<&str> = sources
        .iter()
        .map(|source| match source {
            Source::Untried { .. } => "untried",
            Source::Fresh { .. } => "fresh",
            Source::Due => "due",
            Source::FromDeadRelay { .. } | Source::UnacknowledgedClaims { .. } => "taken over",
        })
        .collect();
    assert_eq!(kinds, ["untried", "fresh", "due", "fresh"]);
}

#[test]
fn a_backlog_that_could_not_be_counted_is_counted_later_and_keeps_nobody_from_work() {
    let mut relay = Relay::at_rest();
    relay.fail();
    relay.schedule.hint();
    relay.run_dry();
    relay.gate.close(relay.moment.now_ms);
    relay.schedule.hint();
    assert_eq!(relay.next(), Look::MeasureBacklog);
    relay.schedule.unanswered(relay.moment.now_ms);
    assert!(matches!(relay.next(), Look::Claim { source: Source::Fresh { .. }, .. }));
    relay.claimed(0);
    relay.moment.now_ms += MEASURE_AGAIN_MS;
    loop {
        match relay.next() {
            Look::MeasureBacklog => break,
            Look::RemoveSilent => relay.schedule.silent_removed(),
            Look::FindFirst => relay.first_found(0),
            Look::Claim { .. } | Look::Rest { .. } => relay.claimed(0),
        }
    }
    relay.schedule.backlog_measured(40, relay.moment.now_ms, &mut relay.gate);
    assert!(relay.gate.snapshot(relay.moment.now_ms).draining);
}

#[test]
fn a_sweep_that_fails_is_made_again_later_and_keeps_nobody_from_work() {
    let mut relay = Relay::at_rest();
    relay.schedule.doubt();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        relay.schedule.hint();
        assert!(is_sweep(&relay.next()));
        let failed_ms = relay.moment.now_ms;
        relay.schedule.unanswered(failed_ms);
        if relay.next() == Look::FindFirst {
            relay.first_found(0);
        }
        assert!(matches!(relay.next(), Look::Claim { source: Source::Fresh { .. }, .. }));
        relay.claimed(1);
        loop {
            match relay.next() {
                Look::Rest { until_ms, .. } => relay.moment.now_ms = until_ms.expect("a time"),
                look if is_sweep(&look) => break,
                Look::FindFirst => relay.first_found(0),
                Look::Claim { .. } | Look::MeasureBacklog | Look::RemoveSilent => relay.claimed(0),
            }
        }
        pauses.push(relay.moment.now_ms - failed_ms);
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
}

#[test]
fn who_is_dead_to_the_others_takes_nothing_over() {
    let mut relay = Relay::at_rest();
    relay.moment.report = relay.moment.report.renewed(relay.moment.now_ms);
    relay.moment.now_ms += 1_201;
    relay.schedule.doubt();
    relay.schedule.hint();
    let (_, sources) = relay.run_dry();
    let of_the_dead = |sources: &[Source]| {
        sources.iter().any(|source| matches!(source, Source::FromDeadRelay { .. }))
    };
    assert!(!of_the_dead(&sources));
    relay.moment.report = relay.moment.report.renewed(relay.moment.now_ms);
    relay.moment.now_ms += 1_000;
    relay.schedule.hint();
    let (_, sources) = relay.run_dry();
    assert!(of_the_dead(&sources), "what it could not judge is looked at again");
}

#[test]
fn a_clock_that_is_ahead_does_not_lift_the_floor_above_the_databases_time() {
    let mut relay = Relay::at_rest();
    let ahead = id(1_000_000 + 3_600_000);
    relay.schedule.hint();
    relay.next();
    relay.found(&Found { locked: 1, ids: Some((ahead, ahead)), at_ms: 1_000_000 });
    relay.moment.now_ms += PACE_MS;
    assert_eq!(relay.next(), claim(Source::Fresh { floor: id(999_750) }, 8));
}

#[test]
fn the_floor_is_as_far_below_as_orders_come_apart_and_comes_nearer_again() {
    let mut relay = Relay::at_rest();
    let mut lags = Vec::new();
    for (least, scans) in [(id(999_600), 1), (id(1_000_000), 12)] {
        for _ in 0..scans {
            relay.moment.now_ms += 1_000;
            relay.schedule.hint();
            while relay.next() != Look::FindFirst {
                relay.claimed(0);
            }
            relay.first_found(0);
            relay.next();
            relay.found(&Found { locked: 2, ids: Some((least, id(1_000_000))), at_ms: 1_000_000 });
            relay.moment.now_ms += PACE_MS;
            let Look::Claim { source: Source::Fresh { floor }, .. } = relay.next() else {
                panic!("it found something, so it looks again");
            };
            lags.push(1_000_000 - crate::scan_floor::made_ms(floor));
        }
    }
    assert_eq!(lags[..3], [650, 569, 498]);
    assert_eq!(lags.last(), Some(&250));
}

#[test]
fn a_scan_from_the_beginning_that_fills_its_places_is_repeated_at_once() {
    let mut relay = Relay::joined();
    relay.hear(beat());
    while relay.next() != Look::FindFirst {
        if relay.next() == Look::RemoveSilent {
            relay.schedule.silent_removed();
        } else {
            relay.claimed(0);
        }
    }
    relay.schedule.first_found(First::Message(id(5_000)), 0, 0);
    let ids = Some((id(5_000), id(9_000)));
    let below_first = Uuid::from_u128(id(5_000).as_u128() - 1);
    for _ in 0..3 {
        assert_eq!(relay.next(), claim(Source::Fresh { floor: below_first }, 8));
        relay.found(&Found { locked: 8, ids, at_ms: 9_000 });
        relay.moment.now_ms += PACE_MS;
    }
    relay.next();
    relay.found(&Found { locked: 7, ids, at_ms: 9_000 });
    relay.moment.now_ms += PACE_MS;
    assert_eq!(relay.next(), claim(Source::Fresh { floor: id(4_750) }, 8));
}

#[test]
fn a_look_without_an_answer_is_followed_by_a_sweep_of_everything() {
    let mut relay = Relay::at_rest();
    relay.schedule.hint();
    relay.next();
    let now_ms = relay.moment.now_ms;
    relay.schedule.unanswered(now_ms);
    let until_ms = Some(now_ms + UNANSWERED_MS);
    assert_eq!(relay.next(), Look::Rest { until_ms, is_wakeable: false });
    relay.moment.now_ms += UNANSWERED_MS;
    assert_eq!(relay.next(), claim(Source::UnacknowledgedClaims { floor: NO_FLOOR }, 8));
}

#[test]
fn a_slow_scan_from_the_beginning_is_rationed_and_sweeps_begin_where_it_ended() {
    let mut relay = Relay::joined();
    for _ in 0..3 {
        relay.next();
        relay.claimed(0);
    }
    relay.next();
    relay.schedule.silent_removed();
    relay.hear(beat());
    assert_eq!(relay.next(), Look::FindFirst);
    relay.first_found(200);
    assert!(relay.schedule.scan_floor().is_expensive());
    relay.fall_idle();
    let rest = relay.next();
    let next_scan_ms = 200 + 200 * fresh_scan::FULL_SCAN_PARTS;
    assert_eq!(rest, Look::Rest { until_ms: Some(next_scan_ms), is_wakeable: true });
    relay.moment.now_ms = next_scan_ms - 1;
    relay.schedule.hint();
    let (_, sources) = relay.run_dry();
    assert!(!sources.is_empty(), "no scan from the beginning yet");
    relay.moment.now_ms = next_scan_ms;
    relay.schedule.hint();
    assert_eq!(relay.next(), Look::FindFirst);
    relay.first_found(200);
    relay.hear(Beat { any_held: true, ..beat() });
    relay.moment.now_ms += sweeps::EVERY_MS;
    let (_, sources) = relay.run_dry();
    assert!(sources.contains(&Source::UnacknowledgedClaims { floor: id(50_000) }));
}
