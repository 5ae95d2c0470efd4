//! The scenarios: which processes, which orders, which faults.

use std::ops::RangeInclusive;

use serde::Serialize;

use super::fault::Kind::{
    ArriveLate, CrowdDatabase, CutClients, CutDatabase, Delay, Freeze, Kill, KillPostgres, Restart,
    SendAgain, SwallowAnswers, SwallowFromClients, Unreachable,
};
use super::fault::Target::{InventoryApi, OrderApi, Relay};
use super::nemesis::Habit;

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
    /// Four relays, a kill about every second, of every process and of Postgres: for a long run
    KillStorm,
    /// All of it at once, against every process
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
static POSTGRES_CRASHES: [Habit; 1] = [habit(KillPostgres, 1, 0..=0)];
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
static LINES: [Habit; 5] = [
    habit(SwallowFromClients, 2, 200..=1_000),
    habit(CutClients, 2, 100..=1_000),
    habit(CutDatabase, 3, 0..=0),
    habit(SwallowAnswers, 1, 200..=1_000),
    habit(Unreachable, 1, 200..=1_000),
];
static CROWD: [Habit; 1] = [habit(CrowdDatabase, 1, 1_000..=4_000)];
static KILLS: [Habit; 4] = [
    habit(Kill(Relay), 6, 0..=400),
    habit(Kill(OrderApi), 3, 0..=200),
    habit(Kill(InventoryApi), 3, 0..=200),
    habit(KillPostgres, 2, 0..=0),
];
static EVERYTHING: [Habit; 16] = [
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
];

impl Scenario {
    pub(super) fn setup(self) -> Setup {
        let usual = Setup {
            order_apis: 1,
            relays: 2,
            items: 200,
            stock_share: 2.0,
            habits: &EVERYTHING,
            pause_ms: 200..=1_500,
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
            Self::BrokenLines => Setup { habits: &LINES, ..usual },
            Self::TooManyConnections => Setup { habits: &CROWD, ..usual },
            Self::KillStorm => {
                Setup { order_apis: 2, relays: 4, habits: &KILLS, pause_ms: 0..=200, ..usual }
            }
            Self::Everything | Self::FullSweep | Self::KnownBad => {
                Setup { order_apis: 2, stock_share: 0.9, ..usual }
            }
        }
    }
}
