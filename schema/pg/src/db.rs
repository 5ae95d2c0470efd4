//! The one door to a database: units of work that no caller can cancel halfway.
//!
//! A unit of work runs in its own spawned task. When its caller goes away (client gone, request
//! timed out) the work goes on to its end, so no half-open transaction ever returns to the pool.
//!
//! A server that says nothing at all any more (packets dropped, a machine that is gone) is not waited for
//! for ever either: see [`crate::silence`].

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tokio::time::timeout;
use tracing::Instrument;

use crate::classify::commit_error;
use crate::connect::{self, Addresses, ConnectError, PoolConfig, SEEK_AFTER, Unusable};
use crate::silence::{Patience, end_given_up, give_back};
use crate::warnings::{heed, heeding, warned};
use crate::{Class, classify};
use failpoints::{Moment, Site};

/// A pool with rules. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) pool: PgPool,
    pub(crate) patience: Patience,
    addresses: Arc<Addresses>,
}

impl Db {
    /// Opens a pool after probing connections, so that what is wrong is said at once and clearly.
    pub async fn connect(config: &PoolConfig) -> Result<Self, ConnectError> {
        let addresses = config.addresses()?;
        let options = Box::pin(connect::probe(&addresses)).await?;
        Ok(Self::open(config, options, addresses))
    }

    /// Opens a pool without touching the server: for services that start before their database.
    pub fn lazy(config: &PoolConfig) -> Result<Self, ConnectError> {
        let addresses = config.addresses()?;
        Ok(Self::open(config, addresses.first().clone(), addresses))
    }

    fn open(config: &PoolConfig, options: PgConnectOptions, addresses: Addresses) -> Self {
        let (patience, addresses) =
            (Patience::new(config.statement_timeout_ms), Arc::new(addresses));
        let pool = connect::open(config, options, &addresses, &patience);
        Self { pool, patience, addresses }
    }

    /// A connection of the pool. Where it has none to give for a while, another address may have. The pool waits longer
    /// from one attempt to the next: where the server is found again meanwhile, it is asked anew.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let mut seen = self.addresses.recoveries();
        let mut acquiring = Box::pin(self.pool.acquire());
        loop {
            let soon = timeout(SEEK_AFTER, &mut acquiring).await;
            if let Ok(Ok(connection)) = soon {
                return Ok(connection);
            }
            let db = self.clone();
            let seeking = tokio::spawn(async move { db.addresses.seek(&db.pool).await });
            if let Ok(refused) = soon {
                // Refused at once. Where there is another address it is tried once more.
                let _ = seeking.await;
                let is_found = self.addresses.recoveries() != seen;
                return if is_found { Box::pin(self.pool.acquire()).await } else { refused };
            }
            if self.addresses.recoveries() != seen {
                seen = self.addresses.recoveries();
                acquiring = Box::pin(self.pool.acquire());
            }
        }
    }

    /// Runs `work` within the time limit: the connection and the result, or an error and a closed connection.
    pub(crate) async fn bounded<T>(
        &self,
        connection: PoolConnection<Postgres>,
        work: impl FnOnce(&mut PgConnection) -> BoxFuture<'_, T>,
    ) -> Result<(PoolConnection<Postgres>, T), sqlx::Error> {
        let ended = self.patience.bounded(connection, work).await;
        if ended.is_err()
            && let Some(longest) = self.patience.ends_given_up()
        {
            let options = (*self.pool.connect_options()).clone();
            tokio::spawn(end_given_up(options, longest));
        }
        ended
    }

    /// Why the server takes no work, where it answers and cannot be used. Names no address.
    pub fn unusable(&self) -> Option<Unusable> {
        self.addresses.unusable()
    }

    /// Runs `work` in one transaction: committed when it answers `Ok`, rolled back on `Err` or panic.
    ///
    /// The work is carried on when the caller is dropped. A panic inside continues in the caller.
    /// When COMMIT itself gets no answer the error says so: see [`crate::is_commit_unknown`]; every
    /// other error means that nothing was written.
    pub async fn transaction<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let db = self.clone();
        let (value, connection) = shielded(async move { db.transact_on(None, work).await }).await?;
        give_back(connection);
        Ok(value)
    }

    /// One transaction, on `first` or on a connection of the pool, which is handed on after a commit.
    pub(crate) async fn transact_on<T, E, F>(
        &self,
        mut first: Option<PoolConnection<Postgres>>,
        mut work: F,
    ) -> Result<(T, PoolConnection<Postgres>), E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let mut tries_left = self.pool.options().get_max_connections();
        loop {
            let connection = match first.take() {
                Some(kept) => kept,
                None => self.acquire().await?,
            };
            let is_committing = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&is_committing);
            let act = self.bounded(connection, |c| begin_and_commit(c, work, told)).await;
            let (connection, ended) = match act {
                Ok(ended) => ended,
                Err(silence) if is_committing.load(Relaxed) => {
                    return Err(commit_error(silence).into());
                }
                Err(silence) => return Err(silence.into()),
            };
            match ended {
                Ok(Ok(value)) => return Ok((value, connection)),
                Ok(Err(error)) => {
                    give_back(connection);
                    return Err(error);
                }
                // Nothing has been executed yet, so trying the next connection is safe: a restarted
                // server kills all that are idle at once.
                Err((dead, again)) if tries_left > 0 && is_dead_connection(&dead) => {
                    give_back(connection);
                    tries_left -= 1;
                    work = again;
                }
                Err((error, _)) => {
                    give_back(connection);
                    return Err(error.into());
                }
            }
        }
    }

    /// [`Db::transaction`] for what a service writes: with failpoints before it, before its commit, and
    /// before anybody hears of it.
    pub async fn write<T, E, F>(&self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        strike(site, Moment::Before).await?;
        let value = self.transaction(then_strike(site, work)).await?;
        strike(site, Moment::After).await.map_err(commit_error)?;
        Ok(value)
    }

    /// [`Db::read`] for a single statement of a service that writes, and commits by itself.
    pub async fn write_one<T, E, F>(&self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        strike(site, Moment::Before).await?;
        let value = self.read(heeding(work)).await?;
        strike(site, Moment::After).await.map_err(commit_error)?;
        Ok(value)
    }

    /// Runs `work` on one connection without a transaction: each statement stands for itself.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let db = self.clone();
        shielded(async move {
            let connection = db.live_connection().await?;
            let (connection, result) = db.bounded(connection, work).await?;
            give_back(connection);
            result
        })
        .await
    }

    pub(crate) async fn live_connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let mut tries_left = self.pool.options().get_max_connections();
        loop {
            let connection = self.acquire().await?;
            match self.bounded(connection, |connection| Box::pin(connection.ping())).await {
                Ok((connection, Ok(()))) => return Ok(connection),
                Ok((_, Err(error))) if tries_left > 0 && is_dead_connection(&error) => {
                    tries_left -= 1;
                }
                Ok((_, Err(error))) | Err(error) => return Err(error),
            }
        }
    }

    /// The pool itself: for `PgListener` and migrations only.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// Passes a failpoint, which fails as a lost connection does.
pub(crate) async fn strike(site: Site, moment: Moment) -> Result<(), sqlx::Error> {
    failpoints::strike(site, moment).await.map_err(|struck| sqlx::Error::Io(struck.into()))
}

/// `work`, and the failpoint before its commit.
pub(crate) fn then_strike<T, E, F>(
    site: Site,
    work: F,
) -> impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    move |connection| {
        Box::pin(async move {
            let value = work(connection).await?;
            strike(site, Moment::Within).await?;
            Ok(value)
        })
    }
}

/// Runs `work` in its own task and waits for it.
pub(crate) async fn shielded<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            // Only a runtime that is shutting down cancels the task.
            Err(_) => Err(sqlx::Error::WorkerCrashed.into()),
        },
    }
}

/// `Err`: no transaction was begun, and nothing of the work was done.
fn begin_and_commit<T, E, F>(
    connection: &mut PgConnection,
    work: F,
    is_committing: Arc<AtomicBool>,
) -> BoxFuture<'_, Result<Result<T, E>, (sqlx::Error, F)>>
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    Box::pin(async move {
        let mut transaction = match connection.begin().await {
            Ok(transaction) => transaction,
            Err(error) => return Err((error, work)),
        };
        match work(&mut transaction).await {
            Ok(value) => {
                is_committing.store(true, Relaxed);
                Ok(match heed(transaction.commit()).await {
                    (Ok(()), false) => Ok(value),
                    (Ok(()), true) => Err(warned().into()),
                    (Err(error), _) => Err(commit_error(error).into()),
                })
            }
            Err(error) => {
                // When even this fails the connection is dead, and the guard closes it.
                let _ = transaction.rollback().await;
                Ok(Err(error))
            }
        }
    })
}

/// True when the session is gone. A pool that has no connection to give is not that.
fn is_dead_connection(error: &sqlx::Error) -> bool {
    !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        && matches!(classify(error), Class::Retry | Class::DropConnection)
}
