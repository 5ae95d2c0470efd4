//! What a saga's state means, in words for someone who has never seen the code.
//!
//! One pure function for API, console and CLI. It must never promise what `transition` does not do: the
//! actions it offers are exactly those that `transition` carries out.

use uuid::Uuid;

use crate::event::{CancelledBy, Event, Finding};
use crate::plan;
use crate::state::{Doubt, FailReason, ParkReason, QueueReason, ReleaseCause, Saga, State};
use crate::transition::{Transition, transition};

/// What the words are made from.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The saga as stored.
    pub saga: Saga,
    /// Milliseconds until it is tried again by itself; `None`: nothing is scheduled, 0: due.
    pub next_try_in_ms: Option<u64>,
    /// Whether a relay holds it now.
    pub is_held: bool,
}

/// The words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// One sentence: where the order stands.
    pub headline: String,
    /// What it did to the stock.
    pub stock_effect: StockEffect,
    /// The same, as a sentence.
    pub stock: &'static str,
    /// What happens next by itself; `None`: nothing will, and nothing has to.
    pub next_step: Option<String>,
    /// Whether nothing goes on until a person decides.
    pub needs_person: bool,
    /// What a person should do, or may leave alone.
    pub advice: &'static str,
    /// The actions that this state takes.
    pub actions: Vec<Action>,
    /// The page for those on call, below docs/.
    pub runbook: Option<&'static str>,
}

/// What an order did to the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StockEffect {
    /// Nothing is held.
    None,
    /// Held exactly once.
    TakenOnce,
    /// A call's outcome is unknown: held once, or not at all. Never twice.
    Unknown,
}

/// What staff can do to a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Try again, now.
    Retry,
    /// Undo what was done and end it.
    Cancel,
    /// Say what is true, with evidence.
    Resolve,
    /// Leave a note.
    Note,
}

/// Puts a saga into words.
pub fn explain(facts: &Facts) -> Explanation {
    let stock_effect = stock_effect(&facts.saga);
    Explanation {
        headline: headline(facts),
        stock_effect,
        stock: stock(&facts.saga, stock_effect),
        next_step: next_step(facts),
        needs_person: facts.saga.state.name().needs_person(),
        advice: advice(&facts.saga),
        actions: actions(&facts.saga),
        runbook: runbook(&facts.saga),
    }
}

/// The actions that [`transition()`] carries out from here, and a note, which always goes.
pub fn actions(saga: &Saga) -> Vec<Action> {
    let tried = [
        (Action::Retry, Event::RetryRequested { reservation_id: Uuid::nil() }),
        (Action::Cancel, Event::CancelRequested { by: CancelledBy::Staff }),
        (Action::Resolve, Event::Resolved { finding: Finding::StockNotHeld }),
    ];
    let mut actions: Vec<Action> = tried
        .into_iter()
        .filter(|(_, event)| {
            matches!(transition(&plan::ORDER, saga, event), Ok(Transition::Moved(..)))
        })
        .map(|(action, _)| action)
        .collect();
    actions.push(Action::Note);
    actions
}

fn headline(facts: &Facts) -> String {
    let text = match facts.saga.state {
        State::Pending => "The order is stored and waits for a relay.",
        State::Reserving { doubt: Doubt::Certain } => "The stock is being reserved.",
        State::Reserving { doubt: Doubt::InDoubt } => {
            "An earlier answer from inventory was lost. The same call is being repeated to find out."
        }
        State::Queued { reason: QueueReason::BreakerOpen, .. } => {
            "Calls to inventory are paused. The order waits."
        }
        State::Queued { doubt: Doubt::InDoubt, .. } => {
            "Inventory's answer was lost. The same call will be repeated to find out."
        }
        State::Queued { reason: QueueReason::Backoff, .. } => {
            "Inventory could not be reached. The order waits for its next attempt."
        }
        State::Queued { reason: QueueReason::Throttled, .. } => {
            "Inventory is limiting requests. The order waits for its next attempt."
        }
        State::Confirmed => "The order is confirmed.",
        State::Releasing { cause, .. } => match cause {
            ReleaseCause::CustomerCancel => "The customer cancelled. Its stock is being released.",
            ReleaseCause::StaffCancel => "Staff cancelled the order. Its stock is being released.",
            ReleaseCause::DeadlinePassed => {
                "The deadline has passed. Reserved stock is being released; then the order will be marked failed."
            }
            ReleaseCause::ResolvedByStaff => {
                "Staff found no stock held. The release makes this certain; then the order will be marked failed."
            }
            ReleaseCause::InsufficientStock | ReleaseCause::UnknownItem => {
                "A later step was refused. Reserved stock is being released."
            }
        },
        State::Failed { reason } => match reason {
            FailReason::InsufficientStock => "There was not enough stock.",
            FailReason::UnknownItem => "The order names an unknown item.",
            FailReason::DeadlinePassed => "The order was not confirmed before its deadline.",
            FailReason::ReleasedElsewhere => "Another system released its reservation.",
            FailReason::ResolvedByStaff => "Staff ended the order: no stock is held for it.",
        },
        State::Cancelled => "The order is cancelled.",
        State::Parked { reason, .. } => match reason {
            ParkReason::ContractError => "Stopped: inventory gave an unexpected response.",
            ParkReason::PoisonMessage => "Stopped: processing crashed repeatedly.",
            ParkReason::ReleaseKeepsFailing => {
                "Stopped: inventory does not acknowledge the release of the stock."
            }
        },
    };
    text.to_owned()
}

fn stock_effect(saga: &Saga) -> StockEffect {
    match saga.state {
        // Confirmed; or a later step was refused, and the earlier ones are being undone.
        State::Confirmed
        | State::Releasing {
            cause: ReleaseCause::InsufficientStock | ReleaseCause::UnknownItem,
            doubt: Doubt::Certain,
        } => StockEffect::TakenOnce,
        // A call that is under way may be executed at any moment.
        State::Reserving { .. } => StockEffect::Unknown,
        _ if saga.state.doubt().is_in_doubt() => StockEffect::Unknown,
        State::Pending
        | State::Queued { .. }
        | State::Releasing { .. }
        | State::Failed { .. }
        | State::Cancelled
        | State::Parked { .. } => StockEffect::None,
    }
}

fn stock(saga: &Saga, effect: StockEffect) -> &'static str {
    let has_ended = saga.state.is_final();
    match effect {
        StockEffect::TakenOnce => "Stock is reserved, exactly once.",
        StockEffect::Unknown => {
            "Stock is reserved once or not at all; it cannot be reserved twice."
        }
        StockEffect::None if has_ended => "No stock is held.",
        StockEffect::None => "No stock is reserved yet.",
    }
}

fn next_step(facts: &Facts) -> Option<String> {
    let what = match facts.saga.state {
        State::Pending | State::Queued { .. } | State::Reserving { .. } => "reserve the stock",
        State::Releasing { .. } => "release the stock",
        State::Confirmed | State::Failed { .. } | State::Cancelled | State::Parked { .. } => {
            return None;
        }
    };
    Some(match facts.next_try_in_ms {
        _ if facts.is_held => format!("Under way: {what}."),
        None | Some(0) => format!("Next: {what}, as soon as a relay is free."),
        Some(wait_ms) => format!("Next: {what}, in {}.", seconds(wait_ms)),
    })
}

/// Whole seconds, and minutes where they say it better.
fn seconds(wait_ms: u64) -> String {
    match wait_ms.div_ceil(1_000) {
        s @ ..=120 => format!("{s} s"),
        s => format!("{} min", s.div_ceil(60)),
    }
}

fn advice(saga: &Saga) -> &'static str {
    match saga.state {
        State::Pending | State::Reserving { .. } | State::Cancelled => "Nothing to do.",
        State::Queued { reason: QueueReason::BreakerOpen, .. } => {
            "Nothing to do: the order continues when calls resume."
        }
        State::Queued { .. } => {
            "Nothing to do: the call is repeated automatically until the deadline."
        }
        State::Releasing { .. } => {
            "Nothing to do: the release is repeated until inventory acknowledges it."
        }
        State::Confirmed => "Nothing to do. To undo this order, create a return.",
        State::Failed { reason: FailReason::InsufficientStock } => {
            "Nothing to do. Retry if there is new stock."
        }
        State::Failed { reason: FailReason::UnknownItem } => {
            "Check the item. Retry when inventory knows it."
        }
        State::Failed { .. } => "Retry if the customer still wants the order.",
        State::Parked { reason: ParkReason::ContractError, .. } => {
            "Check inventory's response (or the proxy before it), fix it, then retry."
        }
        State::Parked { reason: ParkReason::PoisonMessage, .. } => {
            "Report a bug with this order's id. Retry when the relay is fixed, or cancel."
        }
        State::Parked { reason: ParkReason::ReleaseKeepsFailing, .. } => {
            "Fix inventory, then retry. The order ends when a release is acknowledged."
        }
    }
}

fn runbook(saga: &Saga) -> Option<&'static str> {
    match saga.state {
        State::Parked { .. } => Some("runbooks/saga-parked.md"),
        State::Queued { reason: QueueReason::BreakerOpen, .. } => {
            Some("runbooks/circuit-breaker-open.md")
        }
        State::Queued { .. } | State::Releasing { .. } => Some("runbooks/saga-waits-too-long.md"),
        State::Pending
        | State::Reserving { .. }
        | State::Confirmed
        | State::Failed { .. }
        | State::Cancelled => None,
    }
}

#[cfg(test)]
mod tests;
