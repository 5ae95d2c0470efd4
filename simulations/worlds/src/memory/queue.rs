//! What will happen, in order of time. What is due at the same moment comes in the order it was put in.

use super::wire::RequestId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that will happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A customer does what is next.
    Submit(u16),
    /// An order is written.
    Insert(u32),
    /// A customer cancels.
    Cancel(u16),
    /// A customer looks at the order.
    Read(u16),
    Staff(u16),
    /// Something that was planned for this moment.
    Planned(u16),
    Restock(u16),
    /// A request arrives at inventory. The number tells a request from its double.
    Arrive(RequestId, u8),
    /// A relay starts, or starts again.
    Start(u16),
    /// A relay does something. What was meant for an earlier life of it never happens.
    Relay {
        relay: u16,
        life: u32,
        step: Step,
    },
}

/// What a relay does next. Between any two of these it may die or hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Renews its heartbeat.
    Beat,
    /// Does what its schedule says.
    Look,
    /// Begins with what one claim brought.
    Drive(u32),
    /// Makes the next call of one saga.
    Call(u32),
    /// Hears an answer. The number finds it.
    ReceiveAnswer(u32),
    /// Waits no longer for a request.
    GiveUp(RequestId),
    /// Stores outcomes.
    Store(u8),
    /// Is told to stop.
    Stop,
    /// Lets go of what it still holds.
    HandOver,
    /// Takes itself off the list.
    Leave,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    put: u64,
}

impl Queue {
    pub(super) fn put(&mut self, at_ms: u64, event: Event) {
        self.put += 1;
        self.heap.push(Reverse((at_ms, self.put, event)));
    }

    pub(super) fn take(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at_ms, _, event))| (at_ms, event))
    }
}
