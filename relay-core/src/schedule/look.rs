//! What a schedule is asked and told, and what it answers.

use uuid::Uuid;

use crate::beat_report::BeatReport;
use crate::claims::{ClaimMode, Source};

/// How a schedule is set.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleConfig {
    /// Sagas in one claim at most.
    pub claim_max: u32,
    /// Silence after which this relay counts as dead, in milliseconds.
    pub stale_ms: u64,
}

/// What the schedule is told with every question.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic milliseconds.
    pub now_ms: u64,
    /// Sagas that the relay can take up now, [`ScheduleConfig::claim_max`] at most.
    pub free: u32,
    /// What the newest heartbeat saw.
    pub report: BeatReport,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Claim sagas and drive what that brought. Answered by [`super::Schedule::claimed`].
    Claim {
        /// Which part of the work list.
        source: Source,
        /// How many at most; at least 1.
        limit: u32,
        /// What is done with them.
        mode: ClaimMode,
        /// The saga has crashed relays: nothing else happens until it was driven.
        is_awaited: bool,
    },
    /// Find the first message of the work list. Answered by [`super::Schedule::first_found`].
    FindFirst,
    /// Count what waits, because the breaker has closed. Answered by [`super::Schedule::backlog_measured`].
    MeasureBacklog,
    /// Take relays off the list that have been silent for long and hold nothing. Answered by
    /// [`super::Schedule::silent_removed`].
    RemoveSilent,
    /// Nothing until then. To be asked again then, and, where it says so, at a hint or a heartbeat.
    Rest {
        /// In monotonic milliseconds; `None`: only a hint or a heartbeat ends it.
        until_ms: Option<u64>,
        /// Whether a hint or a heartbeat may end it earlier.
        is_wakeable: bool,
    },
}

/// What came of [`Look::FindFirst`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The list begins with this message.
    Message(Uuid),
    /// It was empty at this moment.
    Empty {
        /// By the database's clock, in milliseconds since 1970.
        at_ms: u64,
    },
    /// The query was cut off.
    Unknown,
}

/// What came of [`Look::Claim`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages that were locked.
    pub locked: u32,
    /// The least and the greatest id among the sagas that changed.
    pub ids: Option<(Uuid, Uuid)>,
    /// When, by the database's clock, in milliseconds since 1970; 0: nothing was locked.
    pub at_ms: u64,
}
