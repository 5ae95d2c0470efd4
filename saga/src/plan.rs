//! The steps of an order saga, in order, each paired with its compensation.

/// One step: what is done going forward and what undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The forward action, as the journal and the metrics name it.
    pub action: &'static str,
    /// What undoes it. It must also work, and leave a tombstone, where the action never arrived.
    pub compensation: &'static str,
}

/// An ordered list of steps. Forward runs it left to right, compensation right to left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// At least one step.
    pub steps: &'static [Step],
}

/// What an order does today: one step. State, journal and `transition` count steps, and tests run two of them. Effects
/// do not yet say which step they are for: a second entry here would reserve stock again and then confirm the order. A
/// further step needs effects that name it, an id of its own for its calls, and a client in the relay.
pub const ORDER: Plan =
    Plan { steps: &[Step { action: "reserve_stock", compensation: "release_stock" }] };

impl Plan {
    /// The step after `step`, or `None` where `step` is the last one.
    pub fn after(&self, step: u16) -> Option<u16> {
        let next = step + 1;
        (usize::from(next) < self.steps.len()).then_some(next)
    }
}
