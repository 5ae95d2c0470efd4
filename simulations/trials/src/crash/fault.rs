//! What can be done to a running system.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::clock::Clock;
use crate::stack::Trouble;

/// A kind of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One of the relays.
    Relay,
    /// One of the order services.
    OrderApi,
    /// The inventory service.
    InventoryApi,
}

impl Target {
    /// What the names of its processes begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::OrderApi => "order-api",
            Self::InventoryApi => "inventory-api",
        }
    }
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// kill -9, and started again after a while.
    Kill(Target),
    /// SIGSTOP, and SIGCONT when it has been taken for dead: a zombie that goes on where it was.
    Freeze(Target),
    /// SIGTERM, and started again.
    Restart(Target),
    /// kill -9 of the Postgres server: every connection breaks, in the middle of commits.
    KillPostgres,
    /// Inventory works, and its answers do not arrive.
    SwallowAnswers,
    /// Inventory cannot be reached.
    Unreachable,
    /// Inventory's answers come late.
    Delay,
    /// Every call of inventory arrives a second time, later.
    SendAgain,
    /// Reservations arrive when nobody waits for them any more, and their orders have been cancelled.
    ArriveLate,
    /// Clients get no answers: what they sent has been done.
    SwallowFromClients,
    /// Clients are cut off.
    CutClients,
    /// Every connection of the services to the databases is ended by the server.
    CutDatabase,
    /// Others take every connection that the server has.
    CrowdDatabase,
    /// kill -9 of every process of the Postgres server at once: nobody is left who could write anything.
    KillAllOfPostgres,
    /// The line between the services and Postgres is in trouble.
    Line(Trouble),
    /// The disk that Postgres writes to is full.
    FillDisk,
    /// A wall clock jumps by minutes to hours, forward or back, and later back again.
    Jump(Clock),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(target) => write!(f, "kill -9 {}", target.prefix()),
            Self::Freeze(target) => write!(f, "freeze {}", target.prefix()),
            Self::Restart(target) => write!(f, "restart {}", target.prefix()),
            Self::KillPostgres => f.write_str("kill -9 postgres"),
            Self::SwallowAnswers => f.write_str("swallow answers"),
            Self::Unreachable => f.write_str("inventory unreachable"),
            Self::Delay => f.write_str("delay answers"),
            Self::SendAgain => f.write_str("send calls again"),
            Self::ArriveLate => f.write_str("calls arrive after a cancel"),
            Self::SwallowFromClients => f.write_str("swallow answers to clients"),
            Self::CutClients => f.write_str("cut clients off"),
            Self::CutDatabase => f.write_str("cut database connections"),
            Self::CrowdDatabase => f.write_str("too many connections"),
            Self::KillAllOfPostgres => f.write_str("kill -9 all of postgres"),
            Self::Line(Trouble::Slow) => f.write_str("slow line to postgres"),
            Self::Line(Trouble::Deaf) => f.write_str("postgres hears nothing"),
            Self::Line(Trouble::Mute) => f.write_str("postgres is not heard"),
            Self::Line(Trouble::Silent) => f.write_str("silent line to postgres"),
            Self::Line(Trouble::Cut) => f.write_str("cut the line to postgres"),
            Self::FillDisk => f.write_str("disk full"),
            Self::Jump(Clock::Postgres) => f.write_str("clock of postgres jumps"),
            Self::Jump(Clock::Services) => f.write_str("clocks of services jump"),
        }
    }
}

/// One fault of a run, as the seed has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub kind: Kind,
    /// How long after the last one was over.
    pub pause: Duration,
    /// How long it lasts: until a killed process is started again, a frozen one goes on.
    pub lasts: Duration,
    /// Picks among several processes of the kind.
    pub pick: u32,
}

/// One fault as it was inflicted.
#[derive(Debug, Clone, Serialize)]
pub struct FaultRecord {
    pub kind: Kind,
    pub target: String,
    /// When, since the load began.
    pub at_ms: f64,
    pub lasted_ms: f64,
    /// Until things moved again; `None`: not within the bound.
    pub recovered_ms: Option<f64>,
    /// The load ended before anything could be seen.
    pub cut_short: bool,
}

/// Faults that were felt at some moment of that time.
pub(super) fn under_way(faults: &[FaultRecord], from_ms: f64, to_ms: f64) -> Vec<usize> {
    let overlaps = |fault: &FaultRecord| {
        let felt_until = fault.at_ms + fault.lasted_ms + fault.recovered_ms.unwrap_or(0.0);
        fault.at_ms <= to_ms && felt_until >= from_ms
    };
    faults.iter().enumerate().filter(|(_, fault)| overlaps(fault)).map(|(index, _)| index).collect()
}
