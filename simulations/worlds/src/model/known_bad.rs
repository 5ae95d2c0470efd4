//! Planted flaws. Each is a mistake that somebody has made or could make, in one sentence, with the
//! smallest world that shows it. A search that does not find one of them is itself broken.

mod smallest_world;

use super::invariants::Invariant;

/// A planted flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KnownBad {
    /// A reserve whose reservation is held takes stock again.
    ReserveWithoutKey,
    /// A rejection is answered and not stored, so that a late duplicate may be granted.
    RejectionNotStored,
    /// Releasing an unknown reservation leaves nothing behind.
    ReleaseWithoutTombstone,
    /// A tombstone refuses one late reserve and is then taken for done with.
    TombstoneRemovedOnContact,
    /// Releasing twice gives back twice.
    ReleaseGivesBackTwice,
    /// Of several lines, those in stock are taken although one is not.
    TakesWhatIsThere,
    /// Stock is looked at in one transaction and taken in the next.
    StockCheckedBeforeLock,
    /// Inventory ignores the epoch.
    NoFenceInInventory,
    /// Writes to the orders database do not ask for their epoch.
    NoFenceInOrders,
    /// A take-over goes on with the epoch of the holder before.
    ClaimKeepsEpoch,
    /// A cancellation does not fence the relay at work.
    CancelKeepsEpoch,
    /// The outbox message is removed when it is claimed.
    OutboxRemovedAtClaim,
    /// The outbox message is removed before the outcome is written, in a transaction of its own.
    OutcomeInTwoTransactions,
    /// Order and outbox message are written in two transactions.
    OrderAndOutboxInTwoTransactions,
    /// The customer is answered before the commit.
    AnsweredBeforeCommit,
    /// The idempotency key is looked up, not constrained.
    KeyOutsideTransaction,
    /// A queued saga loses its outbox message: a queue that nobody reads.
    QueueNobodyReads,
    /// The call is made before its intent is recorded.
    CallBeforeIntent,
    /// A timeout is taken for a no.
    TimeoutIsFailure,
    /// A timeout is taken for "not executed".
    TimeoutIsNotExecuted,
    /// Every attempt mints a reservation id of its own.
    NewReservationIdPerAttempt,
    /// A cancellation reads the state, and writes later whatever happened meanwhile.
    CancelIgnoresVersion,
    /// A cancellation is done at once, without a release.
    CancelWithoutRelease,
    /// An order whose deadline has passed fails without a release.
    DeadlineWithoutRelease,
    /// Compensation looks whether the reservation exists, and is content with a 404.
    LookInsteadOfRelease,
    /// A release that keeps failing is written down as done.
    ReleaseGivenUp,
    /// A proxy's error page is taken for inventory's no.
    ContractErrorIsFailure,
    /// "Out of stock" is retried.
    RejectionRetried,
    /// Crashes are not counted at claim, so that a poison message goes round for ever.
    PoisonNotCounted,
    /// A claim whose commit got no answer is never looked at again by its owner.
    UnknownClaimForgotten,
    /// An outcome whose commit got no answer is written again unseen.
    UnknownRecordReapplied,
    /// An answer is matched to a call by its order alone.
    AnswersMatchedByOrder,
    /// Staff's retry of a saga in doubt mints a new reservation id.
    RetryOfParkedMintsNewId,
    /// A saga ends as soon as staff sees no stock held for it, without a release.
    AbsenceIsEvidence,
    /// Waiting for the breaker forgets that an earlier call's outcome is unknown.
    DoubtForgotten,
    /// An older relay fails a saga whose state it does not know.
    OldRelayFailsUnknownState,
    /// An older relay drops the outbox message of a saga whose state it does not know.
    OldRelayDropsUnknownState,
    /// A half-open breaker admits everybody.
    HalfOpenUnlimited,
    /// "Out of stock" opens the breaker.
    BusinessNoOpensBreaker,
    /// Waiting for the breaker burns attempts.
    OpenBreakerBurnsAttempts,
    /// The result of a call admitted long ago moves the breaker.
    LateResultCounts,
    /// The permit of a call whose relay crashed is never returned.
    PermitLostOnCrash,
    /// Nobody takes over from a relay that fell silent.
    NobodyTakesOver,
    /// A relay that hands over says that its calls were not executed.
    HandOverIsCertain,
    /// A relay takes every "done" for that of a release.
    DirectionForgotten,
}

impl KnownBad {
    /// Every planted flaw.
    pub const ALL: [KnownBad; 45] = [
        KnownBad::ReserveWithoutKey,
        KnownBad::RejectionNotStored,
        KnownBad::ReleaseWithoutTombstone,
        KnownBad::TombstoneRemovedOnContact,
        KnownBad::ReleaseGivesBackTwice,
        KnownBad::TakesWhatIsThere,
        KnownBad::StockCheckedBeforeLock,
        KnownBad::NoFenceInInventory,
        KnownBad::NoFenceInOrders,
        KnownBad::ClaimKeepsEpoch,
        KnownBad::CancelKeepsEpoch,
        KnownBad::OutboxRemovedAtClaim,
        KnownBad::OutcomeInTwoTransactions,
        KnownBad::OrderAndOutboxInTwoTransactions,
        KnownBad::AnsweredBeforeCommit,
        KnownBad::KeyOutsideTransaction,
        KnownBad::QueueNobodyReads,
        KnownBad::CallBeforeIntent,
        KnownBad::TimeoutIsFailure,
        KnownBad::TimeoutIsNotExecuted,
        KnownBad::NewReservationIdPerAttempt,
        KnownBad::CancelIgnoresVersion,
        KnownBad::CancelWithoutRelease,
        KnownBad::DeadlineWithoutRelease,
        KnownBad::LookInsteadOfRelease,
        KnownBad::ReleaseGivenUp,
        KnownBad::ContractErrorIsFailure,
        KnownBad::RejectionRetried,
        KnownBad::PoisonNotCounted,
        KnownBad::UnknownClaimForgotten,
        KnownBad::UnknownRecordReapplied,
        KnownBad::AnswersMatchedByOrder,
        KnownBad::RetryOfParkedMintsNewId,
        KnownBad::AbsenceIsEvidence,
        KnownBad::DoubtForgotten,
        KnownBad::OldRelayFailsUnknownState,
        KnownBad::OldRelayDropsUnknownState,
        KnownBad::HalfOpenUnlimited,
        KnownBad::BusinessNoOpensBreaker,
        KnownBad::OpenBreakerBurnsAttempts,
        KnownBad::LateResultCounts,
        KnownBad::PermitLostOnCrash,
        KnownBad::NobodyTakesOver,
        KnownBad::HandOverIsCertain,
        KnownBad::DirectionForgotten,
    ];

    /// The invariant that it breaks. Others may break as well.
    pub fn breaks(self) -> Invariant {
        match self {
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
        }
    }
}
