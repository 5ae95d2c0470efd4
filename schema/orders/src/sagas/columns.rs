//! A [`saga::Saga`] as columns, and back.

use saga::{Doubt, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, State, StateName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// The columns of `sagas` that the core decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaColumns {
    /// The state's name.
    pub state: String,
    /// Index into the plan.
    pub step: i16,
    /// Calls executed, or in doubt.
    pub attempt: i32,
    /// Claims in a row without an outcome.
    pub crashes: i16,
    /// The last call's outcome is unknown.
    pub in_doubt: bool,
    /// Why queued, failed or parked.
    pub reason: Option<String>,
    /// What a release is for.
    pub cause: Option<String>,
    /// The idempotency key of the current call.
    pub reservation_id: Uuid,
}

/// A state that this version does not know: a newer one wrote it, and it is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a saga in state {state:?} (reason {reason:?}, cause {cause:?}) is of a newer version")]
pub struct UnknownState {
    /// As stored.
    pub state: String,
    /// As stored.
    pub reason: Option<String>,
    /// As stored.
    pub cause: Option<String>,
}

impl From<&Saga> for SagaColumns {
    fn from(saga: &Saga) -> Self {
        let (reason, cause) = match &saga.state {
            State::Queued { reason, .. } => (Some(name(reason)), None),
            State::Failed { reason } => (Some(name(reason)), None),
            State::Releasing { cause, .. } => (None, Some(name(cause))),
            State::Parked { reason, cause, .. } => (Some(name(reason)), cause.as_ref().map(name)),
            State::Pending | State::Reserving { .. } | State::Confirmed | State::Cancelled => {
                (None, None)
            }
        };
        Self {
            state: saga.state.name().to_string(),
            step: saga.step as i16,
            attempt: i32::try_from(saga.attempt).unwrap_or(i32::MAX),
            crashes: saga.crashes as i16,
            in_doubt: saga.state.doubt().is_in_doubt(),
            reason,
            cause,
            reservation_id: saga.reservation_id,
        }
    }
}

impl TryFrom<SagaColumns> for Saga {
    type Error = UnknownState;

    fn try_from(columns: SagaColumns) -> Result<Self, UnknownState> {
        let doubt = if columns.in_doubt { Doubt::InDoubt } else { Doubt::Certain };
        let (reason, cause) = (columns.reason.as_deref(), columns.cause.as_deref());
        let name = StateName::parse(&columns.state);
        let Some(state) = name.and_then(|name| state_of(name, reason, cause, doubt)) else {
            let SagaColumns { state, reason, cause, .. } = columns;
            return Err(UnknownState { state, reason, cause });
        };
        Ok(Self {
            step: columns.step as u16,
            reservation_id: columns.reservation_id,
            attempt: columns.attempt as u32,
            crashes: columns.crashes as u16,
            state,
        })
    }
}

/// `None`: a reason or cause that this version does not know.
fn state_of(
    name: StateName,
    reason: Option<&str>,
    cause: Option<&str>,
    doubt: Doubt,
) -> Option<State> {
    Some(match name {
        StateName::Pending => State::Pending,
        StateName::Reserving => State::Reserving { doubt },
        StateName::Confirmed => State::Confirmed,
        StateName::Cancelled => State::Cancelled,
        StateName::Queued => State::Queued { reason: parse(reason)?, doubt },
        StateName::Failed => State::Failed { reason: parse(reason)? },
        StateName::Releasing => State::Releasing { cause: parse(cause)?, doubt },
        StateName::Parked => {
            let cause = match cause {
                None => None,
                cause => Some(parse(cause)?),
            };
            State::Parked { reason: parse(reason)?, cause, doubt }
        }
    })
}

/// All reasons and causes that this version can read.
pub(crate) fn known_reasons_and_causes() -> impl Iterator<Item = String> {
    let queued = QueueReason::ALL.iter().map(name);
    let failed = FailReason::ALL.iter().map(name);
    let parked = ParkReason::ALL.iter().map(name);
    queued.chain(failed).chain(parked).chain(ReleaseCause::ALL.iter().map(name))
}

/// The serialised name of a plain enum variant.
fn name(variant: &impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(Value::String(name)) => name,
        other => unreachable!("reasons and causes serialise as their names, not {other:?}"),
    }
}

fn parse<T: DeserializeOwned>(name: Option<&str>) -> Option<T> {
    serde_json::from_value(Value::from(name?)).ok()
}

#[cfg(test)]
mod tests;
