//! A relay that claims an order with its insert: `outbox_relay::claim_on_insert`, where time passes between the
//! decision, the commit and the call.

use super::{look, wakes};
use crate::memory::dice::{Source, Use};
use crate::memory::relay_state::PendingClaim;
use crate::memory::store::NewOrder;
use crate::memory::trace::Happened;
use crate::memory::world::World;
use outbox_relay::claim_on_insert::claim_new;
use schema_orders::orders::NewOrder as ProductsNewOrder;

/// Has a relay claim the order before it is written, where one is free to.
pub(crate) fn claim_on_insert(
    world: &mut World,
    index: u16,
    order: &mut NewOrder,
) -> Option<PendingClaim> {
    if !world.setting.claims_on_insert {
        return None;
    }
    let relays = u64::from(world.setting.relays);
    let relay = world.dice.below(Source::Order(index), Use::Moment, relays) as u16;
    let (now_ms, in_flight_max) = (world.now_ms, world.setting.in_flight_max);
    let place = &mut world.relays[usize::from(relay)];
    let is_here = place.up && place.hung_until_ms <= now_ms && !place.memory.stopping;
    let memory = &mut place.memory;
    let has_place = memory.in_flight.len() < in_flight_max
        && memory.gate.state.is_free(now_ms)
        && memory.gate.state.room(now_ms) > 0;
    if !is_here || !has_place {
        return None;
    }
    let mut new = products(order);
    let call = claim_new(memory.member, &mut new)?;
    order.first_update = new.first_update;
    memory.hold(call.loaded.order_id);
    Some(PendingClaim { relay, life: place.life, member: memory.member, call })
}

/// The insert has ended. The relay may have died meanwhile, or be another one by now.
pub(crate) fn committed(
    world: &mut World,
    index: u16,
    pending: PendingClaim,
    is_written: Option<bool>,
) {
    let PendingClaim { relay, life, member, call } = pending;
    let place = &mut world.relays[usize::from(relay)];
    if !place.up || place.life != life {
        return;
    }
    match is_written {
        Some(true) => {
            let state = call.loaded.saga.state.name().as_str();
            let epoch = call.loaded.epoch;
            let claimed = Happened::Claimed(relay, index, epoch, "with its insert", state);
            world.trace.note(world.now_ms, claimed);
            let order_id = call.loaded.order_id;
            look::begin_group(world, relay, member, vec![call]);
            world.relays[usize::from(relay)].memory.let_go(order_id);
        }
        Some(false) => place.memory.let_go(call.loaded.order_id),
        None => {
            place.memory.let_go(call.loaded.order_id);
            place.memory.looks.schedule.doubt();
            wakes::hint(world, relay);
        }
    }
}

fn products(order: &NewOrder) -> ProductsNewOrder {
    ProductsNewOrder {
        id: order.id,
        reservation_id: order.reservation_id,
        tenant: String::new(),
        key: order.key.to_string(),
        fingerprint: [0; 32],
        lines: order.lines.clone(),
        metadata: None,
        traceparent: None,
        deadline_ms: order.deadline_ms,
        first_update: None,
    }
}
