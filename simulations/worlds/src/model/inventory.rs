//! The inventory service: reserve and release, each one transaction.

use super::config::{Config, ITEMS_MAX};
use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::world::network::Message;
use super::world::{Call, Kind, Outcome, Row, World};

/// Executes a call and says how it answers. `None` where a planted flaw has only looked so far.
pub(super) fn execute(config: &Config, world: &mut World, call: Call) -> Option<Outcome> {
    match call.kind {
        Kind::Reserve => reserve(config, world, call),
        Kind::Release => Some(release(config, world, call)),
        Kind::Look => Some(match reservation(world, call).row {
            Row::Held => Outcome::Done,
            Row::Absent | Row::Rejected | Row::Released => Outcome::NotFound,
        }),
        Kind::Settle => None,
    }
}

/// The second half of a reserve that was torn in two: takes without looking again.
pub(super) fn take_unchecked(config: &Config, world: &mut World, call: Call) -> Outcome {
    if reservation(world, call).row == Row::Absent {
        take(config, world, call);
    }
    Outcome::Done
}

fn reserve(config: &Config, world: &mut World, call: Call) -> Option<Outcome> {
    let row = reservation(world, call).row;
    if row == Row::Released && config.is(KnownBad::TombstoneRemovedOnContact) {
        reservation_mut(world, call).row = Row::Absent;
        return Some(Outcome::Tombstoned);
    }
    if row != Row::Absent
        && let Some(refused) = fence(config, world, call)
    {
        return Some(refused);
    }
    match row {
        Row::Released => Some(Outcome::Tombstoned),
        Row::Held => {
            if config.is(KnownBad::ReserveWithoutKey) && in_stock(config, world) {
                take(config, world, call);
            }
            Some(Outcome::Done)
        }
        Row::Rejected => Some(Outcome::Rejected),
        Row::Absent => {
            reservation_mut(world, call).max_epoch = call.epoch;
            if in_stock(config, world) {
                if config.is(KnownBad::StockCheckedBeforeLock) {
                    world.network.send(Message::Checked(call));
                    return None;
                }
                take(config, world, call);
                return Some(Outcome::Done);
            }
            reject(config, world, call);
            Some(Outcome::Rejected)
        }
    }
}

fn release(config: &Config, world: &mut World, call: Call) -> Outcome {
    let row = reservation(world, call).row;
    if row != Row::Absent
        && let Some(refused) = fence(config, world, call)
    {
        return refused;
    }
    match row {
        Row::Absent if config.is(KnownBad::ReleaseWithoutTombstone) => return Outcome::Done,
        Row::Released if config.is(KnownBad::ReleaseGivesBackTwice) => {
            world.stock[0] += 1;
        }
        Row::Absent | Row::Rejected | Row::Released | Row::Held => {}
    }
    let taken = reservation(world, call).taken;
    for (stock, taken) in world.stock.iter_mut().zip(taken) {
        *stock += taken.cast_signed();
    }
    let reservation = reservation_mut(world, call);
    reservation.row = Row::Released;
    reservation.taken = [0; ITEMS_MAX];
    reservation.max_epoch = reservation.max_epoch.max(call.epoch);
    Outcome::Done
}

/// An epoch older than one that was seen for this reservation is refused; a newer one is remembered.
fn fence(config: &Config, world: &mut World, call: Call) -> Option<Outcome> {
    let seen = reservation(world, call).max_epoch;
    if call.epoch < seen {
        if config.is(KnownBad::NoFenceInInventory) {
            world.breaks(Invariant::NoWriteByOldEpoch);
            return None;
        }
        return Some(Outcome::Stale);
    }
    reservation_mut(world, call).max_epoch = call.epoch;
    None
}

fn in_stock(config: &Config, world: &World) -> bool {
    let mut items = config.stock.iter().zip(world.stock);
    items.all(|(item, units)| item.is_none() || units > 0)
}

fn take(config: &Config, world: &mut World, call: Call) {
    take_items(config, world, call, |_| true);
    reservation_mut(world, call).row = Row::Held;
}

fn reject(config: &Config, world: &mut World, call: Call) {
    if config.is(KnownBad::TakesWhatIsThere) {
        take_items(config, world, call, |units| units > 0);
    }
    if !config.is(KnownBad::RejectionNotStored) {
        reservation_mut(world, call).row = Row::Rejected;
    }
}

fn take_items(config: &Config, world: &mut World, call: Call, wanted: impl Fn(i8) -> bool) {
    for item in 0..ITEMS_MAX {
        if config.stock[item].is_some() && wanted(world.stock[item]) {
            world.stock[item] -= 1;
            reservation_mut(world, call).taken[item] += 1;
        }
    }
}

fn reservation(world: &World, call: Call) -> super::world::Reservation {
    world.orders[usize::from(call.order)].reservations[usize::from(call.reservation)]
}

fn reservation_mut(world: &mut World, call: Call) -> &mut super::world::Reservation {
    &mut world.orders[usize::from(call.order)].reservations[usize::from(call.reservation)]
}

#[cfg(test)]
mod tests;
