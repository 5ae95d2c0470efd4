//! What an order service and a relay in one process tell each other: that there is work, that sagas have settled, and
//! which new orders the relay claims with their insert ([`insert_claims`]).
//!
//! A hint makes things fast and never makes them right. It may be lost, late or doubled: whoever
//! listens also polls the tables, which are the truth.

use std::sync::Arc;

use schema_orders::sagas::Settled;
use tokio::sync::{Notify, broadcast};

pub mod insert_claims;

use insert_claims::InsertClaims;

/// Batches of settled sagas a slow listener may fall behind before it is sent back to polling.
const SETTLED_BACKLOG_MAX: usize = 4_096;

/// Shared between the order service and a relay that live in one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hints {
    /// Rung after new outbox messages have been committed.
    pub work: Arc<Notify>,
    /// Sagas that have just been stored in a state that answers a waiting request.
    pub settled: broadcast::Sender<Arc<[Settled]>>,
    /// Where a relay in this process claims new orders with their insert.
    pub insert_claims: InsertClaims,
}

/// Where relays and order services run, which decides how they tell each other to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyScope {
    /// All in this process: they share one [`Hints`].
    ThisProcess,
    /// Others run elsewhere: LISTEN and NOTIFY as well, as a hint only.
    OtherProcesses,
}

impl Hints {
    /// Hints for one process.
    pub fn new() -> Self {
        let (settled, _) = broadcast::channel(SETTLED_BACKLOG_MAX);
        Self { work: Arc::new(Notify::new()), settled, insert_claims: InsertClaims::default() }
    }
}

impl Default for Hints {
    fn default() -> Self {
        Self::new()
    }
}
