//! What a replica remembers of the gremlin: whether it is on, what it does, and what it has done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use schema_inventory::gremlin::{self, Done};
use schema_pg::{Db, DbError};
use serde_json::Value;

use super::settings::Settings;
use crate::metrics;

/// How long it may take until a replica learns that another one switched the gremlin on.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Watch(Arc<Inner>);

struct Inner {
    db: Db,
    /// The one thing read while it is off.
    is_on: AtomicBool,
    told: RwLock<Option<Arc<Told>>>,
    account: Mutex<Account>,
}

/// What the gremlin was told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) version: i64,
    pub(super) settings: Settings,
}

/// What was done under a version and is not yet in the database.
#[derive(Default)]
struct Account {
    version: i64,
    done: Done,
}

/// A call's number, and what the gremlin does at this moment.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) call: u64,
    pub(super) told: Arc<Told>,
}

impl Watch {
    pub(super) fn new(db: Db) -> Watch {
        let (is_on, told, account) = Default::default();
        Watch(Arc::new(Inner { db, is_on, told, account }))
    }

    pub(super) fn db(&self) -> &Db {
        &self.0.db
    }

    /// What it does; `None` when it is off, as far as is known here.
    pub(super) fn told(&self) -> Option<Arc<Told>> {
        if !self.0.is_on.load(Ordering::Relaxed) {
            return None;
        }
        self.0.told.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the row, again and again.
    pub(super) async fn keep(&self) {
        let mut due = tokio::time::interval(LOOK_EVERY);
        loop {
            due.tick().await;
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "the gremlin's row could not be read");
            }
        }
    }

    /// Brings this replica up to date; answers the row.
    pub(super) async fn look(&self) -> Result<Option<gremlin::Gremlin>, DbError> {
        self.settle().await?;
        let row = self.0.db.read(|connection| Box::pin(gremlin::find(connection))).await?;
        match &row {
            Some(row) if row.left_ms > 0 => drop(self.learn(row.version, &row.settings)),
            Some(_) | None => self.forget(),
        }
        Ok(row)
    }

    /// The next numbers, for so many calls; none where it is off or the database does not answer.
    pub(super) async fn number(&self, calls: usize) -> Vec<Option<Numbered>> {
        let count = calls as i64;
        let drawn: Result<_, DbError> =
            self.0.db.read(move |connection| Box::pin(gremlin::draw(connection, count))).await;
        let told = match &drawn {
            Ok(Some(draw)) => self.learn(draw.version, &draw.settings),
            Ok(None) => {
                self.forget();
                None
            }
            Err(error) => {
                tracing::debug!(%error, "calls got no numbers and are left alone");
                None
            }
        };
        let (Ok(Some(draw)), Some(told)) = (drawn, told) else { return vec![None; calls] };
        let first = draw.first.unsigned_abs();
        (first..).take(calls).map(|call| Some(Numbered { call, told: told.clone() })).collect()
    }

    /// Adds to the account.
    pub(super) fn note(&self, version: i64, add: impl FnOnce(&mut Done)) {
        let mut account = self.0.account.lock().unwrap_or_else(PoisonError::into_inner);
        if account.version != version {
            *account = Account { version, done: Done::default() };
        }
        add(&mut account.done);
    }

    async fn settle(&self) -> Result<(), DbError> {
        let (version, done) = {
            let mut account = self.0.account.lock().unwrap_or_else(PoisonError::into_inner);
            (account.version, std::mem::take(&mut account.done))
        };
        if done == Done::default() {
            return Ok(());
        }
        let db = &self.0.db;
        db.read(move |connection| Box::pin(gremlin::add_done(connection, version, done))).await
    }

    /// `None`: it was told something this binary does not understand, and does nothing.
    fn learn(&self, version: i64, settings: &Value) -> Option<Arc<Told>> {
        let known = self.0.told.read().unwrap_or_else(PoisonError::into_inner).clone();
        let told = match known.filter(|known| known.version == version) {
            Some(known) => known,
            None => match serde_json::from_value(settings.clone()) {
                Ok(settings) => Arc::new(Told { version, settings }),
                Err(error) => {
                    tracing::warn!(%error, "the gremlin was told something unknown");
                    self.forget();
                    return None;
                }
            },
        };
        *self.0.told.write().unwrap_or_else(PoisonError::into_inner) = Some(told.clone());
        self.set_on(true);
        Some(told)
    }

    fn forget(&self) {
        *self.0.told.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.set_on(false);
    }

    fn set_on(&self, is_on: bool) {
        if self.0.is_on.swap(is_on, Ordering::Relaxed) != is_on {
            metrics::show_chaos(is_on);
            tracing::warn!(is_on, "the gremlin was switched");
        }
    }
}
