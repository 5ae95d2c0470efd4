mod drawings;

use chrono::Duration;
use saga::{CancelledBy, Claim, Event, Finding, QueueReason, Saga, Transition, plan, transition};
use schema_orders::saga_steps::{Phase, StepRow, encode_detail};

use super::*;

const CLAIMED: Event = Event::Claimed { time_left_ms: 60_000, claim: Claim::Free };
const TAKEN_OVER: Event = Event::Claimed { time_left_ms: 60_000, claim: Claim::Takeover };
/// A jitter that draws the whole backoff: 100 ms after the first attempt.
const UNKNOWN: Event = Event::CallUnknown { jitter: u32::MAX };

/// A journal written by the core, as a relay would have it stored.
struct Journal {
    saga: Saga,
    rows: Vec<StepRow>,
    epoch: i64,
}

pub(super) fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + ms).unwrap()
}

pub(super) fn frame(now_ms: i64) -> Frame {
    Frame { reservation_id: Uuid::from_u128(7), deadline_at: at(86_400_000), now: at(now_ms) }
}

impl Journal {
    fn new() -> Journal {
        let mut journal = Journal { saga: Saga::new(Uuid::nil()), rows: Vec::new(), epoch: 0 };
        journal.push(0, "created", "created", None, None, None);
        journal
    }

    /// At so many milliseconds after the creation; of calls: took so many.
    fn then(mut self, at_ms: i64, event: Event, took_ms: Option<i32>) -> Journal {
        let Ok(Transition::Moved(saga, _)) = transition(&plan::ORDER, &self.saga, &event) else {
            panic!("{event:?} does nothing to {:?}", self.saga);
        };
        self.saga = saga;
        let phase = Phase::of(&event);
        self.epoch += i64::from(phase != Phase::Outcome);
        let worker = (phase != Phase::Mark).then_some(1);
        self.push(at_ms, phase.name(), event.name(), encode_detail(&event), worker, took_ms);
        self
    }

    fn push(
        &mut self,
        at_ms: i64,
        phase: &str,
        event: &str,
        detail: Option<serde_json::Value>,
        worker: Option<i64>,
        took_ms: Option<i32>,
    ) {
        self.rows.push(StepRow {
            order_id: Uuid::nil(),
            seq: self.rows.len() as i32 + 1,
            phase: phase.to_owned(),
            event: event.to_owned(),
            detail,
            state: self.saga.state.name().to_string(),
            reason: None,
            step: self.saga.step as i16,
            attempt: self.saga.attempt as i32,
            epoch: self.epoch,
            worker,
            took_ms,
            at: at(at_ms),
        });
    }

    fn read(&self, now_ms: i64) -> History {
        read(&self.rows, true, &frame(now_ms)).unwrap()
    }
}

fn told_waits(history: &History) -> Vec<(Why, i64, Option<i64>)> {
    let ms = |at: DateTime<Utc>| (at - super::tests::at(0)).num_milliseconds();
    history.waits.iter().map(|w| (w.why, ms(w.from), w.until.map(ms))).collect()
}

fn told_marks(history: &History) -> Vec<(MarkKind, i32)> {
    history.marks.iter().map(|mark| (mark.kind, mark.seq)).collect()
}

#[test]
fn the_good_path_is_one_attempt() {
    let history = Journal::new().then(3, CLAIMED, None).then(7, Event::StepDone, Some(4)).read(100);
    assert_eq!((history.from, history.until, history.is_final), (at(0), at(7), true));
    let [attempt] = history.attempts.as_slice() else { panic!("{history:?}") };
    assert_eq!(
        (attempt.number, attempt.action, attempt.outcome, attempt.took_ms, attempt.epoch),
        (1, "reserve_stock", Outcome::Done, Some(4), 1)
    );
    assert_eq!(
        (attempt.scheduled_at, attempt.started_at, attempt.finished_at),
        (at(0), at(3), Some(at(7)))
    );
    assert_eq!(attempt.reservation_id, Some(Uuid::from_u128(7)));
    assert_eq!(told_waits(&history), [(Why::Relay, 0, Some(3))]);
    let marks = [(MarkKind::Created, 1), (MarkKind::Claim, 2), (MarkKind::Ended, 3)];
    assert_eq!(told_marks(&history), marks);
}

#[test]
fn a_lost_answer_waits_its_backoff_and_then_for_a_relay() {
    let history = Journal::new()
        .then(0, CLAIMED, None)
        .then(3_000, UNKNOWN, Some(3_000))
        .then(3_500, CLAIMED, None)
        .then(3_510, Event::StepDone, Some(10))
        .read(0);
    let [first, second] = history.attempts.as_slice() else { panic!("{history:?}") };
    assert_eq!((first.outcome, first.is_replay), (Outcome::Unknown, false));
    assert_eq!((second.outcome, second.is_replay), (Outcome::Done, true));
    assert_eq!((second.scheduled_at, second.started_at), (at(3_100), at(3_500)));
    let waits = [(Why::Backoff, 3_000, Some(3_100)), (Why::Relay, 3_100, Some(3_500))];
    assert_eq!(told_waits(&history), waits);
    assert_eq!(second.waited, history.waits);
    let marks = told_marks(&history);
    for kind in [(MarkKind::InDoubt, 3), (MarkKind::Replay, 4), (MarkKind::Resolved, 5)] {
        assert!(marks.contains(&kind), "{marks:?}");
    }
}

#[test]
fn a_relay_that_vanished_ends_its_attempt_without_a_known_end() {
    let history = Journal::new().then(0, CLAIMED, None).then(1_900, TAKEN_OVER, None).read(2_000);
    let [lost, running] = history.attempts.as_slice() else { panic!("{history:?}") };
    assert_eq!((lost.outcome, lost.took_ms), (Outcome::RelayLost, None));
    assert_eq!((running.outcome, running.finished_at), (Outcome::Running, None));
    assert!(running.is_replay);
    assert_eq!((history.until, history.is_final), (at(2_000), false));
    assert!(told_marks(&history).contains(&(MarkKind::Crash, 3)));
}

#[test]
fn what_still_waits_has_no_end() {
    let open = Event::CallNotExecuted {
        reason: QueueReason::BreakerOpen,
        retry_after_ms: Some(10_000),
        jitter: 0,
    };
    let queued = Journal::new().then(0, CLAIMED, None).then(0, open, None);
    assert_eq!(told_waits(&queued.read(5_000)), [(Why::BreakerOpen, 0, None)]);
    assert_eq!(told_waits(&queued.read(12_000)), [(Why::BreakerOpen, 0, None)], "it has no place");
    assert_eq!(queued.read(5_000).attempts[0].outcome, Outcome::NotExecuted);
    let by = CancelledBy::Customer;
    let cancelled = queued.then(4_000, Event::CancelRequested { by }, None);
    let waits = [(Why::BreakerOpen, 0, Some(4_000)), (Why::Relay, 4_000, None)];
    assert_eq!(told_waits(&cancelled.read(4_500)), waits);
}

#[test]
fn a_cancellation_overtakes_the_call_under_way() {
    let history = Journal::new()
        .then(0, CLAIMED, None)
        .then(50, Event::CancelRequested { by: CancelledBy::Staff }, None)
        .then(60, CLAIMED, None)
        .then(65, Event::StepReleased, Some(5))
        .read(0);
    let told: Vec<_> =
        history.attempts.iter().map(|a| (a.action, a.outcome, a.is_replay)).collect();
    let expected =
        [("reserve_stock", Outcome::Overtaken, false), ("release_stock", Outcome::Released, false)];
    assert_eq!(told, expected);
    assert!(told_marks(&history).contains(&(MarkKind::Staff, 3)));
    assert_eq!(history.state, "cancelled");
}

#[test]
fn a_parked_saga_waits_for_a_person_and_staff_is_marked() {
    let parked = Journal::new().then(0, CLAIMED, None).then(5, Event::ContractBroken, Some(5));
    assert_eq!(told_waits(&parked.read(900)), [(Why::Person, 5, None)]);
    let finding = Finding::StockHeld;
    let resolved = parked.then(700, Event::Resolved { finding }, None).read(900);
    assert_eq!(told_waits(&resolved), [(Why::Person, 5, Some(700))]);
    assert_eq!((resolved.is_final, resolved.until), (true, at(700)));
    let marks = told_marks(&resolved);
    assert!(marks.contains(&(MarkKind::Parked, 3)) && marks.contains(&(MarkKind::Staff, 4)));
    assert!(marks.contains(&(MarkKind::Resolved, 4)) && marks.contains(&(MarkKind::Ended, 4)));
}

#[test]
fn a_retried_failure_gets_a_new_reservation_and_the_old_one_is_not_guessed() {
    let (reason, minted) = (saga::Rejection::InsufficientStock, Uuid::from_u128(8));
    let history = Journal::new()
        .then(0, CLAIMED, None)
        .then(5, Event::StepRejected { reason }, Some(5))
        .then(900, Event::RetryRequested { reservation_id: minted }, None)
        .then(950, CLAIMED, None)
        .then(955, Event::StepDone, Some(5))
        .read(0);
    let told: Vec<_> = history.attempts.iter().map(|a| (a.outcome, a.reservation_id)).collect();
    assert_eq!(told, [(Outcome::InsufficientStock, None), (Outcome::Done, Some(minted))]);
    assert_eq!(history.attempts[1].scheduled_at, at(900));
}

#[test]
fn what_a_newer_version_wrote_is_left_out_and_said_so() {
    let mut journal = Journal::new().then(0, CLAIMED, None);
    journal.push(5, "outcome", "teleported", None, Some(1), None);
    let history = journal.read(10);
    assert!(history.is_cut && !history.is_final);
    assert_eq!(history.attempts.len(), 1);
    let part = read(&journal.rows[..2], false, &frame(10)).unwrap();
    assert!(part.is_cut && part.waits.is_empty());
    assert_eq!(read(&[], true, &frame(0)), None);
}

#[test]
fn a_clock_that_went_back_makes_no_negative_times() {
    let history = Journal::new().then(50, CLAIMED, None).then(20, Event::StepDone, None).read(0);
    assert!(history.waits.iter().all(|wait| wait.ms() >= Some(0)));
    assert_eq!(history.until - history.from, Duration::milliseconds(20));
}
