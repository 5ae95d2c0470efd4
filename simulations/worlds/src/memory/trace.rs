//! What happened, for people, and as one number for comparing runs.

use super::faults::{Fault, FaultId};
use std::fmt;
use std::hash::{Hash, Hasher};

/// One line of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happened {
    /// A customer sent the order; what came of it.
    Submitted(u16, &'static str),
    /// A relay claimed an order's saga: relay, order, epoch, how, state now.
    Claimed(u16, u16, i64, &'static str, &'static str),
    /// A relay made a call: relay, order, which, epoch.
    Called(u16, u16, &'static str, i64),
    /// Inventory executed a call: order, which, epoch, answer.
    Executed(u16, &'static str, i64, u16),
    /// A relay received an answer: relay, order, what it is.
    AnswerReceived(u16, u16, &'static str),
    /// A relay stored an outcome: relay, order, event, state now.
    Stored(u16, u16, &'static str, &'static str),
    /// A relay's outcome was fenced: relay, order.
    Fenced(u16, u16),
    /// A person acted on an order: order, verb, what came of it.
    Acted(u16, &'static str, &'static str),
    /// A relay started: relay, member.
    Started(u16, i64),
    /// A relay is gone: relay.
    Died(u16),
    /// Units came in: item, units.
    Restocked(usize, i64),
    /// Something went wrong.
    Fault(FaultId),
    /// The fault of a request that carried this order too.
    HitToo(u16, Fault),
    /// Nothing goes wrong any more.
    FaultsEnd,
}

/// A line and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    /// Milliseconds since the start.
    pub at_ms: u64,
    pub happened: Happened,
}

/// Everything that happened in a run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub lines: Vec<Line>,
}

impl Trace {
    pub(super) fn note(&mut self, at_ms: u64, happened: Happened) {
        self.lines.push(Line { at_ms, happened });
    }

    /// A number that two runs share only if they are the same run.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = Fnv(0xCBF2_9CE4_8422_2325);
        self.lines.hash(&mut hasher);
        hasher.finish()
    }

    /// The lines of one order, and of what concerns all.
    pub fn of_order(&self, order: u16) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.happened.order().is_none_or(|of| of == order))
    }
}

impl Happened {
    fn order(&self) -> Option<u16> {
        match *self {
            Happened::Submitted(order, ..)
            | Happened::Claimed(_, order, ..)
            | Happened::Called(_, order, ..)
            | Happened::Executed(order, ..)
            | Happened::AnswerReceived(_, order, _)
            | Happened::Stored(_, order, ..)
            | Happened::Fenced(_, order)
            | Happened::HitToo(order, _)
            | Happened::Acted(order, ..) => Some(order),
            Happened::Fault(FaultId { source: super::dice::Source::Order(order), .. }) => {
                Some(order)
            }
            Happened::Started(..)
            | Happened::Died(_)
            | Happened::Restocked(..)
            | Happened::Fault(_)
            | Happened::FaultsEnd => None,
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} s  {}", self.at_ms as f64 / 1_000.0, self.happened)
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happened::Submitted(order, what) => write!(f, "order {order} is submitted: {what}"),
            Happened::Claimed(relay, order, epoch, how, state) => {
                write!(
                    f,
                    "order {order} is claimed by relay {relay} ({how}, epoch {epoch}): {state}"
                )
            }
            Happened::Called(relay, order, what, epoch) => {
                write!(f, "order {order}: relay {relay} calls {what} (epoch {epoch})")
            }
            Happened::Executed(order, what, epoch, status) => {
                write!(f, "order {order}: inventory executes {what} (epoch {epoch}): {status}")
            }
            Happened::AnswerReceived(relay, order, what) => {
                write!(f, "order {order}: relay {relay} receives: {what}")
            }
            Happened::Stored(relay, order, event, state) => {
                write!(f, "order {order}: relay {relay} stores {event}: {state}")
            }
            Happened::Fenced(relay, order) => write!(f, "order {order}: relay {relay} is fenced"),
            Happened::Acted(order, verb, what) => write!(f, "order {order}: {verb}: {what}"),
            Happened::Started(relay, member) => write!(f, "relay {relay} starts as {member}"),
            Happened::Died(relay) => write!(f, "relay {relay} is gone"),
            Happened::Restocked(item, units) => write!(f, "{units} of item-{item} come in"),
            Happened::Fault(id) => write!(f, "    FAULT {id}"),
            Happened::HitToo(order, fault) => write!(f, "order {order}: {} too", fault.name()),
            Happened::FaultsEnd => f.write_str("    nothing goes wrong any more"),
        }
    }
}

/// Fowler, Noll and Vo's hash: the same in every process.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}
