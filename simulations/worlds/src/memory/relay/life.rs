//! A relay's life: joins, beats, dies, hangs, stops in good order.

use super::doubt::check_doubt;
use super::flaws::given_up_as_certain;
use super::wakes;
use crate::memory::dice::{Source, Use};
use crate::memory::faults::{Fault, Moment};
use crate::memory::known_bad::KnownBad;
use crate::memory::queue::{Event, Step};
use crate::memory::relay_state::{Looks, Memory, SlotStage};
use crate::memory::store::Store;
use crate::memory::trace::Happened;
use crate::memory::world::World;
use relay_core::batch_offer::BatchOffer;
use relay_core::claims::Source as From;
use relay_core::decide::given_up;
use saga::StateName;
use saga::stored::SagaUpdate;
use uuid::Uuid;

/// The product's times.
pub(super) const BEAT_MS: u64 = 500;
const DRAIN_MS: u64 = 400;

/// Joins, and goes to work.
pub(crate) fn start(world: &mut World, index: u16) {
    let source = Source::Relay(index);
    if world.relays[usize::from(index)].up {
        return;
    }
    let Ok(member) = world.transact(source, Moment::Rest, &[], Store::join) else {
        world.put(world.now_ms + 500, Event::Start(index));
        return;
    };
    let gate = world.new_gate(index);
    let (now_ms, batches) = (world.now_ms, world.setting.batches);
    let claim_max = world.setting.claim_max;
    let relay = &mut world.relays[usize::from(index)];
    relay.life += 1;
    relay.up = true;
    let looks = Looks::new(claim_max, now_ms);
    relay.memory =
        Memory { batch_offer: BatchOffer::new(batches), ..Memory::new(member, gate, looks) };
    world.trace.note(now_ms, Happened::Started(index, member));
    world.put_step(index, 0, Step::Beat);
    wakes::plan(world, index, 0);
}

/// Dies on the spot. Another process takes its place after a while.
pub(crate) fn crash(world: &mut World, index: u16, fault: Fault) {
    note_held(world, index, fault);
    world.relays[usize::from(index)].up = false;
    die(world, index);
}

/// Stands still, heartbeat and all, and later goes on as if nothing had been.
pub(crate) fn hang(world: &mut World, index: u16, lasts_ms: u64) {
    note_held(world, index, Fault::Hang);
    let relay = &mut world.relays[usize::from(index)];
    relay.hung_until_ms = relay.hung_until_ms.max(world.now_ms + lasts_ms);
}

/// Renews the heartbeat, and looks whether there is anything to look for.
pub(crate) fn beat(world: &mut World, index: u16) {
    let member = world.relays[usize::from(index)].memory.member;
    let source = Source::Relay(index);
    let renewed = world.transact(source, Moment::Rest, &[], |store| store.renew(member));
    world.put_step(index, BEAT_MS, Step::Beat);
    let Ok(renewed) = renewed else {
        // It may have been the one that saw the clock go back.
        looks(world, index).is_unsure_of_clock = true;
        return;
    };
    if !renewed.member {
        // Was silent for too long and taken for dead.
        let joined = world.transact(source, Moment::Rest, &[], Store::join);
        if let Ok(member) = joined {
            world.relays[usize::from(index)].memory.member = member;
        }
        return;
    }
    let now_ms = world.now_ms;
    looks(world, index).report = looks(world, index).report.renewed(now_ms);
    if renewed.clock_went_back || looks(world, index).is_unsure_of_clock {
        let woken = world.transact(source, Moment::Rest, &[], Store::wake_from_the_future);
        looks(world, index).is_unsure_of_clock = woken.is_err();
    }
    let floor = looks(world, index).schedule.scan_floor().floor();
    let look = |store: &mut Store| store.look_around(member, floor);
    if let Ok(beat) = world.transact(source, Moment::Rest, &[], look) {
        looks(world, index).report = looks(world, index).report.followed_by(beat, now_ms);
        wakes::ask(world, index);
    }
}

fn looks(world: &mut World, index: u16) -> &mut Looks {
    &mut world.relays[usize::from(index)].memory.looks
}

/// Looks for work no more, and gives its calls a moment.
pub(crate) fn stop(world: &mut World, index: u16) {
    note_held(world, index, Fault::Stop);
    world.relays[usize::from(index)].memory.stopping = true;
    world.put_step(index, DRAIN_MS, Step::HandOver);
}

/// Lets go of everything it owns, in doubt, under a new epoch.
pub(crate) fn hand_over(world: &mut World, index: u16) {
    let member = world.relays[usize::from(index)].memory.member;
    let is_flawed = world.is(KnownBad::HandOverIsCertain);
    let held = world.store.lock(
        member,
        |_| false,
        &From::UnacknowledgedClaims { floor: Uuid::nil() },
        usize::MAX,
    );
    let orders: Vec<Uuid> = held.iter().map(|claimed| claimed.loaded.order_id).collect();
    let updates: Vec<SagaUpdate> = held
        .iter()
        .map(|claimed| &claimed.loaded)
        .filter_map(|loaded| {
            if is_flawed { given_up_as_certain(loaded, member) } else { given_up(loaded, member) }
        })
        .collect();
    let source = Source::Relay(index);
    let stored =
        world.transact(source, Moment::Record, &orders, |store| store.store_updates(&updates));
    for stored_update in stored.unwrap_or_default() {
        let order = crate::memory::world::order_of(stored_update.order_id);
        let state = world.state(stored_update.order_id).map_or("absent", StateName::as_str);
        world.trace.note(world.now_ms, Happened::Stored(index, order, "handed over", state));
        if let Some(stored) = updates.iter().find(|one| one.order_id == stored_update.order_id) {
            check_doubt(world, stored);
        }
    }
    // Tasks that are still there go on until the process is gone.
    let delay_ms = world.dice.below(source, Use::Delay, 20);
    world.put_step(index, delay_ms, Step::Leave);
}

/// Takes itself off the list and ends.
pub(crate) fn leave(world: &mut World, index: u16) {
    let member = world.relays[usize::from(index)].memory.member;
    let source = Source::Relay(index);
    // Not left: the others will notice the silence.
    let _ = world.transact(source, Moment::Rest, &[], |store| store.leave(member));
    world.relays[usize::from(index)].up = false;
    die(world, index);
}

fn die(world: &mut World, index: u16) {
    let source = Source::Relay(index);
    let gate = world.new_gate(index);
    let looks = Looks::new(world.setting.claim_max, world.now_ms);
    world.relays[usize::from(index)].memory = Memory::new(0, gate, looks);
    world.relays[usize::from(index)].hung_until_ms = 0;
    world.trace.note(world.now_ms, Happened::Died(index));
    let away_ms = world.dice.between(source, Use::Delay, 20, 3_000);
    world.put(world.now_ms + away_ms, Event::Start(index));
}

/// Counts a fault for every saga the relay holds.
fn note_held(world: &mut World, index: u16, fault: Fault) {
    let slots = world.relays[usize::from(index)].memory.slots.values();
    let held: Vec<(Uuid, Moment)> = slots
        .map(|slot| {
            let moment = match slot.stage {
                SlotStage::Held => Moment::Call,
                SlotStage::Waits(_) => Moment::Wire,
                SlotStage::Ended => Moment::Record,
            };
            (slot.call.loaded.order_id, moment)
        })
        .collect();
    for (order_id, moment) in held {
        world.note_all(fault, moment, &[order_id]);
    }
}
