use std::fmt::Write as _;

use uuid::Uuid;

use super::*;
use crate::plan::{self, Plan, Step};

const FIRST: Uuid = Uuid::from_u128(1);
const FRESH: Uuid = Uuid::from_u128(2);

/// Two steps, so that the tests hold the machine to its promise about a second one.
const TWO_STEPS: Plan = Plan {
    steps: &[
        Step { action: "reserve_stock", compensation: "release_stock" },
        Step { action: "take_payment", compensation: "refund_payment" },
    ],
};

fn saga(state: State) -> Saga {
    Saga { state, ..Saga::new(FIRST) }
}

fn states() -> Vec<State> {
    use Doubt::{Certain, InDoubt};
    let cause = ReleaseCause::CustomerCancel;
    vec![
        State::Pending,
        State::Reserving { doubt: Certain },
        State::Reserving { doubt: InDoubt },
        State::Queued { reason: QueueReason::BreakerOpen, doubt: Certain },
        State::Queued { reason: QueueReason::Backoff, doubt: InDoubt },
        State::Releasing { cause, doubt: Certain },
        State::Releasing { cause: ReleaseCause::DeadlinePassed, doubt: InDoubt },
        State::Confirmed,
        State::Failed { reason: FailReason::InsufficientStock },
        State::Cancelled,
        State::Parked { reason: ParkReason::ContractError, cause: None, doubt: InDoubt },
        State::Parked { reason: ParkReason::PoisonMessage, cause: Some(cause), doubt: InDoubt },
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::Claimed { time_left_ms: 60_000, claim: Claim::Free },
        Event::Claimed { time_left_ms: 60_000, claim: Claim::Takeover },
        Event::Claimed { time_left_ms: 0, claim: Claim::Free },
        Event::Claimed { time_left_ms: 0, claim: Claim::Takeover },
        Event::StepDone,
        Event::StepRejected { reason: Rejection::InsufficientStock },
        Event::StepTombstoned,
        Event::StepReleased,
        Event::CallUnknown { jitter: u32::MAX },
        Event::CallNotExecuted {
            reason: QueueReason::BreakerOpen,
            retry_after_ms: Some(2_000),
            jitter: 0,
        },
        Event::ContractBroken,
        Event::CancelRequested { by: CancelledBy::Customer },
        Event::RetryRequested { reservation_id: FRESH },
        Event::Resolved { finding: Finding::StockHeld },
        Event::Resolved { finding: Finding::StockNotHeld },
    ]
}

/// Every state x event as text. A new state or event forces a decision in every row.
#[test]
fn the_printed_table_is_the_checked_in_one() {
    let mut table = String::from(
        "What every event does in every state (one-step plan). Printed by saga/src/transition/tests.rs;\n\
         to accept a change: UPDATE_TABLE=1 cargo test -p saga the_printed_table\n",
    );
    for state in states() {
        writeln!(table, "\n{state:?}").expect("writing to a string");
        for event in events() {
            let line = match transition(&plan::ORDER, &saga(state), &event) {
                Ok(Transition::Moved(to, effects)) => format!("{:?} {effects:?}", to.state),
                Ok(Transition::Ignored(why)) => format!("- ignored: {why:?}"),
                Err(_) => "! invalid".to_owned(),
            };
            let line = line.replace("00000000-0000-0000-0000-00000000000", "#");
            writeln!(table, "    {event:?} -> {line}").expect("writing to a string");
        }
    }
    let table = table.replace("00000000-0000-0000-0000-00000000000", "#");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transition_table.txt");
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(path, &table).expect("the table can be written");
    }
    let checked_in = std::fs::read_to_string(path).expect("the table is checked in");
    assert_eq!(table, checked_in, "the machine changed: read the difference, then UPDATE_TABLE=1");
}

/// Runs events in order; ignored ones leave the saga as it is.
fn run(plan: &Plan, events: &[Event]) -> Saga {
    events.iter().fold(Saga::new(FIRST), |saga, event| {
        match transition(plan, &saga, event).expect("a valid history") {
            Transition::Moved(next, _) => next,
            Transition::Ignored(_) => saga,
        }
    })
}

fn claimed() -> Event {
    Event::Claimed { time_left_ms: 60_000, claim: Claim::Free }
}

fn taken_over() -> Event {
    Event::Claimed { time_left_ms: 60_000, claim: Claim::Takeover }
}

#[test]
fn replays_the_same_reservation_while_the_outcome_is_unknown() {
    let unknown = Event::CallUnknown { jitter: 7 };
    let saga = run(&plan::ORDER, &[claimed(), unknown, claimed(), unknown, claimed()]);
    assert_eq!(saga.reservation_id, FIRST);
    assert_eq!(saga.state, State::Reserving { doubt: Doubt::InDoubt });
    assert_eq!(saga.attempt, 2);
}

#[test]
fn an_open_breaker_burns_no_attempt() {
    let refused = Event::CallNotExecuted {
        reason: QueueReason::BreakerOpen,
        retry_after_ms: Some(1_000),
        jitter: 0,
    };
    let saga = run(&plan::ORDER, &[claimed(), refused, claimed(), refused]);
    assert_eq!(saga.attempt, 0);
    assert_eq!(
        saga.state,
        State::Queued { reason: QueueReason::BreakerOpen, doubt: Doubt::Certain }
    );
}

#[test]
fn mints_a_new_reservation_only_after_a_definitive_outcome() {
    let retry = Event::RetryRequested { reservation_id: FRESH };
    let rejected = Event::StepRejected { reason: Rejection::InsufficientStock };
    let after_a_no = run(&plan::ORDER, &[claimed(), rejected, retry]);
    assert_eq!((after_a_no.reservation_id, after_a_no.state), (FRESH, State::Pending));
    let after_parking = run(&plan::ORDER, &[claimed(), Event::ContractBroken, retry]);
    assert_eq!(after_parking.reservation_id, FIRST);
}

#[test]
fn parks_a_saga_that_keeps_crashing_its_relay() {
    let mut events = vec![claimed()];
    events.extend((0..CRASHES_MAX).map(|_| taken_over()));
    assert_eq!(run(&plan::ORDER, &events).state.name(), StateName::Reserving);
    events.push(taken_over());
    assert_eq!(run(&plan::ORDER, &events).state.name(), StateName::Parked);
}

#[test]
fn an_outcome_clears_the_crash_count() {
    let unknown = Event::CallUnknown { jitter: 0 };
    let saga = run(&plan::ORDER, &[claimed(), taken_over(), taken_over(), unknown]);
    assert_eq!(saga.crashes, 0);
}

#[test]
fn parks_with_what_it_may_hold_when_the_release_keeps_failing() {
    let cancel = Event::CancelRequested { by: CancelledBy::Staff };
    let mut events = vec![claimed(), cancel];
    for _ in 0..=RELEASE_ATTEMPTS_MAX {
        events.extend([claimed(), Event::CallUnknown { jitter: 0 }]);
    }
    assert_eq!(
        run(&plan::ORDER, &events).state,
        State::Parked {
            reason: ParkReason::ReleaseKeepsFailing,
            cause: Some(ReleaseCause::StaffCancel),
            doubt: Doubt::InDoubt
        }
    );
}

#[test]
fn runs_two_steps_forward_before_it_confirms() {
    let saga = run(&TWO_STEPS, &[claimed(), Event::StepDone]);
    assert_eq!((saga.step, saga.state.name()), (1, StateName::Reserving));
    let saga = run(&TWO_STEPS, &[claimed(), Event::StepDone, Event::StepDone]);
    assert_eq!(saga.state, State::Confirmed);
}

#[test]
fn compensates_the_first_step_when_the_second_is_refused() {
    let rejected = Event::StepRejected { reason: Rejection::InsufficientStock };
    let saga = run(&TWO_STEPS, &[claimed(), Event::StepDone, rejected]);
    assert_eq!((saga.step, saga.state.name()), (0, StateName::Releasing));
    let saga = run(&TWO_STEPS, &[claimed(), Event::StepDone, rejected, Event::StepReleased]);
    assert_eq!(saga.state, State::Failed { reason: FailReason::InsufficientStock });
}

#[test]
fn compensates_right_to_left_when_cancelled_in_the_second_step() {
    let cancel = Event::CancelRequested { by: CancelledBy::Customer };
    let history = [claimed(), Event::StepDone, cancel, claimed(), Event::StepReleased];
    let saga = run(&TWO_STEPS, &history);
    assert_eq!((saga.step, saga.state.name()), (0, StateName::Releasing));
    let saga = run(&TWO_STEPS, &[&history[..], &[Event::StepReleased]].concat());
    assert_eq!(saga.state, State::Cancelled);
}
