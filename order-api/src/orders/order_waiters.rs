//! Who waits for which order, and how they learn that it can be answered.
//!
//! The table is the truth and is polled for everybody who waits, all in one query; hints only make
//! it faster. A relay in this process sends the new state itself, so that nobody reads the database
//! on the good path; one in another process only says "look". Nobody waiting: nothing polled.

mod waiters;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schema_orders::sagas::{Settled, find_settled};
use schema_pg::Db;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use self::waiters::{Ticket, Waiters};

/// How often the poller looks whose turn it is.
const TICK: Duration = Duration::from_millis(20);
/// Orders asked for in one query.
const POLLED_MAX: usize = 1_000;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Anything that answers a POST: ended, parked, or queued behind an open breaker.
    Answerable,
    /// Ended or parked: no relay works on it.
    NeedsNoRelay,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct OrderWaiters(Arc<Inner>);

struct Inner {
    waiters: Mutex<Waiters>,
    most: WaitersMax,
    /// Rung when the first waiter comes.
    arrived: Notify,
    /// Rung when somebody else knows that there is something to see.
    look: Arc<Notify>,
}

/// Requests that may wait at once; further ones are answered without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitersMax {
    /// Long polls and POSTs.
    pub(crate) all: usize,
    /// Long polls.
    pub(crate) polls: usize,
}

/// A place in the table; given back when dropped.
pub(crate) struct Waiter {
    table: OrderWaiters,
    ticket: Ticket,
    answerable: oneshot::Receiver<Settled>,
}

impl WaitersMax {
    /// Half of the connections may wait, and long polls leave a part of that to POSTs. What is left, and a quarter for
    /// streams of events, is for requests that are answered at once.
    pub(crate) fn of(connections_max: usize) -> WaitersMax {
        WaitersMax { all: (connections_max / 2).max(1), polls: (connections_max * 3 / 8).max(1) }
    }
}

impl OrderWaiters {
    pub(crate) fn new(most: WaitersMax) -> OrderWaiters {
        let (waiters, arrived, look) = (Mutex::default(), Notify::new(), Arc::default());
        OrderWaiters(Arc::new(Inner { waiters, most, arrived, look }))
    }

    /// Waits for `order_id` from now on: register first and look at the database afterwards, then
    /// nothing can slip through between. `None`: too many wait already.
    pub(crate) fn wait_for(&self, order_id: Uuid, until: Until) -> Option<Waiter> {
        let (sender, answerable) = oneshot::channel();
        let mut waiters = self.waiters();
        let is_full = match until {
            Until::Answerable => false,
            Until::NeedsNoRelay => waiters.polls() >= self.0.most.polls,
        };
        if is_full || waiters.len() >= self.0.most.all {
            return None;
        }
        let was_empty = waiters.len() == 0;
        let ticket = waiters.add(order_id, until, sender, Instant::now());
        drop(waiters);
        if was_empty {
            self.0.arrived.notify_one();
        }
        Some(Waiter { table: self.clone(), ticket, answerable })
    }

    /// Ring it to have everybody looked for at once.
    pub(crate) fn look_now(&self) -> Arc<Notify> {
        self.0.look.clone()
    }

    /// Hands on what a relay in this process tells. Ends with the last sender.
    pub(crate) async fn follow_hints(self, mut hints: Receiver<Arc<[Settled]>>) {
        loop {
            match hints.recv().await {
                Ok(settled) => self.waiters().deliver(settled.iter().cloned()),
                Err(RecvError::Lagged(_)) => self.0.look.notify_one(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Looks into the table for those who wait. Never ends.
    pub(crate) async fn poll(self, db: Db) {
        loop {
            if self.waiters().len() == 0 {
                self.0.arrived.notified().await;
            }
            let due = tokio::select! {
                () = self.0.look.notified() => self.waiters().take_all(Instant::now()),
                () = tokio::time::sleep(TICK) => self.waiters().take_due(Instant::now()),
            };
            for order_ids in due.chunks(POLLED_MAX) {
                self.look_for(&db, order_ids.to_vec()).await;
            }
        }
    }

    async fn look_for(&self, db: &Db, order_ids: Vec<Uuid>) {
        let found = db
            .read(move |connection| {
                Box::pin(async move { find_settled(connection, &order_ids).await })
            })
            .await;
        match found {
            Ok(settled) => self.waiters().deliver(settled),
            // those who wait are polled for again, and answered 202 in time in any case
            Err(error) => tracing::debug!(%error, "cannot look for settled orders just now"),
        }
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The order's new state, or `None` when there was nothing to answer with within `limit`.
    pub(crate) async fn answerable_within(mut self, limit: Duration) -> Option<Settled> {
        tokio::time::timeout(limit, &mut self.answerable).await.ok()?.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.table.waiters().remove(self.ticket);
    }
}

#[cfg(test)]
mod tests;
