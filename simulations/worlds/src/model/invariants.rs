//! What must hold in every state, in the words of docs/PROTOCOL.md section 8.

mod conditions;

pub(super) use conditions::half_open_calls;

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
}
