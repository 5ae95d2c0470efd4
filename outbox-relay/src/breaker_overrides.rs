//! Staff's overrides of the breaker, as the heartbeat brings them: each is applied once.
//!
//! An override that was there before this relay is applied only where it isolates. To close a breaker that
//! has just been made would undo what it has found out by itself since.

use std::sync::Arc;

use schema_orders::breaker_overrides::OverrideVersion;

use crate::gate::Gate;

/// Applies overrides to a gate, and knows which it applied last.
#[derive(Debug)]
pub struct BreakerOverrides {
    gate: Arc<Gate>,
    newest: Option<i64>,
}

/// What an override has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Calls may go out again: there is work to look for.
    Closed,
    /// No further calls.
    Isolated,
    /// Nothing new.
    Nothing,
}

impl BreakerOverrides {
    /// Nothing has been applied yet.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, newest: None }
    }

    /// Applies what is new.
    pub fn apply(&mut self, newest: Option<OverrideVersion>) -> Applied {
        let is_first = self.newest.is_none();
        let Some(OverrideVersion { number, isolated }) = newest else {
            self.newest.get_or_insert(0);
            return Applied::Nothing;
        };
        if self.newest.replace(number).is_some_and(|newest| number <= newest) {
            return Applied::Nothing;
        }
        if isolated {
            self.gate.isolate();
            Applied::Isolated
        } else if is_first {
            Applied::Nothing
        } else {
            self.gate.close();
            Applied::Closed
        }
    }
}

#[cfg(test)]
mod tests;
