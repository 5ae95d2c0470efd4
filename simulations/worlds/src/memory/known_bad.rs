//! What each planted flaw breaks in tier 1. Each must be found within a few thousand seeds.

pub use crate::known_bad::KnownBad;

use super::invariants::Invariant;

impl KnownBad {
    /// The flaws that are planted in tier 1.
    pub fn in_memory() -> impl Iterator<Item = KnownBad> {
        KnownBad::ALL.into_iter().filter(|flaw| flaw.breaks_in_memory().is_some())
    }

    /// The invariant that it breaks in tier 1, where it is planted there. Others may break as well.
    pub fn breaks_in_memory(self) -> Option<Invariant> {
        let broken = match self {
            // The rule is the product's own code here, or needs two versions of it.
            KnownBad::StockCheckedBeforeLock
            | KnownBad::ReleaseGivenUp
            | KnownBad::OldRelayFailsUnknownState
            | KnownBad::OldRelayDropsUnknownState
            | KnownBad::BusinessNoOpensBreaker
            | KnownBad::OpenBreakerBurnsAttempts
            | KnownBad::LateResultCounts
            | KnownBad::PermitLostOnCrash => return None,
            KnownBad::AnsweredBeforeCommit => Invariant::AcknowledgedExists,
            KnownBad::KeyOutsideTransaction => Invariant::OneOrderPerKey,
            KnownBad::OutboxRemovedAtClaim
            | KnownBad::OutcomeInTwoTransactions
            | KnownBad::OrderAndOutboxInTwoTransactions
            | KnownBad::QueueNobodyReads => Invariant::Settled,
            KnownBad::OutboxReadByCursor
            | KnownBad::RejectionRetried
            | KnownBad::UnknownClaimForgotten
            | KnownBad::NobodyTakesOver
            | KnownBad::EmptyDrainStays
            | KnownBad::FloorPassesAnOlderId
            | KnownBad::FutureIsWaitedFor
            | KnownBad::PoisonNotCounted => Invariant::SettledInTime,
            KnownBad::ReserveWithoutKey
            | KnownBad::TakesWhatIsThere
            | KnownBad::ReleaseGivesBackTwice => Invariant::StockConserved,
            KnownBad::NoFenceInInventory | KnownBad::NoFenceInOrders => {
                Invariant::NoWriteByOldEpoch
            }
            KnownBad::ClaimKeepsEpoch => Invariant::ClaimRaisesEpoch,
            KnownBad::CallBeforeIntent => Invariant::NoCallWithoutIntent,
            KnownBad::NewReservationIdPerAttempt | KnownBad::RetryOfParkedMintsNewId => {
                Invariant::NewIdOnlyAfterDefinitiveOutcome
            }
            KnownBad::HalfOpenUnlimited => Invariant::HalfOpenBounded,
            KnownBad::ProbesFromTheBacklog => Invariant::UntriedProbesFirst,
            KnownBad::RetriesWithoutBudget => Invariant::RetriesBounded,
            KnownBad::CancelIgnoresVersion => Invariant::FinalStatesStay,
            KnownBad::UnknownRecordReapplied => Invariant::OneOutcomePerIntent,
            KnownBad::RetryAddsMessage => Invariant::OneMessage,
            KnownBad::JournalLosesRows => Invariant::JournalDense,
            KnownBad::ReadsFromLaggingCopy => Invariant::ReadsNeverGoBack,
            KnownBad::DirectionForgotten => Invariant::NothingImpossible,
            KnownBad::CancelKeepsEpoch => Invariant::AcceptedCancelHolds,
            KnownBad::TimeoutIsNotExecuted
            | KnownBad::HandOverIsCertain
            | KnownBad::DoubtForgotten => Invariant::DoubtIsShown,
            KnownBad::ReleaseWithoutTombstone
            | KnownBad::TombstoneRemovedOnContact
            | KnownBad::TombstonesForgotten => Invariant::LateReserveChangesNothing,
            KnownBad::RejectionNotStored
            | KnownBad::TimeoutIsFailure
            | KnownBad::LookInsteadOfRelease
            | KnownBad::ContractErrorIsFailure
            | KnownBad::AnswersMatchedByOrder
            | KnownBad::CancelWithoutRelease
            | KnownBad::DeadlineWithoutRelease
            | KnownBad::AbsenceIsEvidence => Invariant::EndMatchesStock,
        };
        Some(broken)
    }
}
