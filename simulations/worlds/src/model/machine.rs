//! The product's own machine inside the model: every saga here is moved by `saga::transition`.
//!
//! Only what a decision can depend on is kept, or each state would be searched many times over: why
//! exactly an order failed is dropped, and of a counter it is kept whether it has begun. One that has
//! begun stands at its limit, so that "once more is too often" is reached with two faults, not fifty.

use super::invariants::Invariant;
use super::world::{Cause, Doubt, Kind, Order, State, Wait, World};
use saga::transition::{CRASHES_MAX, RELEASE_ATTEMPTS_MAX};
use saga::{Effect, Event, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, Transition};
use saga::{plan, transition};
use uuid::Uuid;

/// What the product decides, in the model's words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    pub(super) state: State,
    pub(super) attempt: u8,
    pub(super) crashes: u8,
    pub(super) reservation: u8,
    pub(super) then: Then,
}

/// What is to be done after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Make this call.
    Call(Kind),
    /// Let go, and wait for the next claim.
    Wait,
    /// Let go: the outbox message goes.
    Remove,
    /// The outbox message is there again, and a deadline that had passed is renewed.
    Add,
    /// Nothing: a parked saga that was resolved had no message.
    Nothing,
}

/// What `event` does to the saga of `order`; `None`: nothing to do.
pub(super) fn decide(world: &mut World, order: u8, event: &Event) -> Option<Decided> {
    let saga = unfold(&world.orders[usize::from(order)])?;
    match transition(&plan::ORDER, &saga, event) {
        Ok(Transition::Moved(saga, effects)) => Some(fold(&saga, &effects)),
        Ok(Transition::Ignored(_)) => None,
        Err(_) => {
            world.breaks(Invariant::NothingImpossible);
            None
        }
    }
}

/// A name for a reservation id of one order.
pub(super) fn reservation_id(index: u8) -> Uuid {
    Uuid::from_u128(u128::from(index))
}

fn unfold(order: &Order) -> Option<Saga> {
    let state = match order.state {
        // No saga yet; or one that only the newer version could read.
        State::Absent | State::Settling => return None,
        State::Pending => saga::State::Pending,
        State::Reserving { doubt } => saga::State::Reserving { doubt: doubt.into() },
        State::Queued { why, doubt } => {
            saga::State::Queued { reason: why.into(), doubt: doubt.into() }
        }
        State::Confirmed => saga::State::Confirmed,
        State::Releasing { cause, doubt } => {
            saga::State::Releasing { cause: cause.into(), doubt: doubt.into() }
        }
        State::Failed => saga::State::Failed { reason: FailReason::InsufficientStock },
        State::Cancelled => saga::State::Cancelled,
        State::Parked { cause, doubt } => saga::State::Parked {
            reason: ParkReason::ContractError,
            cause: cause.map(Into::into),
            doubt: doubt.into(),
        },
    };
    Some(Saga {
        step: 0,
        reservation_id: reservation_id(order.reservation),
        attempt: if order.attempt == 0 { 0 } else { RELEASE_ATTEMPTS_MAX },
        crashes: if order.crashes == 0 { 0 } else { CRASHES_MAX },
        state,
    })
}

fn fold(saga: &Saga, effects: &[Effect]) -> Decided {
    let state = match saga.state {
        saga::State::Pending => State::Pending,
        saga::State::Reserving { doubt } => State::Reserving { doubt: doubt.into() },
        saga::State::Queued { reason, doubt } => {
            State::Queued { why: reason.into(), doubt: doubt.into() }
        }
        saga::State::Confirmed => State::Confirmed,
        saga::State::Releasing { cause, doubt } => {
            State::Releasing { cause: cause.into(), doubt: doubt.into() }
        }
        saga::State::Failed { .. } => State::Failed,
        saga::State::Cancelled => State::Cancelled,
        saga::State::Parked { cause, doubt, .. } => {
            State::Parked { cause: cause.map(Into::into), doubt: doubt.into() }
        }
    };
    Decided {
        state,
        attempt: saga.attempt.min(1) as u8,
        crashes: saga.crashes.min(1) as u8,
        reservation: saga.reservation_id.as_u128() as u8,
        then: effects.first().map_or(Then::Nothing, |effect| match effect {
            Effect::ReserveStock { .. } => Then::Call(Kind::Reserve),
            Effect::ReleaseStock { .. } => Then::Call(Kind::Release),
            Effect::WakeAfter { .. } => Then::Wait,
            Effect::RemoveOutboxMessage => Then::Remove,
            Effect::AddOutboxMessage => Then::Add,
        }),
    }
}

impl From<Doubt> for saga::Doubt {
    fn from(doubt: Doubt) -> saga::Doubt {
        match doubt {
            Doubt::Certain => saga::Doubt::Certain,
            Doubt::InDoubt => saga::Doubt::InDoubt,
        }
    }
}

impl From<saga::Doubt> for Doubt {
    fn from(doubt: saga::Doubt) -> Doubt {
        if doubt.is_in_doubt() { Doubt::InDoubt } else { Doubt::Certain }
    }
}

impl From<Wait> for QueueReason {
    fn from(wait: Wait) -> QueueReason {
        match wait {
            Wait::Backoff => QueueReason::Backoff,
            Wait::BreakerOpen => QueueReason::BreakerOpen,
        }
    }
}

impl From<QueueReason> for Wait {
    fn from(reason: QueueReason) -> Wait {
        match reason {
            QueueReason::BreakerOpen => Wait::BreakerOpen,
            QueueReason::Backoff | QueueReason::Throttled => Wait::Backoff,
        }
    }
}

impl From<Cause> for ReleaseCause {
    fn from(cause: Cause) -> ReleaseCause {
        match cause {
            Cause::Customer => ReleaseCause::CustomerCancel,
            Cause::Deadline => ReleaseCause::DeadlinePassed,
            Cause::Staff => ReleaseCause::StaffCancel,
        }
    }
}

impl From<ReleaseCause> for Cause {
    fn from(cause: ReleaseCause) -> Cause {
        match cause {
            ReleaseCause::CustomerCancel => Cause::Customer,
            ReleaseCause::StaffCancel => Cause::Staff,
            // The other two need a second step, which fails as a passed deadline does.
            ReleaseCause::DeadlinePassed
            | ReleaseCause::InsufficientStock
            | ReleaseCause::UnknownItem
            // It ends as failed, and why is not kept.
            | ReleaseCause::ResolvedByStaff => Cause::Deadline,
        }
    }
}
