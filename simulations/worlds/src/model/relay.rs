//! A relay: claim, call, record. Between any two of these it may crash, hang or be taken for dead.

use super::claims;
use super::config::{Config, Feature};
use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::orders;
use super::world::breaker;
use super::world::network::Message;
use super::world::{Call, Kind, Outcome, Relay, Ticket, World};
use saga::Claim;

/// Claims, and holds what it claimed.
pub(super) fn claim(config: &Config, world: &mut World, relay: u8, order: u8, before: Claim) {
    if let Some(call) = claims::claim(config, world, relay, order, before) {
        world.relays[usize::from(relay)] = Relay::Holding(call);
    }
}

/// Makes the call it has recorded the intent of, if the breaker lets it.
pub(super) fn send(config: &Config, world: &mut World, call: Call) {
    let relay = usize::from(call.relay);
    if call.kind == Kind::Settle {
        world.relays[relay] = Relay::Ended(call, Outcome::Done);
        return;
    }
    let ticket = if config.has(Feature::Breaker) {
        world.breaker.acquire(config)
    } else {
        Some(Ticket { generation: 0, probe: false })
    };
    let Some(ticket) = ticket else {
        orders::record_breaker_open(config, world, call);
        world.relays[relay] = Relay::Idle;
        return;
    };
    let row = &world.orders[usize::from(call.order)];
    if row.epoch == call.epoch && !row.intent_open {
        world.breaks(Invariant::NoCallWithoutIntent);
    }
    world.network.send(Message::Request(call));
    world.relays[relay] = Relay::Calling(call, ticket);
}

/// An answer arrives. It counts only for the very call that waits for it.
pub(super) fn receive_answer(config: &Config, world: &mut World, answered: Call, outcome: Outcome) {
    let relay = usize::from(answered.relay);
    let Relay::Calling(call, ticket) = world.relays[relay] else { return };
    let by_order = config.is(KnownBad::AnswersMatchedByOrder) && call.order == answered.order;
    if call == answered || by_order {
        end(config, world, call, ticket, outcome);
    }
}

/// The relay waits no longer: the outcome is unknown.
pub(super) fn time_out(config: &Config, world: &mut World, call: Call, ticket: Ticket) {
    end(config, world, call, ticket, Outcome::Unknown);
}

/// Writes the outcome down and is free again.
pub(super) fn record(config: &Config, world: &mut World, call: Call, outcome: Outcome) {
    orders::record(config, world, call, outcome);
    world.relays[usize::from(call.relay)] = Relay::Idle;
}

/// Loses its memory. What it owned can be taken over.
pub(super) fn crash(config: &Config, world: &mut World, relay: u8) {
    let lost = std::mem::replace(&mut world.relays[usize::from(relay)], Relay::Idle);
    if let Relay::Calling(call, ticket) = lost {
        if config.has(Feature::Breaker) {
            world.breaker.abandon(config, ticket);
        }
        forget_answers(config, world, call);
    }
    orders::forsake(world, relay);
}

fn end(config: &Config, world: &mut World, call: Call, ticket: Ticket, outcome: Outcome) {
    breaker::finish(config, world, ticket, outcome);
    world.relays[usize::from(call.relay)] = Relay::Ended(call, outcome);
    forget_answers(config, world, call);
}

fn forget_answers(config: &Config, world: &mut World, call: Call) {
    if !config.is(KnownBad::AnswersMatchedByOrder) {
        world.network.forget_answers(call);
    }
}
