//! When a relay's schedule is asked next.

use crate::memory::dice::{Source, Use};
use crate::memory::queue::Step;
use crate::memory::relay_state::Memory;
use crate::memory::world::World;

/// Has the loop go on, in so many milliseconds.
pub(super) fn plan(world: &mut World, index: u16, delay_ms: u64) {
    memory(world, index).looks.at_ms = Some(world.now_ms + delay_ms);
    world.put_step(index, delay_ms, Step::Look);
}

/// A hint: there is work.
pub(super) fn hint(world: &mut World, index: u16) {
    memory(world, index).looks.schedule.hint();
    ask(world, index);
}

/// A heartbeat has come, or a hint: a loop that rests asks again.
pub(super) fn ask(world: &mut World, index: u16) {
    if memory(world, index).looks.is_wakeable {
        plan(world, index, 0);
    }
}

/// A hint: some relay hears that there is work.
pub(crate) fn wake_any(world: &mut World, order: u16) {
    let relays = u64::from(world.setting.relays);
    let index = world.dice.below(Source::Order(order), Use::Moment, relays) as u16;
    if world.relays[usize::from(index)].up {
        hint(world, index);
    }
}

/// Goes on after a suspect was driven alone.
pub(super) fn go_on(world: &mut World, index: u16) {
    plan(world, index, 0);
}

fn memory(world: &mut World, index: u16) -> &mut Memory {
    &mut world.relays[usize::from(index)].memory
}
