//! What a saga waits for after a step, and for how long.
//!
//! Who waits behind a breaker may be let through when its time has come, and no sooner than the breaker has a place
//! for it: all of it is a wait for the breaker, not for a relay.

use chrono::{DateTime, Duration, Utc};
use saga::{Effect, QueueReason, State};

use super::replay::Step;
use super::{Wait, Why};

/// A wait that has begun: first for a time or a person, then for a relay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    why: Why,
    from: DateTime<Utc>,
    /// When it is due; `None`: not by itself.
    due_at: Option<DateTime<Utc>>,
}

impl Waiting {
    /// For a relay, from now on.
    pub(super) fn for_relay(from: DateTime<Utc>) -> Waiting {
        Waiting { why: Why::Relay, from, due_at: Some(from) }
    }

    /// What `step` leaves the saga waiting for; `None`: nothing.
    pub(super) fn after(step: &Step<'_>, deadline_at: DateTime<Utc>) -> Option<Waiting> {
        let from = step.row.at;
        if let State::Parked { .. } = step.after.state {
            return Some(Waiting { why: Why::Person, from, due_at: None });
        }
        step.effects.iter().find_map(|effect| match *effect {
            Effect::WakeAfter { delay_ms: 0 } | Effect::AddOutboxMessage => {
                Some(Waiting::for_relay(from))
            }
            Effect::WakeAfter { delay_ms } => {
                let delay_ms = i64::try_from(delay_ms).unwrap_or(i64::MAX);
                let due_at = Duration::try_milliseconds(delay_ms)
                    .and_then(|delay| from.checked_add_signed(delay))
                    .unwrap_or(DateTime::<Utc>::MAX_UTC);
                // a deadline that is still to come wakes it, too
                let due_at = if deadline_at > from { due_at.min(deadline_at) } else { due_at };
                Some(Waiting { why: why(step.after.state), from, due_at: Some(due_at) })
            }
            Effect::ReserveStock { .. }
            | Effect::ReleaseStock { .. }
            | Effect::RemoveOutboxMessage => None,
        })
    }

    /// When the next attempt was due, if it began at `at`.
    pub(super) fn scheduled_at(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.due_at.unwrap_or(at).min(at)
    }

    /// As it has been when it ended at `at`.
    pub(super) fn ended(&self, at: DateTime<Utc>) -> Vec<Wait> {
        let was_due_at = match self.why_when_due() {
            why if why == self.why => at,
            _ => self.due_at.unwrap_or(at).min(at),
        };
        let told = Wait { why: self.why, from: self.from, until: Some(was_due_at) };
        let then = Wait { why: self.why_when_due(), from: was_due_at, until: Some(at) };
        [told, then].into_iter().filter(|wait| wait.until > Some(wait.from)).collect()
    }

    /// As it stands at `now`, when nothing has ended it.
    pub(super) fn going_on(&self, now: DateTime<Utc>) -> Vec<Wait> {
        match self.due_at {
            Some(due_at) if due_at <= now && self.why_when_due() != self.why => {
                let told = Wait { why: self.why, from: self.from, until: Some(due_at) };
                let then = Wait { why: self.why_when_due(), from: due_at, until: None };
                vec![told, then]
            }
            Some(_) | None => vec![Wait { why: self.why, from: self.from, until: None }],
        }
    }

    fn why_when_due(&self) -> Why {
        match self.why {
            Why::BreakerOpen => Why::BreakerOpen,
            Why::Backoff | Why::Throttled | Why::Person | Why::Relay => Why::Relay,
        }
    }
}

fn why(state: State) -> Why {
    match state {
        State::Queued { reason: QueueReason::BreakerOpen, .. } => Why::BreakerOpen,
        State::Queued { reason: QueueReason::Throttled, .. } => Why::Throttled,
        State::Queued { reason: QueueReason::Backoff, .. }
        | State::Releasing { .. }
        | State::Pending
        | State::Reserving { .. }
        | State::Confirmed
        | State::Failed { .. }
        | State::Cancelled
        | State::Parked { .. } => Why::Backoff,
    }
}
