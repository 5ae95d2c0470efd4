//! What must hold, in the words of docs/PROTOCOL.md section 8; when it is checked, and how.
//!
//! Some rules show in a single write and are watched while a world runs. The rest is checked when the
//! world has come to rest: over the tables, and over the journal of every saga.

mod journal;
mod tables;

pub(crate) use journal::check_journals;
pub(super) use tables::{check_late_reserves, check_tables};
#[cfg(test)]
pub(crate) use tables::{check_sagas, is_conserved};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// I1: every acknowledged order exists.
    AcknowledgedExists,
    /// I1: one order per key.
    OneOrderPerKey,
    /// I2: at rest no saga is unfinished except parked ones, and the outbox is empty.
    Settled,
    /// I2: a saga has one outbox message.
    OneMessage,
    /// I3: stock is conserved.
    StockConserved,
    /// I4: confirmed means exactly one live reservation with exactly the order's lines; failed or
    /// cancelled means none.
    EndMatchesStock,
    /// I4: a late reserve changes nothing.
    LateReserveChangesNothing,
    /// I5: no write by an epoch older than the newest claim.
    NoWriteByOldEpoch,
    /// I5: a claim raises the epoch.
    ClaimRaisesEpoch,
    /// I6: step rows are dense from 1.
    JournalDense,
    /// I6: an intent has at most one outcome.
    OneOutcomePerIntent,
    /// I6: replaying the journal gives the stored state.
    ReplayGivesState,
    /// I6: no call without a recorded intent.
    NoCallWithoutIntent,
    /// I7: a new reservation id only after a definitive outcome.
    NewIdOnlyAfterDefinitiveOutcome,
    /// I9: same key and request, same order, in every answer.
    SameKeySameOrder,
    /// I10: half-open calls in flight within the permits.
    HalfOpenBounded,
    /// I10: retries within the budget.
    RetriesBounded,
    /// I11: after the faults end everything settles in time.
    SettledInTime,
    /// A final state is final, unless staff retries a failed order.
    FinalStatesStay,
    /// A cancellation that was accepted is not followed by a confirmation.
    AcceptedCancelHolds,
    /// A saga that waits and says it is certain holds nothing.
    DoubtIsShown,
    /// Reads of one order never go backwards.
    ReadsNeverGoBack,
    /// The product's machine never meets an event that it calls impossible.
    NothingImpossible,
    /// A half-open breaker asks sagas that were never called before those that failed.
    UntriedProbesFirst,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: [Invariant; 24] = [
        Invariant::AcknowledgedExists,
        Invariant::OneOrderPerKey,
        Invariant::Settled,
        Invariant::OneMessage,
        Invariant::StockConserved,
        Invariant::EndMatchesStock,
        Invariant::LateReserveChangesNothing,
        Invariant::NoWriteByOldEpoch,
        Invariant::ClaimRaisesEpoch,
        Invariant::JournalDense,
        Invariant::OneOutcomePerIntent,
        Invariant::ReplayGivesState,
        Invariant::NoCallWithoutIntent,
        Invariant::NewIdOnlyAfterDefinitiveOutcome,
        Invariant::SameKeySameOrder,
        Invariant::HalfOpenBounded,
        Invariant::RetriesBounded,
        Invariant::SettledInTime,
        Invariant::FinalStatesStay,
        Invariant::AcceptedCancelHolds,
        Invariant::DoubtIsShown,
        Invariant::ReadsNeverGoBack,
        Invariant::NothingImpossible,
        Invariant::UntriedProbesFirst,
    ];

    /// Its number in docs/PROTOCOL.md and what it says.
    pub fn name(self) -> &'static str {
        match self {
            Invariant::AcknowledgedExists => "I1 acknowledged orders exist",
            Invariant::OneOrderPerKey => "I1 one order per key",
            Invariant::Settled => "I2 at rest everything is settled",
            Invariant::OneMessage => "I2 one outbox message per saga",
            Invariant::StockConserved => "I3 stock is conserved",
            Invariant::EndMatchesStock => "I4 the end matches the stock",
            Invariant::LateReserveChangesNothing => "I4 a late reserve changes nothing",
            Invariant::NoWriteByOldEpoch => "I5 no write by an old epoch",
            Invariant::ClaimRaisesEpoch => "I5 a claim raises the epoch",
            Invariant::JournalDense => "I6 step rows are dense",
            Invariant::OneOutcomePerIntent => "I6 one outcome per intent",
            Invariant::ReplayGivesState => "I6 replaying the journal gives the state",
            Invariant::NoCallWithoutIntent => "I6 no call without an intent",
            Invariant::NewIdOnlyAfterDefinitiveOutcome => {
                "I7 a new id only after a definitive outcome"
            }
            Invariant::SameKeySameOrder => "I9 same key, same order",
            Invariant::HalfOpenBounded => "I10 half-open calls within permits",
            Invariant::RetriesBounded => "I10 retries within the budget",
            Invariant::SettledInTime => "I11 everything settles in time",
            Invariant::FinalStatesStay => "final states stay",
            Invariant::AcceptedCancelHolds => "an accepted cancellation holds",
            Invariant::DoubtIsShown => "doubt is shown",
            Invariant::ReadsNeverGoBack => "reads never go back",
            Invariant::NothingImpossible => "nothing impossible happens",
            Invariant::UntriedProbesFirst => "probes ask the untried first",
        }
    }
}
