//! Along which index the sagas of a state are found. A state is in exactly one of these places.

use saga::StateName;

/// Where sagas of a state are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// Its message in the outbox, and nothing else.
    WorkList,
    /// The column `listed_state`, which is set off the happy path and null on it, so that updates there stay HOT.
    ListedState,
    /// The primary key: most sagas stand here, and no index repeats it.
    PrimaryKey,
}

impl FoundBy {
    pub(crate) const fn of(state: StateName) -> Self {
        match state {
            StateName::Pending | StateName::Reserving => Self::WorkList,
            StateName::Queued
            | StateName::Releasing
            | StateName::Failed
            | StateName::Cancelled
            | StateName::Parked => Self::ListedState,
            StateName::Confirmed => Self::PrimaryKey,
        }
    }

    /// `None`: not a state that this version knows.
    pub(crate) fn text(state: &str) -> Option<Self> {
        StateName::parse(state).map(Self::of)
    }

    /// The value of `listed_state`.
    pub(crate) fn listed_state(state: StateName) -> Option<&'static str> {
        match Self::of(state) {
            Self::ListedState => Some(state.as_str()),
            Self::WorkList | Self::PrimaryKey => None,
        }
    }
}
