//! How a pool is opened, and what its sessions are told.
//!
//! Time limits are settings of the session, never timers around a query. They are sent after connecting (`session`),
//! not as start-up options, so that they hold through a session-mode pooler too.

mod addresses;
mod error;
mod session;
mod url;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgPool, Row};
use tokio::time::timeout;

use crate::silence::Patience;

pub(crate) use addresses::{Addresses, SEEK_AFTER};
pub use error::ConnectError;
pub use session::Unusable;

/// A pooler that lets a question wait for longer has no session for it.
const POOLER_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// What a service wants from its pool. Everything has a bound.
#[derive(Clone)]
pub struct PoolConfig {
    /// `postgres://user[:password]@host[:port][,host[:port]…]/database[?parameters]`
    pub url: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
    /// Connections at most.
    pub connections_max: u32,
    /// A statement that runs longer is cancelled by the server.
    pub statement_timeout_ms: u32,
    /// A lock not granted within this is an error (55P03), not a wait.
    pub lock_timeout_ms: u32,
    /// The server closes a session that leaves its transaction idle for longer.
    pub idle_in_transaction_timeout_ms: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout_ms: u32,
    /// How prepared statements are planned.
    pub plans: Plans,
}

/// How the server plans prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// As it sees fit: mostly anew for each execution, where parameters make a difference.
    Adaptive,
    /// Once per connection, and only as look-ups by an index: for statements that touch a bounded number
    /// of rows. A plan that was made while a table was empty must not read all of it when it is not.
    Lookups,
    /// The same, and read only in the order of an index, no further than the limit: nothing is collected or sorted. For
    /// lists of any length.
    OrderedLookups,
}

impl PoolConfig {
    /// The house defaults: 2 s per statement, 1 s per lock, 5 s idle in transaction, 3 s to acquire.
    pub fn new(url: impl Into<String>, application_name: &'static str) -> Self {
        Self {
            url: url.into(),
            application_name,
            connections_max: 10,
            statement_timeout_ms: 2_000,
            lock_timeout_ms: 1_000,
            idle_in_transaction_timeout_ms: 5_000,
            acquire_timeout_ms: 3_000,
            plans: Plans::Adaptive,
        }
    }

    /// The URL as it may be shown: without its password.
    pub fn redacted_url(&self) -> String {
        url::redact(&self.url)
    }

    pub(crate) fn addresses(&self) -> Result<Addresses, ConnectError> {
        let each = url::parse(&self.url, self.application_name)
            .map_err(|why| ConnectError::WrongUrl { url: self.redacted_url(), why })?;
        Ok(Addresses::new(each, session::greeting(self)))
    }
}

/// Opens plain connections, so that the first failure is told as it is (a pool retries in silence), and answers which
/// address takes writes.
pub(crate) async fn probe(addresses: &Addresses) -> Result<PgConnectOptions, ConnectError> {
    let (options, mut first) = addresses.find().await?;
    let mut second = addresses::open_usable(options, &addresses.greeting).await?;
    let looking = session::is_pooled_by_transaction(&mut first, &mut second);
    let is_pooled = timeout(POOLER_ANSWERS_WITHIN, looking).await;
    let is_pooled = is_pooled.map_err(|_| ConnectError::silent(options))?;
    if is_pooled.map_err(|error| error::explain(options, error))? {
        let why = Unusable::PooledByTransaction;
        return Err(ConnectError::Unusable { address: error::address_of(options), why });
    }
    // The probes have done their work; how the goodbye goes is of no interest.
    let _ = (first.close().await, second.close().await);
    Ok(options.clone())
}

pub(crate) fn open(
    config: &PoolConfig,
    options: PgConnectOptions,
    addresses: &Arc<Addresses>,
    patience: &Patience,
) -> PgPool {
    let (patience, guarding) = (patience.clone(), patience.clone());
    let greeting = Arc::clone(addresses);
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms.into()))
        .after_connect(move |connection, _| {
            let addresses = Arc::clone(&greeting);
            Box::pin(async move {
                let found = session::greet(connection, &addresses.greeting).await?;
                addresses.note(found);
                if found.is_none()
                    && let Some(timeline) = session::timeline(connection).await
                {
                    addresses.note_timeline(timeline);
                }
                found.map_or(Ok(()), |why| Err(sqlx::Error::Configuration(Box::new(why))))
            })
        })
        // `Db` finds a dead connection by its `begin`, which a ping per acquire would only double.
        .test_before_acquire(false)
        // One that was open when the server fell silent, or when it turned read-only, is a suspect: closed, not used.
        .before_acquire(move |_, about| {
            let is_trusted = patience.trusts(about.age);
            Box::pin(async move { Ok(is_trusted) })
        })
        // A connection that is inside a transaction when it comes back is closed, never reused:
        // whoever got it next would be answered "ok" for writes that are rolled back later. So is one whose server
        // takes no writes any more (a failover left it behind), with all that were opened before. It costs one round
        // trip per unit of work (about 40 us on loopback), after the answer has left.
        .after_release(move |connection, _| {
            let patience = guarding.clone();
            Box::pin(async move {
                let Ok(row) = connection.fetch_one(GUARD).await else { return Ok(false) };
                let (is_idle, is_read_only): (bool, bool) = (row.get(0), row.get(1));
                if is_read_only {
                    patience.distrust();
                }
                Ok(is_idle && !is_read_only)
            })
        })
        .connect_lazy_with(options)
}

const GUARD: &str =
    "select now() = statement_timestamp(), current_setting('transaction_read_only')::boolean";

#[cfg(test)]
mod tests;
