//! The smallest world in which each planted flaw shows.

use super::KnownBad;
use crate::model::config::{Config, Feature};

impl KnownBad {
    /// The smallest world that shows it, where it is planted in this tier.
    pub fn world(self) -> Option<Config> {
        use Feature::{Breaker, Cancel, Deadline, Duplicates, Poison, Proxy};
        use Feature::{TwoVersions, UnknownCommit};
        let plain = Config { name: "known bad", ..Config::plain() };
        let two_orders = Config { orders: 2, ..plain };
        let staffed = Config { staff_actions: 1, ..plain };
        let plenty = [Some(2), None];
        let world = match self {
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
            KnownBad::RejectionNotStored => two_orders.with(&[Cancel, Duplicates]),
            KnownBad::ReleaseWithoutTombstone
            | KnownBad::ReleaseGivesBackTwice
            | KnownBad::CancelKeepsEpoch
            | KnownBad::CancelIgnoresVersion
            | KnownBad::CancelWithoutRelease
            | KnownBad::LookInsteadOfRelease
            | KnownBad::ClaimKeepsEpoch
            | KnownBad::AnswersMatchedByOrder => plain.with(&[Cancel, Duplicates]),
            KnownBad::TombstoneRemovedOnContact => {
                Config { faults: 3, ..plain }.with(&[Cancel, Duplicates])
            }
            KnownBad::TakesWhatIsThere => Config { stock: [Some(1), Some(0)], ..plain },
            KnownBad::StockCheckedBeforeLock | KnownBad::QueueNobodyReads => two_orders,
            KnownBad::NoFenceInInventory => plain.with(&[Duplicates]),
            KnownBad::ReleaseGivenUp => Config { faults: 3, ..plain }.with(&[Cancel]),
            KnownBad::DeadlineWithoutRelease => plain.with(&[Deadline]),
            KnownBad::ContractErrorIsFailure => plain.with(&[Proxy]),
            KnownBad::RejectionRetried => Config { stock: [Some(0), None], ..plain },
            KnownBad::PoisonNotCounted => plain.with(&[Poison]),
            KnownBad::UnknownClaimForgotten | KnownBad::UnknownRecordReapplied => {
                plain.with(&[UnknownCommit])
            }
            KnownBad::HandOverIsCertain => plain.with(&[Feature::HandOver]),
            KnownBad::RetryOfParkedMintsNewId => Config { stock: plenty, ..staffed }.with(&[Proxy]),
            KnownBad::AbsenceIsEvidence => staffed.with(&[Proxy, Duplicates]),
            KnownBad::OldRelayFailsUnknownState | KnownBad::OldRelayDropsUnknownState => {
                plain.with(&[TwoVersions])
            }
            KnownBad::HalfOpenUnlimited
            | KnownBad::LateResultCounts
            | KnownBad::DoubtForgotten
            | KnownBad::OpenBreakerBurnsAttempts
            | KnownBad::PermitLostOnCrash => {
                Config { stock: plenty, ..two_orders }.with(&[Breaker])
            }
            KnownBad::BusinessNoOpensBreaker => two_orders.with(&[Breaker]),
            KnownBad::ReserveWithoutKey | KnownBad::NewReservationIdPerAttempt => {
                Config { stock: plenty, ..plain }
            }
            KnownBad::NoFenceInOrders
            | KnownBad::OutboxRemovedAtClaim
            | KnownBad::OutcomeInTwoTransactions
            | KnownBad::OrderAndOutboxInTwoTransactions
            | KnownBad::AnsweredBeforeCommit
            | KnownBad::KeyOutsideTransaction
            | KnownBad::CallBeforeIntent
            | KnownBad::NobodyTakesOver
            | KnownBad::DirectionForgotten
            | KnownBad::TimeoutIsFailure
            | KnownBad::TimeoutIsNotExecuted => plain,
        };
        Some(world.flawed(self))
    }
}
