//! What must hold in every state, in the words of docs/PROTOCOL.md section 8.

use super::breaker::{PERMITS, Phase};
use super::config::{Config, Feature, ITEMS_MAX};
use super::world::{Cancel, Doubt, Order, Owner, Relay, Row, State, Ticket, World};

/// A rule that a world can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// I1, I9: every acknowledged order exists, and one key makes one order.
    AcknowledgedOnceAndThere,
    /// I2: when nothing can happen any more, everything is settled.
    SettledAtTheEnd,
    /// I3: stock is conserved and never negative.
    StockConserved,
    /// I4: confirmed means exactly one live reservation with exactly the order's lines; failed or
    /// cancelled means none.
    EndMatchesStock,
    /// I5: no write by an epoch older than the newest claim.
    NoWriteByOldEpoch,
    /// I6: no call without a recorded intent.
    NoCallWithoutIntent,
    /// I6: an intent has at most one outcome.
    OneOutcomePerIntent,
    /// I7: a new reservation id only after a definitive outcome of the previous one.
    NewIdOnlyAfterDefinitiveOutcome,
    /// I10: half-open calls in flight never exceed the permits.
    HalfOpenBounded,
    /// I11: nothing goes round in circles.
    NoCircles,
    /// A final state is final, unless staff retries a failed order.
    FinalStatesStay,
    /// A cancellation that was accepted is not followed by a confirmation.
    AcceptedCancelHolds,
    /// A saga that waits and says it is certain holds nothing.
    DoubtIsShown,
    /// A business no never opens the breaker.
    OnlyFailuresOpen,
    /// The result of a call admitted in an earlier generation changes nothing.
    LateResultsChangeNothing,
    /// Waiting for the breaker burns no attempt.
    OpenBreakerBurnsNoAttempt,
    /// The product's machine never meets an event that it calls impossible.
    NothingImpossible,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: [Invariant; 17] = [
        Invariant::AcknowledgedOnceAndThere,
        Invariant::SettledAtTheEnd,
        Invariant::StockConserved,
        Invariant::EndMatchesStock,
        Invariant::NoWriteByOldEpoch,
        Invariant::NoCallWithoutIntent,
        Invariant::OneOutcomePerIntent,
        Invariant::NewIdOnlyAfterDefinitiveOutcome,
        Invariant::HalfOpenBounded,
        Invariant::NoCircles,
        Invariant::FinalStatesStay,
        Invariant::AcceptedCancelHolds,
        Invariant::DoubtIsShown,
        Invariant::OnlyFailuresOpen,
        Invariant::LateResultsChangeNothing,
        Invariant::OpenBreakerBurnsNoAttempt,
        Invariant::NothingImpossible,
    ];

    /// Its number in docs/PROTOCOL.md and what it says.
    pub fn name(self) -> &'static str {
        match self {
            Invariant::AcknowledgedOnceAndThere => "I1, I9 acknowledged orders exist, once per key",
            Invariant::SettledAtTheEnd => "I2 at the end everything is settled",
            Invariant::StockConserved => "I3 stock is conserved",
            Invariant::EndMatchesStock => "I4 the end matches the stock",
            Invariant::NoWriteByOldEpoch => "I5 no write by an old epoch",
            Invariant::NoCallWithoutIntent => "I6 no call without an intent",
            Invariant::OneOutcomePerIntent => "I6 one outcome per intent",
            Invariant::NewIdOnlyAfterDefinitiveOutcome => {
                "I7 a new id only after a definitive outcome"
            }
            Invariant::HalfOpenBounded => "I10 half-open calls within permits",
            Invariant::NoCircles => "I11 nothing goes round in circles",
            Invariant::FinalStatesStay => "final states stay",
            Invariant::AcceptedCancelHolds => "an accepted cancellation holds",
            Invariant::DoubtIsShown => "doubt is shown",
            Invariant::OnlyFailuresOpen => "only failures open the breaker",
            Invariant::LateResultsChangeNothing => "late results change nothing",
            Invariant::OpenBreakerBurnsNoAttempt => "an open breaker burns no attempt",
            Invariant::NothingImpossible => "nothing impossible happens",
        }
    }

    /// Whether it holds. `stuck` says that nothing can happen any more.
    pub(super) fn holds(self, config: &Config, world: &World, stuck: impl Fn() -> bool) -> bool {
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
pub(super) fn half_open_calls(world: &World) -> usize {
    let now = match world.breaker.phase {
        Phase::HalfOpen { .. } => Ticket { generation: world.breaker.generation, probe: true },
        Phase::Closed | Phase::Open => return 0,
    };
    let calling = |relay: &&Relay| matches!(relay, Relay::Calling(_, ticket) if *ticket == now);
    world.relays.iter().filter(calling).count()
}
