//! What happens in a world, one event after the other.

use super::dice::{Source, Use};
use super::faults::Fault;
use super::invariants::Invariant;
use super::queue::{Event, Step};
use super::relay_state::{Looks, Memory, Relay};
use super::trace::Happened;
use super::world::{SETTLED_WITHIN_MS, World, is_open};
use super::{customer, network, planned, relay, staff};

/// Everybody who acts in it gets a first moment.
pub(super) fn begin(world: &mut World) {
    for index in 0..world.setting.relays {
        let gate = world.new_gate(index);
        let memory = Memory::new(0, gate, Looks::new(world.setting.claim_max, 0));
        world.relays.push(Relay { life: 0, up: false, hung_until_ms: 0, memory });
        let at_ms = world.dice.below(Source::Relay(index), Use::Delay, 100);
        world.put(at_ms, Event::Start(index));
    }
    customer::arrive(world);
    staff::plan(world);
    planned::plan(world);
}

/// Lets everything happen until the world is at rest, or its time is over.
pub(super) fn run(world: &mut World) {
    while !is_at_rest(world) {
        let Some((at_ms, event)) = world.queue.take() else { return };
        if world.now_ms < world.setting.faults.until_ms && at_ms >= world.setting.faults.until_ms {
            world.trace.note(world.setting.faults.until_ms, Happened::FaultsEnd);
        }
        world.now_ms = world.now_ms.max(at_ms);
        if world.now_ms > ends_at_ms(world) {
            world.broken.push((Invariant::SettledInTime, None));
            return;
        }
        world.open -= u32::from(is_open(event));
        world.steps += 1;
        world.tick();
        happen(world, event);
        if !world.broken.is_empty() {
            return;
        }
    }
}

fn ends_at_ms(world: &World) -> u64 {
    world.setting.faults.until_ms + SETTLED_WITHIN_MS
}

/// Nothing is on its way, and nobody has work.
fn is_at_rest(world: &World) -> bool {
    world.open == 0
        && world.store.outbox.is_empty()
        && world.relays.iter().all(|relay| relay.up && relay.memory.slots.is_empty())
}

fn happen(world: &mut World, event: Event) {
    match event {
        Event::Submit(order) => customer::submit(world, order),
        Event::Insert(number) => customer::insert(world, number),
        Event::Cancel(order) => customer::cancel(world, order),
        Event::Read(order) => customer::read(world, order),
        Event::Staff(index) => staff::act(world, index),
        Event::Planned(index) => planned::begin(world, index),
        Event::Restock(index) => planned::restock(world, index),
        Event::Arrive(request, copy) => network::arrive(world, request, copy),
        Event::Start(index) => relay::start(world, index),
        Event::Relay { relay, life, step } => take_step(world, relay, life, step),
    }
    gather_broken(world);
}

/// A relay's step: but it may be dead by now, or hang, or die just here.
fn take_step(world: &mut World, index: u16, life: u32, step: Step) {
    let relay = &world.relays[usize::from(index)];
    if !relay.up || relay.life != life {
        return;
    }
    if relay.hung_until_ms > world.now_ms {
        let at_ms = relay.hung_until_ms;
        world.put(at_ms, Event::Relay { relay: index, life, step });
        return;
    }
    let source = Source::Relay(index);
    if world.roll(source, Fault::Crash) {
        return relay::crash(world, index, Fault::Crash);
    }
    if world.roll(source, Fault::Hang) {
        let lasts_ms = world.dice.between(source, Use::Delay, 50, 6_000);
        relay::hang(world, index, lasts_ms);
        world.put(world.now_ms + lasts_ms, Event::Relay { relay: index, life, step });
        return;
    }
    match step {
        Step::Beat => relay::beat(world, index),
        Step::Look => relay::look(world, index),
        Step::Drive(group) => relay::drive(world, index, group),
        Step::Call(slot) => relay::call(world, index, slot),
        Step::ReceiveAnswer(letter) => relay::receive_answer(world, index, letter),
        Step::GiveUp(request) => relay::give_up(world, index, request),
        Step::Store(flush) => relay::store(world, index, usize::from(flush)),
        Step::Stop => relay::stop(world, index),
        Step::HandOver => relay::hand_over(world, index),
        Step::Leave => relay::leave(world, index),
    }
}

fn gather_broken(world: &mut World) {
    world.broken.append(&mut world.store.broken);
    world.broken.append(&mut world.inventory.broken);
    for relay in &mut world.relays {
        let broken = relay.memory.gate.broken.take();
        world.broken.extend(broken.map(|invariant| (invariant, None)));
    }
}
