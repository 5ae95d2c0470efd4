//! What a person does to a saga that needs one. Each is a fenced transition under a new epoch.

use super::config::{Config, RESERVATIONS_MAX};
use super::known_bad::KnownBad;
use super::machine::reservation_id;
use super::orders::{act, mint_reservation, settle};
use super::world::{Order, Row, State, World};
use saga::{CancelledBy, Event, Finding};

/// A repair verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repair {
    /// Have a saga tried again.
    Retry,
    /// Cancel, whatever the saga is doing.
    Cancel,
    /// Inventory shows the stock held for a parked saga.
    FoundHeld,
    /// Inventory shows no stock held for a parked saga.
    FoundNotHeld,
}

impl Repair {
    pub(super) const ALL: [Repair; 4] =
        [Repair::Retry, Repair::Cancel, Repair::FoundHeld, Repair::FoundNotHeld];
}

/// Whether it makes sense, and whether what inventory shows allows it.
pub(super) fn applies(order: &Order, repair: Repair) -> bool {
    let row = order.reservations[usize::from(order.reservation)].row;
    let last_id = usize::from(order.reservation) + 1 == RESERVATIONS_MAX;
    match (order.state, repair) {
        (State::Failed, Repair::Retry) => !last_id,
        (State::Parked { .. } | State::Queued { .. } | State::Releasing { .. }, Repair::Retry) => {
            true
        }
        (state, Repair::Cancel) => !state.is_final() && state != State::Absent,
        (State::Parked { cause: None, .. }, Repair::FoundHeld) => row == Row::Held,
        // That nothing is there proves nothing, a reserve may be on its way: what follows is a release.
        (State::Parked { .. }, Repair::FoundNotHeld) => row != Row::Held,
        _ => false,
    }
}

pub(super) fn repair(config: &Config, world: &mut World, order: u8, repair: Repair) {
    let row = &world.orders[usize::from(order)];
    let parked = matches!(row.state, State::Parked { cause: None, .. });
    let event = match repair {
        Repair::Retry => {
            Event::RetryRequested { reservation_id: reservation_id(row.reservation + 1) }
        }
        Repair::Cancel => Event::CancelRequested { by: CancelledBy::Staff },
        Repair::FoundHeld => Event::Resolved { finding: Finding::StockHeld },
        Repair::FoundNotHeld => Event::Resolved { finding: Finding::StockNotHeld },
    };
    if repair == Repair::FoundNotHeld && config.is(KnownBad::AbsenceIsEvidence) {
        let row = &mut world.orders[usize::from(order)];
        row.epoch += 1;
        return settle(row, State::Failed);
    }
    act(world, order, &event);
    if parked && repair == Repair::Retry && config.is(KnownBad::RetryOfParkedMintsNewId) {
        mint_reservation(world, order);
    }
}
