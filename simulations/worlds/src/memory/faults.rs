//! What can go wrong, where, and whether it does this time.

use super::dice::{Dice, Source};
use std::collections::BTreeSet;
use std::fmt;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Fault {
    /// A relay dies between two effects and is back later without its memory.
    Crash,
    /// A relay is stopped (SIGSTOP) for longer than its heartbeat, and goes on: a zombie.
    Hang,
    /// A relay is told to stop and hands over.
    Stop,
    /// An order's call crashes its relay, every time.
    Poison,
    /// A commit goes through, and the caller does not learn of it.
    CommitUnanswered,
    /// A transaction is lost before its commit.
    CommitLost,
    /// Postgres is down for a while.
    DatabaseDown,
    /// The database's clock jumps.
    ClockJump,
    /// A request is lost.
    RequestLost,
    /// A request arrives twice, the second time possibly much later.
    RequestDoubled,
    /// A request arrives after its caller has given up.
    RequestLate,
    /// The connection is refused.
    Refused,
    /// Inventory is down for a while.
    InventoryDown,
    /// Inventory asks for patience.
    Throttled,
    /// Inventory fails before it has done anything.
    FailedBefore,
    /// Inventory fails after it has committed.
    FailedAfter,
    /// Something in between answers in inventory's place.
    ProxyPage,
    /// The answer breaks off in its middle.
    AnswerCut,
    /// The answer is lost.
    AnswerLost,
    /// The answer comes after its caller has given up.
    AnswerLate,
    /// Nobody is told that there is work.
    HintLost,
    /// The scan of the work list from its beginning takes long.
    SlowFirstLook,
    /// Inventory fails for every order of one item, and for no other.
    BadItem,
}

impl Fault {
    pub const ALL: [Fault; 23] = [
        Fault::Crash,
        Fault::Hang,
        Fault::Stop,
        Fault::Poison,
        Fault::CommitUnanswered,
        Fault::CommitLost,
        Fault::DatabaseDown,
        Fault::ClockJump,
        Fault::RequestLost,
        Fault::RequestDoubled,
        Fault::RequestLate,
        Fault::Refused,
        Fault::InventoryDown,
        Fault::Throttled,
        Fault::FailedBefore,
        Fault::FailedAfter,
        Fault::ProxyPage,
        Fault::AnswerCut,
        Fault::AnswerLost,
        Fault::AnswerLate,
        Fault::HintLost,
        Fault::SlowFirstLook,
        Fault::BadItem,
    ];

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Crash => "crash",
            Fault::Hang => "hang",
            Fault::Stop => "stop",
            Fault::Poison => "poison",
            Fault::CommitUnanswered => "commit unanswered",
            Fault::CommitLost => "commit lost",
            Fault::DatabaseDown => "database down",
            Fault::ClockJump => "clock jump",
            Fault::RequestLost => "request lost",
            Fault::RequestDoubled => "request doubled",
            Fault::RequestLate => "request late",
            Fault::Refused => "refused",
            Fault::InventoryDown => "inventory down",
            Fault::Throttled => "throttled",
            Fault::FailedBefore => "failed before",
            Fault::FailedAfter => "failed after",
            Fault::ProxyPage => "proxy page",
            Fault::AnswerCut => "answer cut",
            Fault::AnswerLost => "answer lost",
            Fault::AnswerLate => "answer late",
            Fault::HintLost => "hint lost",
            Fault::SlowFirstLook => "slow first look",
            Fault::BadItem => "bad item",
        }
    }
}

/// Where an order stands when a fault hits it: between which two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Moment {
    /// The order is being taken.
    Submit,
    /// Nobody holds it.
    Rest,
    /// It is being claimed.
    Claim,
    /// Its intent is stored, and the call is not out.
    Call,
    /// The call is on its way, at inventory, or on its way back.
    Wire,
    /// The answer is in, and the outcome is not stored.
    Record,
    /// Customer or staff are at it.
    Person,
}

impl Moment {
    pub const ALL: [Moment; 7] = [
        Moment::Submit,
        Moment::Rest,
        Moment::Claim,
        Moment::Call,
        Moment::Wire,
        Moment::Record,
        Moment::Person,
    ];

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Moment::Submit => "submit",
            Moment::Rest => "rest",
            Moment::Claim => "claim",
            Moment::Call => "call",
            Moment::Wire => "wire",
            Moment::Record => "record",
            Moment::Person => "person",
        }
    }
}

/// Names one fault of a seed, so that a shrunken run can leave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultId {
    /// Whose chance decided.
    pub source: Source,
    pub fault: Fault,
    /// The how many-eth opportunity it was.
    pub nth: u64,
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultId { source, fault, nth } = self;
        write!(f, "{} ({source:?}, opportunity {nth})", fault.name())
    }
}

/// Decides whether an opportunity is taken.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    /// In a thousand, by fault.
    pub(super) rates: [u16; Fault::ALL.len()],
    /// Nothing goes wrong any more from here on.
    pub(super) until_ms: u64,
    /// Only these, where a run is shrunk.
    pub(super) only: Option<BTreeSet<FaultId>>,
    /// What went wrong so far.
    pub(super) happened: Vec<FaultId>,
}

impl Faults {
    /// Rolls for a fault at its own rate.
    pub(super) fn roll(
        &mut self,
        dice: &mut Dice,
        now_ms: u64,
        source: Source,
        fault: Fault,
    ) -> bool {
        let rate = u64::from(self.rates[fault as usize]);
        if rate == 0 || now_ms >= self.until_ms {
            return false;
        }
        let rolled = dice.draw(source, fault as u16) % 1_000;
        let nth = dice.count(source, fault as u16);
        rolled < rate && self.take(FaultId { source, fault, nth })
    }

    /// A fault that was planned; it happens unless the run is shrunk.
    pub(super) fn take(&mut self, id: FaultId) -> bool {
        if self.only.as_ref().is_some_and(|only| !only.contains(&id)) {
            return false;
        }
        self.happened.push(id);
        true
    }
}
