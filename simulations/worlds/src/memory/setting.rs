//! What a seed's world is like: how many orders and relays, how much stock, which faults and how often.
//!
//! Each seed switches a random half of the faults on. Worlds with few kinds of fault reach states that
//! worlds with all of them never do, because there something always comes between (swarm testing,
//! <https://doi.org/10.1145/2338965.2336763>).

use super::dice::{Dice, Source, Use};
use super::faults::{Fault, Faults};
use relay_core::breaker::BreakerConfig;

/// One seed's world.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) customers: u16,
    pub(super) relays: u16,
    /// Units of each item at the opening.
    pub(super) stock: Vec<i64>,
    /// Units that come in later, by item and moment.
    pub(super) restocks: Vec<(u64, usize, i64)>,
    /// Orders come in until here.
    pub(super) open_until_ms: u64,
    pub(super) call_timeout_ms: u64,
    pub(super) claim_max: usize,
    pub(super) in_flight_max: usize,
    pub(super) batches: bool,
    /// Relays claim new orders with their insert.
    pub(super) claims_on_insert: bool,
    pub(super) breaker: BreakerConfig,
    pub(super) planned: Vec<Planned>,
    /// By how much the clock of each order service is wrong.
    pub(super) clocks_ms: Vec<i64>,
    pub(super) staff_at_ms: Vec<u64>,
    pub(super) faults: Faults,
}

/// A fault that was planned for a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub(super) at_ms: u64,
    pub(super) kind: Kind,
    pub(super) lasts_ms: u64,
    pub(super) relay: u16,
    pub(super) jump_ms: i64,
}

/// What can be planned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Stop,
    DatabaseDown,
    ClockJump,
    InventoryDown,
    Hang,
    BadItem,
}

impl Kind {
    /// Drawn as a plan's kind. The bad item is drawn apart, as it must last longer.
    const ALL: [Kind; 5] =
        [Kind::Stop, Kind::DatabaseDown, Kind::ClockJump, Kind::InventoryDown, Kind::Hang];

    pub(super) fn fault(self) -> Fault {
        match self {
            Kind::Stop => Fault::Stop,
            Kind::DatabaseDown => Fault::DatabaseDown,
            Kind::ClockJump => Fault::ClockJump,
            Kind::InventoryDown => Fault::InventoryDown,
            Kind::Hang => Fault::Hang,
            Kind::BadItem => Fault::BadItem,
        }
    }
}

impl Setting {
    pub(super) fn draw(dice: &mut Dice) -> Setting {
        let until_ms = between(dice, 4_000, 25_000);
        let items = between(dice, 1, 3) as usize;
        let relays = between(dice, 1, 3) as u16;
        let setting = Setting {
            customers: between(dice, 1, 6) as u16,
            relays,
            stock: (0..items).map(|_| between(dice, 0, 4) as i64).collect(),
            restocks: draw_restocks(dice, items, until_ms),
            open_until_ms: between(dice, 0, until_ms / 2),
            call_timeout_ms: between(dice, 300, 3_000),
            claim_max: between(dice, 1, 4) as usize,
            in_flight_max: between(dice, 1, 6) as usize,
            batches: chance(dice, 50),
            claims_on_insert: false,
            clocks_ms: Vec::new(),
            breaker: draw_breaker(dice),
            planned: draw_planned(dice, until_ms, relays),
            staff_at_ms: (0..between(dice, 0, 4)).map(|_| between(dice, 0, until_ms)).collect(),
            faults: draw_faults(dice, until_ms),
        };
        let claims_on_insert = chance(dice, 50);
        let mut setting = Setting { claims_on_insert, clocks_ms: draw_clocks(dice), ..setting };
        setting.planned.extend(draw_bad_item(dice, until_ms));
        setting
    }
}

fn draw_breaker(dice: &mut Dice) -> BreakerConfig {
    BreakerConfig {
        failures_in_row: between(dice, 2, 5) as u32,
        answers_min: between(dice, 2, 10),
        open_ms: between(dice, 300, 5_000),
        open_max_ms: 10_000,
        slow_start_ms: between(dice, 0, 2_000),
        slow_start_step_ms: 200,
        ..BreakerConfig::default()
    }
}

/// One to three order services. In half of the worlds, none of their clocks is right.
fn draw_clocks(dice: &mut Dice) -> Vec<i64> {
    const WRONG_MS: [i64; 7] =
        [-400, 400, 1_500, -3_600_000, 3_600_000, -63_000_000_000, 63_000_000_000];
    let services = between(dice, 1, 3);
    let are_right = chance(dice, 50);
    let wrong = |dice: &mut Dice| WRONG_MS[between(dice, 0, WRONG_MS.len() as u64 - 1) as usize];
    (0..services).map(|_| if are_right { 0 } else { wrong(dice) }).collect()
}

fn draw_restocks(dice: &mut Dice, items: usize, until_ms: u64) -> Vec<(u64, usize, i64)> {
    let count = between(dice, 0, 3);
    let one = |_| {
        let item = between(dice, 0, items as u64 - 1) as usize;
        (between(dice, 0, until_ms), item, between(dice, 1, 3) as i64)
    };
    (0..count).map(one).collect()
}

fn draw_planned(dice: &mut Dice, until_ms: u64, relays: u16) -> Vec<Planned> {
    let count = between(dice, 0, 4);
    let one = |_| {
        let jump_ms = between(dice, 0, 10_000) as i64;
        Planned {
            at_ms: between(dice, 0, until_ms - 1),
            kind: Kind::ALL[between(dice, 0, Kind::ALL.len() as u64 - 1) as usize],
            lasts_ms: between(dice, 50, 6_000),
            relay: between(dice, 0, u64::from(relays) - 1) as u16,
            // forwards far enough to pass deadlines, backwards much further than anything may take
            jump_ms: if chance(dice, 60) { jump_ms * 12 } else { -jump_ms * 360 },
        }
    };
    (0..count).map(one).collect()
}

/// In some worlds, for long enough that a breaker opens and probes several times.
fn draw_bad_item(dice: &mut Dice, until_ms: u64) -> Option<Planned> {
    chance(dice, 20).then(|| Planned {
        at_ms: between(dice, 0, until_ms - 1),
        kind: Kind::BadItem,
        lasts_ms: between(dice, 1_000, 20_000),
        relay: 0,
        jump_ms: 0,
    })
}

fn draw_faults(dice: &mut Dice, until_ms: u64) -> Faults {
    const RATES: [u16; 4] = [10, 40, 120, 300];
    let rates = Fault::ALL.map(|fault| {
        if fault == Fault::BadItem {
            return 0;
        }
        let is_on = chance(dice, 50);
        let rate = RATES[between(dice, 0, 3) as usize];
        // The first two are rolled for at every step of a relay, the third for every order.
        let seldom = match fault {
            Fault::Crash | Fault::Hang => 8,
            Fault::Poison => 4,
            Fault::Stop
            | Fault::CommitUnanswered
            | Fault::CommitLost
            | Fault::DatabaseDown
            | Fault::ClockJump
            | Fault::RequestLost
            | Fault::RequestDoubled
            | Fault::RequestLate
            | Fault::Refused
            | Fault::InventoryDown
            | Fault::Throttled
            | Fault::FailedBefore
            | Fault::FailedAfter
            | Fault::ProxyPage
            | Fault::AnswerCut
            | Fault::AnswerLost
            | Fault::AnswerLate
            | Fault::HintLost
            | Fault::SlowFirstLook
            | Fault::BadItem => 1,
        };
        if is_on { rate / seldom } else { 0 }
    });
    Faults { rates, until_ms, only: None, happened: Vec::new() }
}

fn between(dice: &mut Dice, from: u64, to: u64) -> u64 {
    dice.between(Source::World, Use::Setting, from, to)
}

fn chance(dice: &mut Dice, percent: u64) -> bool {
    dice.percent(Source::World, Use::Setting, percent)
}
