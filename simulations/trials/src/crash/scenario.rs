//! The scenarios: which processes, which orders, which faults.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::Serialize;

use super::clock::{self, Clock};
use super::disk;
use super::fault::Kind::{
    ArriveLate, CrowdDatabase, CutClients, CutDatabase, Delay, FillDisk, Freeze, Jump, Kill,
    KillAllOfPostgres, KillPostgres, Line, Restart, SendAgain, SwallowAnswers, SwallowFromClients,
    Unreachable,
};
use super::fault::Target::{InventoryApi, OrderApi, Relay};
use super::nemesis::Habit;
use crate::stack::Trouble::{Cut, Deaf, Mute, Silent, Slow};

/// What can be run by name.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Stock is taken and the answer never arrives: did it happen?
    SchrodingersWarehouse,
    /// Everybody wants one item, and inventory goes dark in the middle of it
    FlashSaleBlackout,
    /// Relays are killed again and again, a second one takes over
    RelayCrashLoop,
    /// Postgres is killed again and again, in the middle of commits
    PostgresCrashLoop,
    /// Relays freeze, are taken for dead, and go on where they were
    ZombieRelay,
    /// Every process is restarted in turn, as an upgrade does it
    RollingRestart,
    /// Inventory flaps under load: retries must not become the load
    RetryStorm,
    /// Calls arrive twice, and late
    LateAndDuplicated,
    /// Nobody can rely on a connection: clients, services and databases are cut off from each other
    BrokenLines,
    /// Others take every connection that Postgres has
    TooManyConnections,
    /// The line to Postgres is slow, cut, or swallows what is said: also the answer to a COMMIT
    SilentPostgres,
    /// The disk of Postgres is full, to the last byte (Linux, as root)
    DiskFull,
    /// The clocks of Postgres and of the services jump by hours, forward and back (with libfaketime)
    ClockJumps,
    /// Four relays, a kill about every second, of every process and of Postgres: for a long run
    KillStorm,
    /// All of these faults in one run, but those of disk-full and clock-jumps
    Everything,
    /// Every known flaw, planted one by one: each must be found (in a binary that has failpoints)
    KnownBad,
    /// Every failpoint, each of its actions, first and second hit (in a binary that has failpoints)
    FullSweep,
}

/// How a scenario is set up.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) order_apis: usize,
    pub(super) relays: usize,
    /// Different items.
    pub(super) items: u32,
    /// Pieces of each item, as a share of what would be ordered of it in all; above 1: enough for all.
    pub(super) stock_share: f64,
    pub(super) habits: &'static [Habit],
    /// Quiet between two faults.
    pub(super) pause_ms: RangeInclusive<u64>,
    /// A line to Postgres that can be told to misbehave.
    pub(super) line: bool,
    /// A small disk of its own for Postgres.
    pub(super) small_disk: bool,
    /// Clocks that can be set.
    pub(super) clocks: bool,
}

const fn habit(kind: super::fault::Kind, weight: u32, lasts_ms: RangeInclusive<u64>) -> Habit {
    Habit { kind, weight, lasts_ms }
}

static SCHRODINGER: [Habit; 2] =
    [habit(SwallowAnswers, 3, 200..=2_000), habit(Kill(InventoryApi), 1, 50..=800)];
static BLACKOUT: [Habit; 3] = [
    habit(Unreachable, 2, 2_000..=8_000),
    habit(Kill(InventoryApi), 1, 1_000..=4_000),
    habit(SwallowAnswers, 1, 200..=1_000),
];
static RELAY_CRASHES: [Habit; 1] = [habit(Kill(Relay), 1, 0..=500)];
static POSTGRES_CRASHES: [Habit; 2] =
    [habit(KillPostgres, 2, 0..=0), habit(KillAllOfPostgres, 1, 0..=0)];
/// Longer than a relay's heartbeat may be late.
static ZOMBIES: [Habit; 1] = [habit(Freeze(Relay), 1, 1_500..=3_500)];
static UPGRADE: [Habit; 3] = [
    habit(Restart(Relay), 1, 0..=200),
    habit(Restart(OrderApi), 1, 0..=200),
    habit(Restart(InventoryApi), 1, 0..=200),
];
static FLAPPING: [Habit; 3] = [
    habit(Unreachable, 2, 500..=3_000),
    habit(SwallowAnswers, 2, 200..=1_500),
    habit(Delay, 1, 1_000..=4_000),
];
static DUPLICATES: [Habit; 4] = [
    habit(ArriveLate, 2, 500..=1_500),
    habit(SendAgain, 3, 1_000..=4_000),
    habit(Delay, 1, 1_000..=3_000),
    habit(SwallowAnswers, 1, 200..=1_000),
];
static LINES: [Habit; 8] = [
    habit(SwallowFromClients, 2, 200..=1_000),
    habit(CutClients, 2, 100..=1_000),
    habit(CutDatabase, 3, 0..=0),
    habit(SwallowAnswers, 1, 200..=1_000),
    habit(Unreachable, 1, 200..=1_000),
    habit(Line(Cut), 1, 50..=500),
    habit(Line(Mute), 1, 50..=1_000),
    habit(Line(Slow), 1, 1_000..=3_000),
];
static SILENCE: [Habit; 5] = [
    habit(Line(Mute), 4, 20..=2_000),
    habit(Line(Deaf), 2, 20..=2_000),
    habit(Line(Silent), 2, 200..=4_000),
    habit(Line(Cut), 2, 50..=1_000),
    habit(Line(Slow), 1, 1_000..=4_000),
];
static FULL: [Habit; 1] = [habit(FillDisk, 1, 2_000..=10_000)];
static CLOCKS: [Habit; 2] =
    [habit(Jump(Clock::Postgres), 2, 500..=4_000), habit(Jump(Clock::Services), 1, 500..=4_000)];
static CROWD: [Habit; 1] = [habit(CrowdDatabase, 1, 1_000..=4_000)];
static KILLS: [Habit; 4] = [
    habit(Kill(Relay), 6, 0..=400),
    habit(Kill(OrderApi), 3, 0..=200),
    habit(Kill(InventoryApi), 3, 0..=200),
    habit(KillPostgres, 2, 0..=0),
];
static EVERYTHING: [Habit; 20] = [
    habit(Kill(Relay), 4, 0..=800),
    habit(Kill(OrderApi), 3, 0..=500),
    habit(Kill(InventoryApi), 3, 0..=1_000),
    habit(KillPostgres, 1, 0..=0),
    habit(Freeze(Relay), 2, 1_500..=3_000),
    habit(Freeze(InventoryApi), 1, 500..=4_000),
    habit(Restart(Relay), 1, 0..=200),
    habit(Restart(OrderApi), 1, 0..=200),
    habit(SwallowAnswers, 3, 100..=1_000),
    habit(Unreachable, 1, 200..=2_000),
    habit(SendAgain, 1, 500..=2_000),
    habit(ArriveLate, 1, 500..=1_500),
    habit(SwallowFromClients, 1, 200..=1_000),
    habit(CutClients, 1, 100..=500),
    habit(CutDatabase, 1, 0..=0),
    habit(CrowdDatabase, 1, 500..=2_000),
    habit(KillAllOfPostgres, 1, 0..=0),
    habit(Line(Mute), 1, 20..=1_000),
    habit(Line(Silent), 1, 200..=2_000),
    habit(Line(Cut), 1, 50..=500),
];

impl Scenario {
    /// Why it cannot be run on this machine, if that is so.
    pub(super) fn lacks(self, room: &Path) -> Option<String> {
        let Setup { small_disk, clocks, .. } = self.setup();
        let no_disk = small_disk.then(|| disk::cannot_be_had(room)).flatten();
        no_disk.or_else(|| clock::library().err().filter(|_| clocks))
    }

    pub(super) fn setup(self) -> Setup {
        let usual = Setup {
            order_apis: 1,
            relays: 2,
            items: 200,
            stock_share: 2.0,
            habits: &EVERYTHING,
            pause_ms: 200..=1_500,
            line: false,
            small_disk: false,
            clocks: false,
        };
        match self {
            Self::SchrodingersWarehouse => Setup { habits: &SCHRODINGER, ..usual },
            Self::FlashSaleBlackout => {
                Setup { items: 1, stock_share: 0.5, habits: &BLACKOUT, ..usual }
            }
            Self::RelayCrashLoop => Setup { habits: &RELAY_CRASHES, pause_ms: 50..=600, ..usual },
            Self::PostgresCrashLoop => {
                Setup { habits: &POSTGRES_CRASHES, pause_ms: 500..=3_000, ..usual }
            }
            Self::ZombieRelay => Setup { habits: &ZOMBIES, ..usual },
            Self::RollingRestart => Setup { order_apis: 2, habits: &UPGRADE, ..usual },
            Self::RetryStorm => Setup { habits: &FLAPPING, ..usual },
            Self::LateAndDuplicated => Setup { stock_share: 0.9, habits: &DUPLICATES, ..usual },
            Self::BrokenLines => Setup { habits: &LINES, line: true, ..usual },
            Self::TooManyConnections => Setup { habits: &CROWD, ..usual },
            Self::SilentPostgres => Setup { habits: &SILENCE, line: true, ..usual },
            Self::DiskFull => {
                Setup { habits: &FULL, small_disk: true, pause_ms: 1_000..=3_000, ..usual }
            }
            Self::ClockJumps => Setup { habits: &CLOCKS, clocks: true, ..usual },
            Self::KillStorm => {
                Setup { order_apis: 2, relays: 4, habits: &KILLS, pause_ms: 0..=200, ..usual }
            }
            Self::Everything | Self::FullSweep | Self::KnownBad => {
                Setup { order_apis: 2, stock_share: 0.9, line: true, ..usual }
            }
        }
    }
}
