//! What an action would do to a saga. Pure: the core decides, and this only asks it.

use saga::{CancelledBy, Effect, Event, Finding, Ignored, InvalidTransition, Saga, Transition};
use saga::{plan, transition};
use schema_orders::sagas::SagaColumns;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Retry,
    Cancel,
    Resolve,
    Note,
}

/// What the core says to it.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// The saga moves.
    Update { saga: Saga, event: Event, effects: Vec<Effect> },
    /// Nothing moves, and nothing was meant to.
    Noted,
    /// It does not apply.
    Refused(Ignored),
}

impl Kind {
    /// The kind of this name; `None`: only a newer version knows it.
    pub(crate) fn named(name: &str) -> Option<Kind> {
        [Kind::Retry, Kind::Cancel, Kind::Resolve, Kind::Note]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Retry => "retry",
            Kind::Cancel => "cancel",
            Kind::Resolve => "resolve",
            Kind::Note => "note",
        }
    }
}

/// Asks the core. `fresh_id` becomes a reservation id only where the core takes it for one.
pub(crate) fn decide(
    kind: Kind,
    finding: Option<Finding>,
    saga: &Saga,
    fresh_id: Uuid,
) -> Result<Decision, InvalidTransition> {
    let event = match (kind, finding) {
        (Kind::Note, _) | (Kind::Resolve, None) => return Ok(Decision::Noted),
        (Kind::Retry, _) => Event::RetryRequested { reservation_id: fresh_id },
        (Kind::Cancel, _) => Event::CancelRequested { by: CancelledBy::Staff },
        (Kind::Resolve, Some(finding)) => Event::Resolved { finding },
    };
    Ok(match transition(&plan::ORDER, saga, &event)? {
        Transition::Moved(saga, effects) => Decision::Update { saga, event, effects },
        Transition::Ignored(why) => Decision::Refused(why),
    })
}

/// Why the core refused it, for people.
pub(crate) fn refusal(why: Ignored) -> &'static str {
    match why {
        Ignored::PastThePivot => "the order is confirmed: create a return to undo it",
        Ignored::AlreadyFinal => "it has ended already",
        Ignored::AlreadyReleasing => "its stock is being given back already",
        Ignored::LateOutcome | Ignored::LeftAlone | Ignored::NotApplicable => {
            "the saga's state does not allow this action"
        }
    }
}

/// A saga as the audit keeps it.
pub(crate) fn snapshot(saga: &Saga, version: i32, epoch: i64) -> Value {
    let columns = SagaColumns::from(saga);
    json!({
        "state": columns.state,
        "reason": columns.reason,
        "cause": columns.cause,
        "in_doubt": columns.in_doubt,
        "attempt": columns.attempt,
        "reservation_id": columns.reservation_id,
        "version": version,
        "epoch": epoch,
    })
}

#[cfg(test)]
mod tests;
