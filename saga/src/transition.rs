//! The one function that decides. Read it top to bottom: one arm per state, one line per event.
//!
//! Two rules of the protocol live here. While an outcome is unknown the same reservation id is
//! replayed; and `failed` or `cancelled` is reached only through a definitive rejection or an
//! acknowledged release, never through a timeout and never on anybody's word.

use crate::backoff;
use crate::effect::Effect;
use crate::event::{CancelledBy, Claim, Event, Finding, Rejection};
use crate::plan::Plan;
use crate::state::{Doubt, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, State};
use crate::state_name::StateName;

/// Claims in a row without an outcome before a saga is taken for poison.
pub const CRASHES_MAX: u16 = 8;
/// Releases that were executed, or may have been, without an acknowledgement before a person is asked.
pub const RELEASE_ATTEMPTS_MAX: u32 = 50;
/// A call that was not executed burns no attempt, so its backoff does not grow: it waits as a third
/// attempt would. What grows while a service is down is the breaker's open time.
const NOT_EXECUTED_BACKOFF: u32 = 3;

/// What an event does to a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// The saga moved, and these are to be done.
    Moved(Saga, Vec<Effect>),
    /// Nothing to do, for this reason. Not a fault.
    Ignored(Ignored),
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// The answer of a call whose saga has moved on meanwhile.
    LateOutcome,
    /// The saga has ended; there is nothing to claim or to cancel.
    AlreadyFinal,
    /// A cancellation came after the pivot: the order is confirmed.
    PastThePivot,
    /// A cancellation or release is under way already.
    AlreadyReleasing,
    /// Parked: left alone until a person decides.
    LeftAlone,
    /// The action does not apply to this state.
    NotApplicable,
}

/// An event that cannot happen in this state: a bug in the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {state} saga cannot meet {event}")]
pub struct InvalidTransition {
    /// The state's name.
    pub state: StateName,
    /// The event's name.
    pub event: &'static str,
}

/// Where `saga` stands after `event`, and what is to be done.
///
/// # Errors
/// [`InvalidTransition`] where the shell delivered an event that cannot happen: nothing may be stored.
pub fn transition(
    plan: &Plan,
    saga: &Saga,
    event: &Event,
) -> Result<Transition, InvalidTransition> {
    let moved = match saga.state {
        State::Pending => from_pending(saga, event),
        State::Reserving { doubt } => from_reserving(plan, saga, doubt, event),
        State::Queued { reason, doubt } => Some(from_queued(saga, reason, doubt, event)),
        State::Releasing { cause, doubt } => Some(from_releasing(saga, cause, doubt, event)),
        State::Confirmed => from_confirmed(event),
        State::Failed { .. } => Some(from_failed(event)),
        State::Cancelled => Some(from_cancelled(event)),
        State::Parked { cause, doubt, .. } => Some(from_parked(saga, cause, doubt, event)),
    };
    moved.ok_or(InvalidTransition { state: saga.state.name(), event: event.name() })
}

/// `None`: no call can have been made yet, so an outcome is a bug.
fn from_pending(saga: &Saga, event: &Event) -> Option<Transition> {
    Some(match *event {
        Event::Claimed { time_left_ms: 0, .. } => {
            release_now(saga, ReleaseCause::DeadlinePassed, Doubt::Certain)
        }
        Event::Claimed { .. } => reserve(saga, Doubt::Certain),
        Event::CancelRequested { by } => release_soon(saga, cancel_cause(by), Doubt::Certain),
        Event::RetryRequested { .. } | Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::StepReleased
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => return None,
    })
}

fn from_reserving(plan: &Plan, saga: &Saga, doubt: Doubt, event: &Event) -> Option<Transition> {
    Some(match *event {
        // Its holder vanished between intent and outcome: the call may have been executed.
        Event::Claimed { time_left_ms, .. } => {
            let saga = crashed(saga);
            if saga.crashes > CRASHES_MAX {
                return Some(park(&saga, ParkReason::PoisonMessage, None, Doubt::InDoubt));
            }
            match time_left_ms {
                0 => release_now(&saga, ReleaseCause::DeadlinePassed, Doubt::InDoubt),
                _ => reserve(&saga, Doubt::InDoubt),
            }
        }
        Event::StepDone => match plan.after(saga.step) {
            Some(step) => reserve(&Saga { step, attempt: 0, crashes: 0, ..*saga }, Doubt::Certain),
            None => finish(saga, State::Confirmed),
        },
        Event::StepRejected { reason } => match saga.step.checked_sub(1) {
            None => finish(saga, State::Failed { reason: fail_reason(reason) }),
            Some(step) => {
                let saga = Saga { step, ..*saga };
                release_now(&saga, rejection_cause(reason), Doubt::Certain)
            }
        },
        Event::StepTombstoned => {
            finish(saga, State::Failed { reason: FailReason::ReleasedElsewhere })
        }
        Event::CallUnknown { jitter } => {
            let saga = executed(saga);
            let state = State::Queued { reason: QueueReason::Backoff, doubt: Doubt::InDoubt };
            wait(&saga, state, backoff::delay_ms(saga.attempt, None, jitter))
        }
        Event::CallNotExecuted { reason, retry_after_ms, jitter } => {
            let saga = Saga { crashes: 0, ..*saga };
            let state = State::Queued { reason, doubt };
            wait(&saga, state, backoff::delay_ms(NOT_EXECUTED_BACKOFF, retry_after_ms, jitter))
        }
        // A proxy may have swallowed the true answer, so what it holds is not certain any more.
        Event::ContractBroken => {
            park(&executed(saga), ParkReason::ContractError, None, Doubt::InDoubt)
        }
        // The call under way is fenced from here on; its effect is undone by the release.
        Event::CancelRequested { by } => release_soon(saga, cancel_cause(by), Doubt::InDoubt),
        Event::RetryRequested { .. } | Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::StepReleased => return None,
    })
}

fn from_queued(saga: &Saga, reason: QueueReason, doubt: Doubt, event: &Event) -> Transition {
    match *event {
        Event::Claimed { time_left_ms: 0, .. } => {
            release_now(saga, ReleaseCause::DeadlinePassed, doubt)
        }
        Event::Claimed { .. } => reserve(saga, doubt),
        Event::CancelRequested { by } => release_soon(saga, cancel_cause(by), doubt),
        Event::RetryRequested { .. } => wait(saga, State::Queued { reason, doubt }, 0),
        Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::StepReleased
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => ignored(Ignored::LateOutcome),
    }
}

fn from_releasing(saga: &Saga, cause: ReleaseCause, doubt: Doubt, event: &Event) -> Transition {
    match *event {
        Event::Claimed { claim: Claim::Free, .. } => release(saga, cause, doubt),
        Event::Claimed { claim: Claim::Takeover, .. } => {
            let saga = crashed(saga);
            if saga.crashes > CRASHES_MAX {
                return park(&saga, ParkReason::PoisonMessage, Some(cause), Doubt::InDoubt);
            }
            release(&saga, cause, Doubt::InDoubt)
        }
        Event::StepReleased => match saga.step.checked_sub(1) {
            Some(step) => {
                let saga = Saga { step, attempt: 0, crashes: 0, ..*saga };
                release(&saga, cause, Doubt::Certain)
            }
            None => finish(saga, ending(cause)),
        },
        Event::CallUnknown { jitter } => {
            let saga = executed(saga);
            if saga.attempt > RELEASE_ATTEMPTS_MAX {
                let reason = ParkReason::ReleaseKeepsFailing;
                return park(&saga, reason, Some(cause), Doubt::InDoubt);
            }
            let state = State::Releasing { cause, doubt: Doubt::InDoubt };
            wait(&saga, state, backoff::delay_ms(saga.attempt, None, jitter))
        }
        Event::CallNotExecuted { retry_after_ms, jitter, .. } => {
            let saga = Saga { crashes: 0, ..*saga };
            let state = State::Releasing { cause, doubt };
            wait(&saga, state, backoff::delay_ms(NOT_EXECUTED_BACKOFF, retry_after_ms, jitter))
        }
        Event::ContractBroken => {
            park(&executed(saga), ParkReason::ContractError, Some(cause), Doubt::InDoubt)
        }
        Event::RetryRequested { .. } => wait(saga, State::Releasing { cause, doubt }, 0),
        Event::CancelRequested { .. } => ignored(Ignored::AlreadyReleasing),
        Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        // The answer of the reserve that the cancellation overtook.
        Event::StepDone | Event::StepRejected { .. } | Event::StepTombstoned => {
            ignored(Ignored::LateOutcome)
        }
    }
}

fn from_confirmed(event: &Event) -> Option<Transition> {
    Some(match event {
        Event::CancelRequested { .. } => ignored(Ignored::PastThePivot),
        Event::StepReleased => return None,
        Event::RetryRequested { .. } | Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::Claimed { .. } => ignored(Ignored::AlreadyFinal),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => ignored(Ignored::LateOutcome),
    })
}

fn from_failed(event: &Event) -> Transition {
    match *event {
        // The previous outcome is definitive, so this is the one place where a new id is minted.
        Event::RetryRequested { reservation_id } => {
            Transition::Moved(Saga::new(reservation_id), vec![Effect::AddOutboxMessage])
        }
        Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::Claimed { .. } | Event::CancelRequested { .. } => ignored(Ignored::AlreadyFinal),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::StepReleased
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => ignored(Ignored::LateOutcome),
    }
}

fn from_cancelled(event: &Event) -> Transition {
    match event {
        Event::RetryRequested { .. } | Event::Resolved { .. } => ignored(Ignored::NotApplicable),
        Event::Claimed { .. } | Event::CancelRequested { .. } => ignored(Ignored::AlreadyFinal),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::StepReleased
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => ignored(Ignored::LateOutcome),
    }
}

fn from_parked(
    saga: &Saga,
    cause: Option<ReleaseCause>,
    doubt: Doubt,
    event: &Event,
) -> Transition {
    let rested = Saga { attempt: 0, crashes: 0, ..*saga };
    match *event {
        // The outcome may be unknown, so the same reservation id is tried again.
        Event::RetryRequested { .. } => {
            let state = match cause {
                Some(cause) => State::Releasing { cause, doubt },
                None => State::Queued { reason: QueueReason::Backoff, doubt },
            };
            Transition::Moved(Saga { state, ..rested }, vec![Effect::AddOutboxMessage])
        }
        Event::CancelRequested { by } => {
            let cause = cause.unwrap_or(cancel_cause(by));
            let state = State::Releasing { cause, doubt };
            Transition::Moved(Saga { state, ..rested }, vec![Effect::AddOutboxMessage])
        }
        Event::Resolved { finding: Finding::StockHeld } => match cause {
            None => Transition::Moved(Saga { state: State::Confirmed, ..rested }, vec![]),
            // It is to be given back: held stock is a reason to release, not an ending.
            Some(_) => ignored(Ignored::NotApplicable),
        },
        // That nothing is there proves nothing, a reserve may be on its way: the release refuses it.
        Event::Resolved { finding: Finding::StockNotHeld } => {
            let cause = cause.unwrap_or(ReleaseCause::ResolvedByStaff);
            let state = State::Releasing { cause, doubt };
            Transition::Moved(Saga { state, ..rested }, vec![Effect::AddOutboxMessage])
        }
        Event::Claimed { .. } => ignored(Ignored::LeftAlone),
        Event::StepDone
        | Event::StepRejected { .. }
        | Event::StepTombstoned
        | Event::StepReleased
        | Event::CallUnknown { .. }
        | Event::CallNotExecuted { .. }
        | Event::ContractBroken => ignored(Ignored::LateOutcome),
    }
}

fn ignored(why: Ignored) -> Transition {
    Transition::Ignored(why)
}

/// Go forward: call the step's action.
fn reserve(saga: &Saga, doubt: Doubt) -> Transition {
    let effects = vec![Effect::ReserveStock { reservation_id: saga.reservation_id }];
    Transition::Moved(Saga { state: State::Reserving { doubt }, ..*saga }, effects)
}

/// Go on compensating: call the step's compensation.
fn release(saga: &Saga, cause: ReleaseCause, doubt: Doubt) -> Transition {
    let effects = vec![Effect::ReleaseStock { reservation_id: saga.reservation_id }];
    Transition::Moved(Saga { state: State::Releasing { cause, doubt }, ..*saga }, effects)
}

/// Turn to compensating, by the relay that holds the saga.
fn release_now(saga: &Saga, cause: ReleaseCause, doubt: Doubt) -> Transition {
    release(&Saga { attempt: 0, ..*saga }, cause, doubt)
}

/// Turn to compensating, by whichever relay claims it next.
fn release_soon(saga: &Saga, cause: ReleaseCause, doubt: Doubt) -> Transition {
    let saga = Saga { attempt: 0, crashes: 0, ..*saga };
    wait(&saga, State::Releasing { cause, doubt }, 0)
}

fn wait(saga: &Saga, state: State, delay_ms: u64) -> Transition {
    Transition::Moved(Saga { state, ..*saga }, vec![Effect::WakeAfter { delay_ms }])
}

fn finish(saga: &Saga, state: State) -> Transition {
    let saga = Saga { state, ..executed(saga) };
    Transition::Moved(saga, vec![Effect::RemoveOutboxMessage])
}

fn park(saga: &Saga, reason: ParkReason, cause: Option<ReleaseCause>, doubt: Doubt) -> Transition {
    let saga = Saga { state: State::Parked { reason, cause, doubt }, ..*saga };
    Transition::Moved(saga, vec![Effect::RemoveOutboxMessage])
}

fn executed(saga: &Saga) -> Saga {
    Saga { attempt: saga.attempt.saturating_add(1), crashes: 0, ..*saga }
}

fn crashed(saga: &Saga) -> Saga {
    let attempt = saga.attempt.saturating_add(1);
    Saga { attempt, crashes: saga.crashes.saturating_add(1), ..*saga }
}

fn cancel_cause(by: CancelledBy) -> ReleaseCause {
    match by {
        CancelledBy::Customer => ReleaseCause::CustomerCancel,
        CancelledBy::Staff => ReleaseCause::StaffCancel,
    }
}

fn rejection_cause(reason: Rejection) -> ReleaseCause {
    match reason {
        Rejection::InsufficientStock => ReleaseCause::InsufficientStock,
        Rejection::UnknownItem => ReleaseCause::UnknownItem,
    }
}

fn fail_reason(reason: Rejection) -> FailReason {
    match reason {
        Rejection::InsufficientStock => FailReason::InsufficientStock,
        Rejection::UnknownItem => FailReason::UnknownItem,
    }
}

/// How a release ends once every compensation is acknowledged.
fn ending(cause: ReleaseCause) -> State {
    match cause {
        ReleaseCause::CustomerCancel | ReleaseCause::StaffCancel => State::Cancelled,
        ReleaseCause::DeadlinePassed => State::Failed { reason: FailReason::DeadlinePassed },
        ReleaseCause::InsufficientStock => State::Failed { reason: FailReason::InsufficientStock },
        ReleaseCause::UnknownItem => State::Failed { reason: FailReason::UnknownItem },
        ReleaseCause::ResolvedByStaff => State::Failed { reason: FailReason::ResolvedByStaff },
    }
}

#[cfg(test)]
mod tests;
