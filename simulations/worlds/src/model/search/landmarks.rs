//! What a search must have seen at least once. An invariant that holds everywhere says little when
//! "everywhere" never went near the danger.

use crate::model::config::{Config, Feature};
use crate::model::invariants::half_open_calls;
use crate::model::search::Search;
use crate::model::world::breaker::PERMITS;
use crate::model::world::{Deadline, Doubt, Order, Owner, Relay, Row, State, World};

/// A world that a search must have seen, or it searched too little.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Landmark {
    pub(in crate::model) name: &'static str,
    /// What a configuration needs to get there; `None` for "nothing".
    pub(in crate::model) needs: Option<Feature>,
    pub(in crate::model) reached: fn(&Search, &World) -> bool,
}

/// The landmarks of a configuration.
pub(in crate::model) fn landmarks(config: &Config) -> Vec<Landmark> {
    const fn always(name: &'static str, reached: fn(&Search, &World) -> bool) -> Landmark {
        Landmark { name, needs: None, reached }
    }
    const fn with(
        feature: Feature,
        name: &'static str,
        reached: fn(&Search, &World) -> bool,
    ) -> Landmark {
        Landmark { name, needs: Some(feature), reached }
    }
    fn any(world: &World, what: impl Fn(&Order) -> bool) -> bool {
        world.orders.iter().any(what)
    }
    let all = [
        always("a zombie holds an old epoch", |_, world| {
            let calls = world.relays.iter().filter_map(|relay| relay.call());
            calls.into_iter().any(|call| call.epoch < world.orders[usize::from(call.order)].epoch)
        }),
        always("an order ends after every fault happened", |_, world| {
            world.faults_left == 0 && any(world, |order| order.state.is_final())
        }),
        always("a saga in doubt", |_, world| {
            any(world, |order| matches!(order.state, State::Queued { doubt: Doubt::InDoubt, .. }))
        }),
        with(
            Feature::Cancel,
            "cancelled over a tombstone, the reserve still on its way",
            |_, world| {
                any(world, |order| {
                    order.state == State::Cancelled && order.reservations[0].row == Row::Released
                }) && world.network.distinct().next().is_some()
            },
        ),
        with(Feature::Deadline, "the deadline passed while in doubt", |_, world| {
            any(world, |order| {
                order.deadline == Deadline::Passed
                    && matches!(order.state, State::Releasing { doubt: Doubt::InDoubt, .. })
            })
        }),
        with(Feature::Breaker, "half-open with a probe in flight", |_, world| {
            half_open_calls(world) == usize::from(PERMITS)
        }),
        with(Feature::Proxy, "parked", |_, world| {
            any(world, |order| matches!(order.state, State::Parked { .. }))
        }),
        with(Feature::Poison, "parked", |_, world| {
            any(world, |order| matches!(order.state, State::Parked { .. }))
        }),
        with(Feature::UnknownCommit, "a relay owns what it does not know of", |_, world| {
            any(world, |order| {
                matches!(order.owner, Owner::Relay(relay)
                if world.relays[usize::from(relay)] == Relay::Idle)
            })
        }),
        with(Feature::TwoVersions, "the old relay meets the new state", |_, world| {
            any(world, |order| order.state == State::Settling) && world.relays[1] == Relay::Idle
        }),
    ];
    all.into_iter().filter(|one| one.needs.is_none_or(|feature| config.has(feature))).collect()
}
