//! The names of the states: what a [`State`] is called in the database, the API, the metrics and on screens.
//!
//! Whoever handles a state as data uses this type, never the text: a further state then makes the
//! compiler ask everywhere. A text that [`StateName::parse`] does not know is of a newer version.

use std::fmt;

use crate::state::{QueueReason, State};

/// Which state a saga is in, without what is true in it. In the order of an order's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// [`State::Pending`].
    Pending,
    /// [`State::Reserving`].
    Reserving,
    /// [`State::Queued`].
    Queued,
    /// [`State::Confirmed`].
    Confirmed,
    /// [`State::Releasing`].
    Releasing,
    /// [`State::Failed`].
    Failed,
    /// [`State::Cancelled`].
    Cancelled,
    /// [`State::Parked`].
    Parked,
}

impl StateName {
    /// Every state that this version knows.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Reserving,
        Self::Queued,
        Self::Confirmed,
        Self::Releasing,
        Self::Failed,
        Self::Cancelled,
        Self::Parked,
    ];

    /// The text in the database, the API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reserving => "reserving",
            Self::Queued => "queued",
            Self::Confirmed => "confirmed",
            Self::Releasing => "releasing",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Parked => "parked",
        }
    }

    /// The state of this text; `None`: of a newer version, or no state at all.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// As people read them: what has not ended first.
    pub fn unfinished_first() -> [Self; Self::ALL.len()] {
        let mut states = Self::ALL;
        states.sort_by_key(|name| name.is_final());
        states
    }

    /// The texts of all of them, as a message names them.
    pub fn listed() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The saga has ended: no step is left, and what it holds of the stock does not change any more.
    /// A parked saga has not ended.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Confirmed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Reserving | Self::Queued | Self::Releasing | Self::Parked => {
                false
            }
        }
    }

    /// No relay works on it: it has ended, or it is parked and waits for a person.
    pub const fn needs_no_relay(self) -> bool {
        self.is_final() || self.needs_person()
    }

    /// No step is left that goes by itself, and it has not ended.
    pub const fn needs_person(self) -> bool {
        match self {
            Self::Parked => true,
            Self::Pending
            | Self::Reserving
            | Self::Queued
            | Self::Confirmed
            | Self::Releasing
            | Self::Failed
            | Self::Cancelled => false,
        }
    }

    /// The state that is declared after this one. A further state must say here where it stands, and then
    /// [`StateName::ALL`] must have it: relays leave alone what is not in there.
    const fn next(self) -> Option<Self> {
        match self {
            Self::Pending => Some(Self::Reserving),
            Self::Reserving => Some(Self::Queued),
            Self::Queued => Some(Self::Confirmed),
            Self::Confirmed => Some(Self::Releasing),
            Self::Releasing => Some(Self::Failed),
            Self::Failed => Some(Self::Cancelled),
            Self::Cancelled => Some(Self::Parked),
            Self::Parked => None,
        }
    }

    /// Whether a request that waits for its order is answered with this state: where no relay works on
    /// the saga, and where it is queued behind an open breaker. One that backs off may still make it in
    /// time. `schema_orders::sagas::find_settled` says the same in SQL.
    pub fn answers_request(self, reason: Option<QueueReason>) -> bool {
        match self {
            Self::Confirmed | Self::Failed | Self::Cancelled | Self::Parked => true,
            Self::Queued => reason == Some(QueueReason::BreakerOpen),
            Self::Pending | Self::Reserving | Self::Releasing => false,
        }
    }
}

const _: () = {
    let (mut at, mut state) = (0, Some(StateName::ALL[0]));
    while let Some(name) = state {
        assert!(StateName::ALL[at] as u8 == name as u8);
        (at, state) = (at + 1, name.next());
    }
    assert!(at == StateName::ALL.len());
};

impl fmt::Display for StateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl State {
    /// The name of the state, without what belongs to it.
    pub fn name(&self) -> StateName {
        match self {
            Self::Pending => StateName::Pending,
            Self::Reserving { .. } => StateName::Reserving,
            Self::Queued { .. } => StateName::Queued,
            Self::Confirmed => StateName::Confirmed,
            Self::Releasing { .. } => StateName::Releasing,
            Self::Failed { .. } => StateName::Failed,
            Self::Cancelled => StateName::Cancelled,
            Self::Parked { .. } => StateName::Parked,
        }
    }

    /// See [`StateName::is_final`].
    pub fn is_final(&self) -> bool {
        self.name().is_final()
    }

    /// See [`StateName::answers_request`].
    pub fn answers_request(&self) -> bool {
        let reason = match self {
            Self::Queued { reason, .. } => Some(*reason),
            Self::Pending
            | Self::Reserving { .. }
            | Self::Confirmed
            | Self::Releasing { .. }
            | Self::Failed { .. }
            | Self::Cancelled
            | Self::Parked { .. } => None,
        };
        self.name().answers_request(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for (index, name) in StateName::ALL.into_iter().enumerate() {
            assert_eq!(StateName::parse(name.as_str()), Some(name));
            assert_eq!(name as usize, index, "ALL is in the order of the declaration");
        }
        for text in ["", "Pending", "pending ", "settling"] {
            assert_eq!(StateName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_has_ended_needs_no_relay_and_answers_a_request() {
        for name in StateName::ALL {
            if name.is_final() {
                assert!(name.needs_no_relay(), "{name}");
            }
            if name.needs_no_relay() {
                assert!(name.answers_request(None), "{name}");
            }
        }
        assert!(StateName::Queued.answers_request(Some(QueueReason::BreakerOpen)));
        assert!(!StateName::Queued.answers_request(Some(QueueReason::Backoff)));
    }
}
