//! How large a world is and what may happen in it. Every further order, relay or fault multiplies the
//! number of states, so a configuration switches on what it is about.

use crate::KnownBad;

/// The most orders, relays, items and reservation ids (of one order) a world can hold.
pub(super) const ORDERS_MAX: usize = 2;
pub(super) const RELAYS_MAX: usize = 2;
pub(super) const ITEMS_MAX: usize = 2;
pub(super) const RESERVATIONS_MAX: usize = 2;

/// A world to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What it is called in reports.
    pub name: &'static str,
    /// Orders, each of one unit of every item: 1..=2.
    pub orders: u8,
    /// Relays: 1..=2.
    pub relays: u8,
    /// Units in stock of each item; an item with `None` does not exist.
    pub stock: [Option<u8>; ITEMS_MAX],
    /// How many things may go wrong: crash, lost or doubled message, impatience, zombie, unknown commit.
    pub faults: u8,
    /// How many times staff may act.
    pub staff_actions: u8,
    /// What may happen beside faults.
    pub features: Features,
    /// The flaw that is planted.
    pub known_bad: Option<KnownBad>,
}

/// How much is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bound {
    /// Worlds for a minute.
    #[default]
    Small,
    /// The same with one or two faults more each: many times the states.
    Large,
}

/// What may happen in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// The customer may cancel each order once.
    Cancel,
    /// Each order's deadline may pass.
    Deadline,
    /// The relays share a breaker: one failure opens it, one probe closes it.
    Breaker,
    /// The network may double a request.
    Duplicates,
    /// A proxy may answer in inventory's place.
    Proxy,
    /// The outcome of a commit may be unknown to who made it.
    UnknownCommit,
    /// Relay 1 is of an older version and does not know every state.
    TwoVersions,
    /// The first order crashes every relay that takes it.
    Poison,
    /// A relay may be stopped in good order: it hands over what it holds.
    HandOver,
    /// Each relay shares its process with an order service, and may claim an order with its insert.
    ClaimOnInsert,
}

/// A set of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u16);

impl Features {
    /// The set of these.
    pub const fn of(features: &[Feature]) -> Features {
        let (mut bits, mut index) = (0, 0);
        while index < features.len() {
            bits |= 1 << features[index] as u16;
            index += 1;
        }
        Features(bits)
    }
}

/// One order, two relays, nothing beside faults: what the others are variations of.
const PLAIN: Config = Config {
    name: "plain",
    orders: 1,
    relays: 2,
    stock: [Some(1), None],
    faults: 2,
    staff_actions: 0,
    features: Features::of(&[]),
    known_bad: None,
};

impl Config {
    /// One order, two relays, nothing beside faults: what the others are variations of.
    pub const fn plain() -> Config {
        PLAIN
    }

    /// The worlds that are searched in full within `bound`: together they switch on every feature.
    pub fn worlds(bound: Bound) -> Vec<Config> {
        let mut worlds = Config::small();
        if bound == Bound::Large {
            for world in &mut worlds {
                // Where people act as well, one more is already twenty times as much.
                world.faults += if world.staff_actions == 1 { 1 } else { 2 };
            }
        }
        worlds
    }

    fn small() -> Vec<Config> {
        use Feature::{Breaker, Cancel, ClaimOnInsert, Deadline, Duplicates, HandOver, Poison};
        use Feature::{Proxy, TwoVersions};
        let everything_but_poison = Features::of(&[
            Cancel,
            Deadline,
            Breaker,
            Duplicates,
            Proxy,
            Feature::UnknownCommit,
            TwoVersions,
            HandOver,
        ]);
        let two = Config { orders: 2, ..PLAIN };
        let plenty = [Some(2), None];
        vec![
            Config { name: "one order, four faults", faults: 4, ..PLAIN }.with(&[
                Cancel,
                Duplicates,
                Feature::UnknownCommit,
            ]),
            Config { name: "everything at once, two faults", staff_actions: 1, ..PLAIN }
                .with_all(everything_but_poison),
            Config { name: "one without stock", stock: [Some(0), None], staff_actions: 1, ..PLAIN }
                .with(&[Cancel, Deadline, Duplicates]),
            Config { name: "two orders, one unit", ..two }.with(&[Duplicates, Cancel]),
            Config { name: "two items, one is out", stock: [Some(1), Some(0)], faults: 3, ..PLAIN }
                .with(&[Cancel, Duplicates]),
            Config { name: "two orders behind a breaker", stock: plenty, ..two }.with(&[Breaker]),
            Config { name: "two versions", faults: 3, ..PLAIN }.with(&[TwoVersions, Cancel]),
            Config { name: "poison beside an order", stock: plenty, ..two }
                .with(&[Poison, Deadline]),
            Config { name: "parked and repaired", staff_actions: 2, ..PLAIN }
                .with(&[Proxy, Duplicates]),
            Config { name: "stopped and started", faults: 3, ..PLAIN }
                .with(&[HandOver, Deadline, Cancel]),
            Config { name: "claimed with the insert", faults: 3, ..PLAIN }.with(&[
                ClaimOnInsert,
                Cancel,
                Deadline,
                HandOver,
            ]),
            Config { name: "two orders claimed with their inserts", stock: plenty, ..two }
                .with(&[ClaimOnInsert, Breaker]),
        ]
    }

    /// This world with these features only.
    #[must_use]
    pub const fn with(mut self, features: &[Feature]) -> Config {
        self.features = Features::of(features);
        self
    }

    /// This world with that flaw.
    #[must_use]
    pub const fn flawed(mut self, known_bad: KnownBad) -> Config {
        self.known_bad = Some(known_bad);
        self
    }

    #[must_use]
    const fn with_all(mut self, features: Features) -> Config {
        self.features = features;
        self
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.features.0 & (1 << feature as u16) != 0
    }

    pub(super) fn is(&self, known_bad: KnownBad) -> bool {
        self.known_bad == Some(known_bad)
    }

    /// Relay 1 is the old one.
    pub(super) fn is_old(&self, relay: u8) -> bool {
        relay == 1 && self.has(Feature::TwoVersions)
    }

    /// Relay 0 is the new one.
    pub(super) fn is_new(&self, relay: u8) -> bool {
        relay == 0 && self.has(Feature::TwoVersions)
    }

    /// More claims than this of one order, and it goes round in circles: every claim beyond the first
    /// has a fault, a person, or the breaker's refusal as its cause.
    pub(super) fn epochs_max(&self) -> u8 {
        5 + 3 * self.faults + 2 * self.staff_actions
    }
}
