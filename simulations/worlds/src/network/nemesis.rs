//! What goes wrong, and when: drawn from the seed before the world begins.

use crate::memory::dice::Stream;

/// Faults begin within this time.
pub(super) const FAULTS_END_MS: u64 = 8_000;
const FAULTS: (u64, u64) = (3, 9);
const LASTS_MS: (u64, u64) = (50, 3_500);

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Inventory,
    Relay(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The host dies, and comes back with nothing in its memory.
    Crash,
    /// Nothing arrives from a relay at inventory, or the other way round.
    Partition,
    /// What is sent waits, and then arrives all at once.
    Hold,
    /// A relay does not reach its database, and then goes on as if nothing had been.
    Zombie,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) begins_ms: u64,
    pub(super) ends_ms: u64,
    pub(super) kind: Kind,
    pub(super) victim: Victim,
}

/// The faults of a seed, by when they begin.
pub(super) fn plan(dice: &mut Stream, relays: u64) -> Vec<Fault> {
    let count = dice.between(FAULTS.0, FAULTS.1);
    let mut faults: Vec<Fault> = (0..count).map(|_| draw(dice, relays)).collect();
    faults.sort_by_key(|fault| fault.begins_ms);
    faults
}

fn draw(dice: &mut Stream, relays: u64) -> Fault {
    let relay = Victim::Relay(dice.between(0, relays - 1));
    let (kind, victim) = match dice.between(0, 4) {
        0 => (Kind::Crash, Victim::Inventory),
        1 => (Kind::Crash, relay),
        2 => (Kind::Partition, relay),
        3 => (Kind::Hold, relay),
        _ => (Kind::Zombie, relay),
    };
    let begins_ms = dice.between(0, FAULTS_END_MS);
    Fault { begins_ms, ends_ms: begins_ms + dice.between(LASTS_MS.0, LASTS_MS.1), kind, victim }
}
