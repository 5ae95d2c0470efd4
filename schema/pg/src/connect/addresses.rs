//! Where the server is: one address, or several of which one takes writes at a time.
//!
//! A pool connects to one of them. When it gets no connection for a while, all are tried, and the first that takes
//! writes is the pool's from then on (libpq's `target_session_attrs=read-write`). Why there is no connection is logged
//! once for each reason: the pool itself would only say that it waited in vain.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

use super::error::{self, ConnectError, address_of};
use super::session::{self, Unusable};

/// A pool that has had nothing to give for so long may be at the wrong address.
pub(crate) const SEEK_AFTER: Duration = Duration::from_millis(300);
/// Between two looks at all addresses; at the only one it is done for the log alone.
const SEEK_EVERY: Duration = Duration::from_millis(250);
const ASK_EVERY: Duration = Duration::from_secs(10);
/// A machine that drops packets is not waited for longer.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Addresses {
    each: Vec<PgConnectOptions>,
    pub(crate) greeting: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sought_at: Option<Instant>,
    /// Why there is no connection, as it was logged last.
    told: Option<String>,
    unusable: Option<Unusable>,
    timeline: Option<i64>,
    /// No address took writes at the last look.
    is_lost: bool,
    /// How often one was found again, or another one.
    recoveries: u64,
}

impl Addresses {
    pub(crate) fn new(each: Vec<PgConnectOptions>, greeting: String) -> Self {
        Self { each, greeting, known: Mutex::default() }
    }

    /// The one to begin with.
    pub(crate) fn first(&self) -> &PgConnectOptions {
        &self.each[0]
    }

    /// The first address that takes writes, with a connection to it.
    pub(crate) async fn find(&self) -> Result<(&PgConnectOptions, PgConnection), ConnectError> {
        let attempts = self.each.iter().map(|options| async move {
            let opening = timeout(ATTEMPT_MAX, open_usable(options, &self.greeting)).await;
            opening.unwrap_or_else(|_| Err(ConnectError::silent(options))).map(|c| (options, c))
        });
        let mut refused = Vec::new();
        let mut found = None;
        for attempt in join_all(attempts).await {
            match attempt {
                Ok(first) if found.is_none() => found = Some(first),
                // Open without need, and closed with its drop.
                Ok(_) => {}
                Err(error) => refused.push(error),
            }
        }
        match found {
            Some(first) => Ok(first),
            None if refused.len() == 1 => Err(refused.remove(0)),
            None => Err(ConnectError::NoneOfSeveral(refused)),
        }
    }

    /// Points the pool to an address that takes writes, and logs what keeps it from getting a connection.
    pub(crate) async fn seek(&self, pool: &PgPool) {
        {
            let mut known = self.known();
            let every = if self.each.len() > 1 || known.is_lost { SEEK_EVERY } else { ASK_EVERY };
            if known.sought_at.is_some_and(|at| at.elapsed() < every) {
                return;
            }
            known.sought_at = Some(Instant::now());
        }
        match self.find().await {
            Ok((options, connection)) => {
                let _ = connection.close().await;
                let (address, before) = (address_of(options), address_of(&pool.connect_options()));
                if address != before {
                    tracing::warn!(
                        "Postgres at {address} is used from now on, instead of {before}"
                    );
                    pool.set_connect_options(options.clone());
                }
                self.found(address != before);
            }
            Err(why) => {
                self.known().is_lost = true;
                self.tell(&why.to_string(), why.unusable());
            }
        }
    }

    /// How often an address was found again, or another one: who waits for a connection asks anew then.
    pub(crate) fn recoveries(&self) -> u64 {
        self.known().recoveries
    }

    fn found(&self, is_another: bool) {
        let mut known = self.known();
        if std::mem::take(&mut known.is_lost) || is_another {
            known.recoveries += 1;
        }
    }

    /// What a new session turned out to be, before anybody uses it.
    pub(crate) fn note(&self, unusable: Option<Unusable>) {
        if let Some(why) = unusable {
            return self.tell(&format!("Postgres cannot be used: {why}"), Some(why));
        }
        self.found(false);
        let mut known = self.known();
        known.unusable = None;
        if known.told.take().is_some() {
            tracing::info!("Postgres can be used again");
        }
    }

    /// The timeline of a new session. Where it is another than before, a standby has taken over, or a server was restored.
    pub(crate) fn note_timeline(&self, timeline: i64) {
        let before = self.known().timeline.replace(timeline);
        if let Some(before) = before.filter(|before| *before != timeline) {
            tracing::warn!(
                timeline,
                before,
                "Postgres is on another timeline: a standby was promoted, or the server was restored. What was committed last may \
                 be gone unless the standby was synchronous; `valerix reconcile` tells whether the databases agree"
            );
            metrics::counter!("database_failovers_total").increment(1);
        }
    }

    /// Why sessions are of no use, if the last attempts found them so.
    pub(crate) fn unusable(&self) -> Option<Unusable> {
        self.known().unusable
    }

    fn tell(&self, why: &str, unusable: Option<Unusable>) {
        let mut known = self.known();
        known.unusable = unusable;
        if known.told.as_deref() != Some(why) {
            tracing::warn!("{why}");
            known.told = Some(why.to_owned());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics while holding the lock")
    }
}

/// A session at this address, if it can be used for work.
pub(super) async fn open_usable(
    options: &PgConnectOptions,
    greeting: &str,
) -> Result<PgConnection, ConnectError> {
    let explain = |error| error::explain(options, error);
    let mut connection = PgConnection::connect_with(options).await.map_err(explain)?;
    match session::greet(&mut connection, greeting).await.map_err(explain)? {
        None => Ok(connection),
        Some(why) => Err(ConnectError::Unusable { address: address_of(options), why }),
    }
}
