//! The orders database: tier 1's tables, behind a link that may be cut, with commits that may be lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::memory::KnownBad;
use crate::memory::store::Store;

use crate::memory::dice::Stream;

/// When the database's clock says the world begins: 2026-01-01.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// A transaction that failed, or whose outcome its caller does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unanswered;

/// Shared by everybody. Cheap to clone.
#[derive(Clone)]
pub(super) struct Database(Arc<Mutex<Inner>>);

struct Inner {
    store: Store,
    dice: Stream,
    faulty: bool,
    /// Until when each relay cannot reach it, in milliseconds of simulated time.
    cut_until_ms: BTreeMap<String, u64>,
    lost: u32,
    unanswered: u32,
}

impl Database {
    pub(super) fn new(seed: u64, known_bad: Option<KnownBad>) -> Database {
        Database(Arc::new(Mutex::new(Inner {
            store: Store { known_bad, now_ms: BEGIN_MS, ..Store::default() },
            dice: Stream::new(seed, 1),
            faulty: true,
            cut_until_ms: BTreeMap::new(),
            lost: 0,
            unanswered: 0,
        })))
    }

    /// One transaction, of a relay. Waits while the relay is cut off.
    pub(super) async fn transact<T>(
        &self,
        relay: &str,
        transaction: impl FnOnce(&mut Store) -> T,
    ) -> Result<T, Unanswered> {
        let takes = self.lock().dice.between(0, 4);
        tokio::time::sleep(Duration::from_millis(takes)).await;
        while self.is_cut_off(relay) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut inner = self.lock();
        if inner.faulty && inner.dice.percent(2) {
            inner.lost += 1;
            return Err(Unanswered);
        }
        let done = inner.at_once(transaction);
        if inner.faulty && inner.dice.percent(2) {
            inner.unanswered += 1;
            return Err(Unanswered);
        }
        Ok(done)
    }

    /// One transaction, of whoever looks on: nothing goes wrong.
    pub(super) fn look<T>(&self, transaction: impl FnOnce(&mut Store) -> T) -> T {
        self.lock().at_once(transaction)
    }

    /// A relay does not reach it until then. What it was about to do, it does afterwards.
    pub(super) fn cut_off(&self, relay: &str, until_ms: u64) {
        self.lock().cut_until_ms.insert(relay.to_owned(), until_ms);
    }

    /// From here on it is as good as a database can be.
    pub(super) fn heal(&self) {
        let mut inner = self.lock();
        inner.faulty = false;
        inner.cut_until_ms.clear();
    }

    /// Commits that were lost, and commits that got no answer.
    pub(super) fn faults(&self) -> (u32, u32) {
        let inner = self.lock();
        (inner.lost, inner.unanswered)
    }

    fn is_cut_off(&self, relay: &str) -> bool {
        self.lock().cut_until_ms.get(relay).is_some_and(|&until_ms| now_ms() < until_ms)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Inner {
    fn at_once<T>(&mut self, transaction: impl FnOnce(&mut Store) -> T) -> T {
        self.store.now_ms = BEGIN_MS + now_ms() as i64;
        transaction(&mut self.store)
    }
}

/// Simulated time, in milliseconds: 0 before the first step.
pub(super) fn now_ms() -> u64 {
    turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_millis() as u64)
}
