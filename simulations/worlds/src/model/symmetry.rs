//! Relays of one version are alike, and so are orders: worlds that differ only in who is called 0 and
//! who 1 are one world. Searching one of each such family is enough, and up to four times less work.

use super::config::{Config, Feature};
use super::world::{Call, Owner, Relay, World};

/// The representative of the family `world` belongs to: its least member.
pub(super) fn fold(config: &Config, world: World) -> World {
    let swap_relays = config.relays == 2 && !config.has(Feature::TwoVersions);
    let swap_orders = config.orders == 2 && !config.has(Feature::Poison);
    let mut least = world;
    for (relays, orders) in [(true, false), (false, true), (true, true)] {
        if (relays && !swap_relays) || (orders && !swap_orders) {
            continue;
        }
        let other = Swap { relays, orders }.world(&least);
        if other < least {
            least = other;
        }
    }
    least
}

/// Exchanges 0 and 1.
#[derive(Clone, Copy)]
struct Swap {
    relays: bool,
    orders: bool,
}

impl Swap {
    fn world(self, world: &World) -> World {
        let mut swapped = world.clone();
        if self.relays {
            swapped.relays.swap(0, 1);
        }
        if self.orders {
            swapped.orders.swap(0, 1);
        }
        for relay in &mut swapped.relays {
            *relay = match *relay {
                Relay::Idle => Relay::Idle,
                Relay::Holding(call) => Relay::Holding(self.call(call)),
                Relay::Calling(call, ticket) => Relay::Calling(self.call(call), ticket),
                Relay::Ended(call, outcome) => Relay::Ended(self.call(call), outcome),
            };
        }
        for order in &mut swapped.orders {
            order.owner = match order.owner {
                Owner::Nobody => Owner::Nobody,
                Owner::Relay(relay) => Owner::Relay(self.relay(relay)),
                Owner::Stale(relay) => Owner::Stale(self.relay(relay)),
            };
        }
        swapped.network = world.network.map(|call| self.call(call));
        swapped
    }

    fn call(self, call: Call) -> Call {
        let order = if self.orders { 1 - call.order } else { call.order };
        Call { order, relay: self.relay(call.relay), ..call }
    }

    fn relay(self, relay: u8) -> u8 {
        if self.relays { 1 - relay } else { relay }
    }
}
