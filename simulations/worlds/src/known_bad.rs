//! Planted flaws. Each is a mistake that somebody has made or could make, in one sentence. A tier that does
//! not find one of them is itself broken; which invariant has to find it, each tier says for itself.

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
    /// Tombstones are removed when they are old, and nothing stands for them.
    TombstonesForgotten,
    /// Releasing twice gives back twice.
    ReleaseGivesBackTwice,
    /// Of several lines, those in stock are taken although one is not.
    TakesWhatIsThere,
    /// Stock is looked at in one transaction and taken in the next.
    StockCheckedBeforeLock,
    /// Inventory ignores the epoch.
    NoFenceInInventory,
    /// Outcomes are stored whatever version and epoch the saga has by now.
    NoFenceInOrders,
    /// A take-over goes on with the epoch of the holder before.
    ClaimKeepsEpoch,
    /// A cancellation does not fence the relay at work.
    CancelKeepsEpoch,
    /// A cancellation reads the state, and writes later whatever happened meanwhile.
    CancelIgnoresVersion,
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
    /// New orders are read by a cursor that never goes back.
    OutboxReadByCursor,
    /// The call is made before its intent is recorded.
    CallBeforeIntent,
    /// A timeout is taken for a no.
    TimeoutIsFailure,
    /// A timeout is taken for "not executed".
    TimeoutIsNotExecuted,
    /// Every attempt mints a reservation id of its own.
    NewReservationIdPerAttempt,
    /// Compensation looks whether the reservation exists, and is content with a 404.
    LookInsteadOfRelease,
    /// A release that keeps failing is written down as done.
    ReleaseGivenUp,
    /// A proxy's error page is taken for inventory's no.
    ContractErrorIsFailure,
    /// "Out of stock" is retried.
    RejectionRetried,
    /// A claim whose commit got no answer is never looked at again by its owner.
    UnknownClaimForgotten,
    /// An outcome whose commit got no answer is written again unseen.
    UnknownRecordReapplied,
    /// An answer is matched to a call by its order alone, and only its status is read.
    AnswersMatchedByOrder,
    /// A relay that hands over says that its calls were not executed.
    HandOverIsCertain,
    /// Nobody takes over from a relay that fell silent.
    NobodyTakesOver,
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
    /// Crashes are not counted at claim, so that a poison message goes round for ever.
    PoisonNotCounted,
    /// Retries are made without asking the budget.
    RetriesWithoutBudget,
    /// A cancellation is done at once, without a release.
    CancelWithoutRelease,
    /// An order whose deadline has passed fails without a release.
    DeadlineWithoutRelease,
    /// Staff's retry of a saga in doubt mints a new reservation id.
    RetryOfParkedMintsNewId,
    /// A saga ends as soon as staff sees no stock held for it, without a release.
    AbsenceIsEvidence,
    /// Staff's retry adds an outbox message where there is one.
    RetryAddsMessage,
    /// What was put off is not written into the journal.
    JournalLosesRows,
    /// Waiting for the breaker forgets that an earlier call's outcome is unknown.
    DoubtForgotten,
    /// An older relay fails a saga whose state it does not know.
    OldRelayFailsUnknownState,
    /// An older relay drops the outbox message of a saga whose state it does not know.
    OldRelayDropsUnknownState,
    /// Reads may be answered by a copy that lags behind.
    ReadsFromLaggingCopy,
    /// A relay takes every "done" for that of a release.
    DirectionForgotten,
    /// A drain that has nothing to wake is never over, and holds up what comes to wait later.
    EmptyDrainStays,
    /// Where the work list begins only ever moves forwards: an older id that is committed later is passed.
    FloorPassesAnOlderId,
    /// When the database's clock goes back, what waits waits as much longer.
    FutureIsWaitedFor,
    /// The probes of a half-open breaker go to the backlog, which offers the same failing orders again and again.
    ProbesFromTheBacklog,
}

impl KnownBad {
    /// Every planted flaw.
    pub const ALL: [KnownBad; 55] = [
        KnownBad::ReserveWithoutKey,
        KnownBad::RejectionNotStored,
        KnownBad::ReleaseWithoutTombstone,
        KnownBad::TombstoneRemovedOnContact,
        KnownBad::TombstonesForgotten,
        KnownBad::ReleaseGivesBackTwice,
        KnownBad::TakesWhatIsThere,
        KnownBad::StockCheckedBeforeLock,
        KnownBad::NoFenceInInventory,
        KnownBad::NoFenceInOrders,
        KnownBad::ClaimKeepsEpoch,
        KnownBad::CancelKeepsEpoch,
        KnownBad::CancelIgnoresVersion,
        KnownBad::OutboxRemovedAtClaim,
        KnownBad::OutcomeInTwoTransactions,
        KnownBad::OrderAndOutboxInTwoTransactions,
        KnownBad::AnsweredBeforeCommit,
        KnownBad::KeyOutsideTransaction,
        KnownBad::QueueNobodyReads,
        KnownBad::OutboxReadByCursor,
        KnownBad::CallBeforeIntent,
        KnownBad::TimeoutIsFailure,
        KnownBad::TimeoutIsNotExecuted,
        KnownBad::NewReservationIdPerAttempt,
        KnownBad::LookInsteadOfRelease,
        KnownBad::ReleaseGivenUp,
        KnownBad::ContractErrorIsFailure,
        KnownBad::RejectionRetried,
        KnownBad::UnknownClaimForgotten,
        KnownBad::UnknownRecordReapplied,
        KnownBad::AnswersMatchedByOrder,
        KnownBad::HandOverIsCertain,
        KnownBad::NobodyTakesOver,
        KnownBad::HalfOpenUnlimited,
        KnownBad::BusinessNoOpensBreaker,
        KnownBad::OpenBreakerBurnsAttempts,
        KnownBad::LateResultCounts,
        KnownBad::PermitLostOnCrash,
        KnownBad::PoisonNotCounted,
        KnownBad::RetriesWithoutBudget,
        KnownBad::CancelWithoutRelease,
        KnownBad::DeadlineWithoutRelease,
        KnownBad::RetryOfParkedMintsNewId,
        KnownBad::AbsenceIsEvidence,
        KnownBad::RetryAddsMessage,
        KnownBad::JournalLosesRows,
        KnownBad::DoubtForgotten,
        KnownBad::OldRelayFailsUnknownState,
        KnownBad::OldRelayDropsUnknownState,
        KnownBad::ReadsFromLaggingCopy,
        KnownBad::DirectionForgotten,
        KnownBad::EmptyDrainStays,
        KnownBad::FloorPassesAnOlderId,
        KnownBad::FutureIsWaitedFor,
        KnownBad::ProbesFromTheBacklog,
    ];
}
