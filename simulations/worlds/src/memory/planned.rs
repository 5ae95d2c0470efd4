//! What was planned for a moment: the database goes down, its clock jumps, inventory is away, a relay
//! stops; and units come in.

use super::dice::Source;
use super::faults::{Fault, FaultId, Moment};
use super::queue::{Event, Step};
use super::relay;
use super::setting::{Kind, Planned};
use super::trace::Happened;
use super::world::World;
use uuid::Uuid;

/// Puts everything on the agenda.
pub(super) fn plan(world: &mut World) {
    for index in 0..world.setting.planned.len() as u16 {
        let at_ms = world.setting.planned[usize::from(index)].at_ms;
        world.put(at_ms, Event::Planned(index));
    }
    for index in 0..world.setting.restocks.len() as u16 {
        let at_ms = world.setting.restocks[usize::from(index)].0;
        world.put(at_ms, Event::Restock(index));
    }
}

pub(super) fn restock(world: &mut World, index: u16) {
    let (_, item, units) = world.setting.restocks[usize::from(index)];
    world.inventory.supply(item, units);
    world.trace.note(world.now_ms, Happened::Restocked(item, units));
}

/// A planned fault begins, unless the run is shrunk.
pub(super) fn begin(world: &mut World, index: u16) {
    let Planned { kind, lasts_ms, relay, jump_ms, .. } = world.setting.planned[usize::from(index)];
    let id = FaultId { source: Source::Planned(index), fault: kind.fault(), nth: 1 };
    if !world.setting.faults.take(id) {
        return;
    }
    world.trace.note(world.now_ms, Happened::Fault(id));
    let lasts_ms = lasts_ms.min(world.setting.faults.until_ms - world.now_ms);
    let until_ms = world.now_ms + lasts_ms;
    match kind {
        Kind::DatabaseDown => world.database_down_until_ms = until_ms,
        Kind::InventoryDown => world.inventory_down_until_ms = until_ms,
        Kind::BadItem => world.bad_item_until_ms = until_ms,
        Kind::Hang => hang(world, relay, lasts_ms),
        Kind::Stop => stop(world, relay),
        Kind::ClockJump => jump(world, jump_ms),
    }
}

fn hang(world: &mut World, index: u16, lasts_ms: u64) {
    if world.relays[usize::from(index)].up {
        relay::hang(world, index, lasts_ms);
    }
}

fn stop(world: &mut World, index: u16) {
    let relay = &world.relays[usize::from(index)];
    if relay.up && !relay.memory.stopping {
        world.put_step(index, 0, Step::Stop);
    }
}

fn jump(world: &mut World, jump_ms: i64) {
    world.clock_skew_ms += jump_ms;
    let unfinished: Vec<Uuid> = world.store.outbox.keys().copied().collect();
    for order_id in unfinished {
        let is_held = world.store.outbox[&order_id].owner.is_some();
        let moment = if is_held { Moment::Wire } else { Moment::Rest };
        world.note_all(Fault::ClockJump, moment, &[order_id]);
    }
}
