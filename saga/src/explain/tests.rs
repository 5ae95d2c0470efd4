use std::fmt::Write as _;

use super::*;

const CERTAIN: Doubt = Doubt::Certain;
const IN_DOUBT: Doubt = Doubt::InDoubt;

fn explained(state: State) -> Explanation {
    let saga = Saga { state, ..Saga::new(Uuid::nil()) };
    explain(&Facts { saga, next_try_in_ms: Some(9_500), is_held: false })
}

fn every_state() -> Vec<State> {
    let mut states = vec![State::Pending, State::Confirmed, State::Cancelled];
    let causes = [
        ReleaseCause::CustomerCancel,
        ReleaseCause::StaffCancel,
        ReleaseCause::DeadlinePassed,
        ReleaseCause::InsufficientStock,
        ReleaseCause::UnknownItem,
        ReleaseCause::ResolvedByStaff,
    ];
    for doubt in [CERTAIN, IN_DOUBT] {
        states.push(State::Reserving { doubt });
        for reason in [QueueReason::BreakerOpen, QueueReason::Backoff, QueueReason::Throttled] {
            states.push(State::Queued { reason, doubt });
        }
        states.extend(causes.map(|cause| State::Releasing { cause, doubt }));
        for reason in
            [ParkReason::ContractError, ParkReason::PoisonMessage, ParkReason::ReleaseKeepsFailing]
        {
            states.push(State::Parked { reason, cause: None, doubt });
            states.extend(causes.map(|cause| State::Parked { reason, cause: Some(cause), doubt }));
        }
    }
    let reasons = [
        FailReason::InsufficientStock,
        FailReason::UnknownItem,
        FailReason::DeadlinePassed,
        FailReason::ReleasedElsewhere,
        FailReason::ResolvedByStaff,
    ];
    states.extend(reasons.map(|reason| State::Failed { reason }));
    states
}

/// The table that support staff reads from: a change of words is a decision.
#[test]
fn the_printed_words_are_the_checked_in_ones() {
    let mut printed = String::new();
    for state in every_state() {
        let Explanation {
            headline, stock, next_step, needs_person, advice, actions, runbook, ..
        } = explained(state);
        let person =
            if needs_person { "needs a person" } else { "goes on by itself, or has ended" };
        let next = next_step.as_deref().unwrap_or("-");
        let runbook = runbook.unwrap_or("-");
        write!(
            printed,
            "{state:?}\n  {headline}\n  {stock}\n  {next}\n  {person}: {advice}\n  {actions:?} {runbook}\n\n"
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/explanations.txt");
    if std::env::var_os("UPDATE_TABLE").is_some() {
        std::fs::write(path, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(printed, kept, "run with UPDATE_TABLE=1 and look at what changed");
}

#[test]
fn only_a_parked_saga_needs_a_person_and_then_there_is_something_to_do() {
    for state in every_state() {
        let told = explained(state);
        assert_eq!(told.needs_person, matches!(state, State::Parked { .. }), "{state:?}");
        if told.needs_person {
            assert!(told.actions.contains(&Action::Retry), "{state:?}");
            assert!(told.runbook.is_some(), "{state:?}");
        }
        assert_eq!(told.next_step.is_none(), state.is_final() || told.needs_person, "{state:?}");
    }
}

#[test]
fn stock_is_never_called_untaken_while_a_call_may_have_taken_it() {
    for state in every_state() {
        let effect = explained(state).stock_effect;
        if state.doubt().is_in_doubt() {
            assert_eq!(effect, StockEffect::Unknown, "{state:?}");
        }
        if state.is_final() {
            assert_eq!(effect == StockEffect::TakenOnce, state == State::Confirmed, "{state:?}");
        }
    }
}

#[test]
fn tells_when_it_goes_on() {
    let saga = Saga {
        state: State::Queued { reason: QueueReason::Backoff, doubt: CERTAIN },
        ..Saga::new(Uuid::nil())
    };
    let told = |next_try_in_ms, is_held| {
        explain(&Facts { saga, next_try_in_ms, is_held }).next_step.unwrap_or_default()
    };
    assert_eq!(told(Some(9_500), false), "Next: reserve the stock, in 10 s.");
    assert_eq!(told(Some(600_000), false), "Next: reserve the stock, in 10 min.");
    assert_eq!(told(Some(0), false), "Next: reserve the stock, as soon as a relay is free.");
    assert_eq!(told(None, true), "Under way: reserve the stock.");
}
