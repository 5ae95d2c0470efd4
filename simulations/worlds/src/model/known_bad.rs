//! What each planted flaw breaks in tier 0, and the smallest world that shows it.

mod smallest_world;

pub use crate::known_bad::KnownBad;

use super::config::Config;
use super::invariants::Invariant;

impl KnownBad {
    /// The flaws that are planted in tier 0.
    pub fn in_model() -> impl Iterator<Item = KnownBad> {
        KnownBad::ALL.into_iter().filter(|flaw| flaw.breaks_in_model().is_some())
    }

    /// The invariant that it breaks in tier 0, where it is planted there. Others may break as well.
    pub fn breaks_in_model(self) -> Option<Invariant> {
        let broken = match self {
            // About what is not in this tier: retention, ids, a budget, a journal, copies, clocks.
            KnownBad::TombstonesForgotten
            | KnownBad::OutboxReadByCursor
            | KnownBad::RetriesWithoutBudget
            | KnownBad::RetryAddsMessage
            | KnownBad::JournalLosesRows
            | KnownBad::ReadsFromLaggingCopy
            | KnownBad::EmptyDrainStays
            | KnownBad::FloorPassesAnOlderId
            | KnownBad::FutureIsWaitedFor
            | KnownBad::ProbesFromTheBacklog => return None,
            KnownBad::AnsweredBeforeCommit | KnownBad::KeyOutsideTransaction => {
                Invariant::AcknowledgedOnceAndThere
            }
            KnownBad::OutboxRemovedAtClaim
            | KnownBad::OutcomeInTwoTransactions
            | KnownBad::OrderAndOutboxInTwoTransactions
            | KnownBad::QueueNobodyReads
            | KnownBad::UnknownClaimForgotten
            | KnownBad::OldRelayDropsUnknownState
            | KnownBad::PermitLostOnCrash
            | KnownBad::NobodyTakesOver => Invariant::SettledAtTheEnd,
            KnownBad::ReleaseGivesBackTwice | KnownBad::StockCheckedBeforeLock => {
                Invariant::StockConserved
            }
            KnownBad::NoFenceInInventory | KnownBad::NoFenceInOrders => {
                Invariant::NoWriteByOldEpoch
            }
            KnownBad::ClaimKeepsEpoch | KnownBad::CallBeforeIntent => {
                Invariant::NoCallWithoutIntent
            }
            KnownBad::UnknownRecordReapplied => Invariant::OneOutcomePerIntent,
            KnownBad::NewReservationIdPerAttempt | KnownBad::RetryOfParkedMintsNewId => {
                Invariant::NewIdOnlyAfterDefinitiveOutcome
            }
            KnownBad::HalfOpenUnlimited => Invariant::HalfOpenBounded,
            KnownBad::RejectionRetried | KnownBad::PoisonNotCounted => Invariant::NoCircles,
            KnownBad::CancelIgnoresVersion => Invariant::FinalStatesStay,
            KnownBad::CancelKeepsEpoch => Invariant::AcceptedCancelHolds,
            KnownBad::TimeoutIsNotExecuted
            | KnownBad::DoubtForgotten
            | KnownBad::HandOverIsCertain => Invariant::DoubtIsShown,
            KnownBad::BusinessNoOpensBreaker => Invariant::OnlyFailuresOpen,
            KnownBad::LateResultCounts => Invariant::LateResultsChangeNothing,
            KnownBad::OpenBreakerBurnsAttempts => Invariant::OpenBreakerBurnsNoAttempt,
            KnownBad::DirectionForgotten => Invariant::NothingImpossible,
            KnownBad::ReserveWithoutKey
            | KnownBad::RejectionNotStored
            | KnownBad::ReleaseWithoutTombstone
            | KnownBad::TombstoneRemovedOnContact
            | KnownBad::TakesWhatIsThere
            | KnownBad::TimeoutIsFailure
            | KnownBad::CancelWithoutRelease
            | KnownBad::DeadlineWithoutRelease
            | KnownBad::LookInsteadOfRelease
            | KnownBad::ReleaseGivenUp
            | KnownBad::ContractErrorIsFailure
            | KnownBad::AnswersMatchedByOrder
            | KnownBad::AbsenceIsEvidence
            | KnownBad::OldRelayFailsUnknownState => Invariant::EndMatchesStock,
        };
        Some(broken)
    }
}

impl Config {
    /// The invariant that its planted flaw breaks. `None`: nothing is planted.
    pub(super) fn meant_to_break(&self) -> Option<Invariant> {
        self.known_bad.and_then(KnownBad::breaks_in_model)
    }
}
