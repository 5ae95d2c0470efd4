//! How far a relay's round of looks has come.

use uuid::Uuid;

/// How far a round has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Begin,
    Unacknowledged {
        floor: Uuid,
    },
    FromDeadRelay {
        floor: Uuid,
    },
    Suspects {
        floor: Uuid,
    },
    RemoveSilent,
    Admission,
    Untried,
    /// New orders, while the breaker is half-open.
    NewProbes(Scan),
    Due,
    /// As many as the drain allows were asked for.
    DueAsked {
        slots: u32,
    },
    Fresh(Scan),
    /// New orders, while no call may be made: queued at once, so that who waits is told.
    Defer(Scan),
    /// Nothing wakes it.
    Pace {
        until_ms: u64,
    },
    Idle(Idle),
}

/// Where a scan for new orders begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// At the fresh floor, unless a scan from the beginning is due.
    Floor,
    /// Where the list begins, which was just found.
    First,
}

/// A rest that a hint or a heartbeat may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Idle {
    pub(super) pause_until_ms: Option<u64>,
    /// What the report of that number saw coming.
    pub(super) expected_at_ms: Option<u64>,
    /// `None`: none was looked at in this rest.
    pub(super) report: Option<u64>,
}
