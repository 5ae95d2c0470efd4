//! When a world breaks an invariant.

use super::Invariant;
use crate::model::config::{Config, Feature, ITEMS_MAX};
use crate::model::world::breaker::{PERMITS, Phase};
use crate::model::world::{Cancel, Doubt, Order, Owner, Relay, Row, State, Ticket, World};

impl Invariant {
    /// Whether it holds. `stuck` says that nothing can happen any more.
    pub(in crate::model) fn holds(
        self,
        config: &Config,
        world: &World,
        stuck: impl Fn() -> bool,
    ) -> bool {
        if world.broken == Some(self) {
            return false;
        }
        let mut orders = world.orders.iter().take(usize::from(config.orders));
        match self {
            Invariant::AcknowledgedOnceAndThere => orders.all(|order| {
                order.copies <= 1 && !(order.acknowledged && order.state == State::Absent)
            }),
            Invariant::SettledAtTheEnd => orders.all(is_settled) || !stuck(),
            Invariant::StockConserved => stock_is_conserved(config, world),
            Invariant::EndMatchesStock => orders.all(|order| end_matches_stock(config, order)),
            Invariant::NewIdOnlyAfterDefinitiveOutcome => {
                orders.all(|order| order.live_reservations() <= 1)
            }
            Invariant::HalfOpenBounded => half_open_calls(world) <= usize::from(PERMITS),
            Invariant::NoCircles => orders.all(|order| order.epoch <= config.epochs_max()),
            Invariant::AcceptedCancelHolds => orders
                .all(|order| order.cancel != Cancel::Accepted || order.state != State::Confirmed),
            // A request that was doubled can be executed after its twin was refused; then nobody knows.
            Invariant::DoubtIsShown => {
                config.has(Feature::Duplicates) || orders.all(says_when_it_doubts)
            }
            Invariant::NoWriteByOldEpoch
            | Invariant::NoCallWithoutIntent
            | Invariant::OneOutcomePerIntent
            | Invariant::FinalStatesStay
            | Invariant::OnlyFailuresOpen
            | Invariant::LateResultsChangeNothing
            | Invariant::OpenBreakerBurnsNoAttempt
            | Invariant::NothingImpossible => true,
        }
    }
}

fn is_settled(order: &Order) -> bool {
    let rests = order.state.is_final() || matches!(order.state, State::Parked { .. });
    order.acknowledged && rests && !order.outbox && order.owner == Owner::Nobody
}

fn stock_is_conserved(config: &Config, world: &World) -> bool {
    (0..ITEMS_MAX).all(|item| {
        let reservations = world.orders.iter().flat_map(|order| order.reservations);
        let taken: i8 = reservations.map(|held| held.taken[item].cast_signed()).sum();
        let opening = config.stock[item].map_or(0, u8::cast_signed);
        world.stock[item] >= 0 && world.stock[item] + taken == opening
    })
}

fn end_matches_stock(config: &Config, order: &Order) -> bool {
    match order.state {
        State::Confirmed => {
            let held = order.reservations[usize::from(order.reservation)];
            let exactly = config.stock.map(|item| u8::from(item.is_some()));
            held.row == Row::Held && held.taken == exactly && order.live_reservations() == 1
        }
        State::Failed | State::Cancelled => order.live_reservations() == 0,
        State::Absent
        | State::Pending
        | State::Reserving { .. }
        | State::Queued { .. }
        | State::Settling
        | State::Releasing { .. }
        | State::Parked { .. } => true,
    }
}

fn says_when_it_doubts(order: &Order) -> bool {
    let certain = matches!(
        order.state,
        State::Pending
            | State::Queued { doubt: Doubt::Certain, .. }
            | State::Parked { doubt: Doubt::Certain, .. }
    );
    !certain || order.live_reservations() == 0
}

/// Probes of the running half-open time whose calls are out.
pub(in crate::model) fn half_open_calls(world: &World) -> usize {
    let now = match world.breaker.phase {
        Phase::HalfOpen { .. } => Ticket { generation: world.breaker.generation, probe: true },
        Phase::Closed | Phase::Open => return 0,
    };
    let calling = |relay: &&Relay| matches!(relay, Relay::Calling(_, ticket) if *ticket == now);
    world.relays.iter().filter(calling).count()
}
