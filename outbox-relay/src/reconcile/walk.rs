//! Which orders are looked at next. Pure.
//!
//! Two walks share a round. One takes the newest orders that have not been looked at; where more come than
//! it may take it leaves the older of them out. The other goes back through the whole history, and so
//! meets what the first one left out; once it is through it rests.

use std::time::Duration;

use schema_orders::reconcile_candidates::PlacedOrder;
use tokio::time::Instant;
use uuid::Uuid;

/// From the beginning of one pass through the history to that of the next.
const PASS_EVERY: Duration = Duration::from_hours(1);

/// Above, below, and how many: the newest of them.
pub(super) type Range = (Uuid, Uuid, usize);

#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The newest order that was looked at.
    newest: Uuid,
    /// The oldest one of the pass that is under way.
    past: Option<Uuid>,
    pass_began: Option<Instant>,
}

impl Walk {
    pub(super) fn is_under_way(&self) -> bool {
        self.past.is_some()
    }

    pub(super) fn newest(&self, orders_max: usize) -> Range {
        (self.newest, Uuid::max(), orders_max)
    }

    /// `page` is what [`Walk::newest`] led to.
    pub(super) fn saw_newest(&mut self, page: &[PlacedOrder]) {
        if let Some(first) = page.first() {
            self.newest = first.order_id;
        }
    }

    /// Begins a pass where it is time to.
    pub(super) fn past(&mut self, orders_max: usize, now: Instant) -> Option<Range> {
        let is_due = self.pass_began.is_none_or(|began| now - began >= PASS_EVERY);
        if self.past.is_none() && is_due && self.newest != Uuid::nil() {
            (self.past, self.pass_began) = (Some(self.newest), Some(now));
        }
        self.past.map(|past| (Uuid::nil(), past, orders_max))
    }

    /// `page` is what [`Walk::past`] led to; an empty one ends the pass.
    pub(super) fn saw_past(&mut self, page: &[PlacedOrder]) {
        self.past = page.last().map(|last| last.order_id);
    }
}

#[cfg(test)]
mod tests;
