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
use tracing::Instrument;

use crate::classify::commit_error;
use crate::connect::{self, ConnectError, PoolConfig};
use crate::failpoint::{Moment, Site, strike};
use crate::silence::{Heard, Patience, give_back};
use crate::{Class, classify};

/// A pool with rules. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    patience: Patience,
}

impl Db {
    /// Opens a pool after one probing connection, so that what is wrong is said at once and clearly.
    pub async fn connect(config: &PoolConfig) -> Result<Self, ConnectError> {
        let options = config.options()?;
        connect::probe(&options).await?;
        Ok(Self::open(config, options))
    }

    /// Opens a pool without touching the server: for services that start before their database.
    pub fn lazy(config: &PoolConfig) -> Result<Self, ConnectError> {
        let options = config.options()?;
        Ok(Self::open(config, options))
    }

    fn open(config: &PoolConfig, options: PgConnectOptions) -> Self {
        let patience = Patience::new(config.statement_timeout_ms);
        Self { pool: connect::open(config, options, &patience), patience }
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
        shielded(async move { db.transact(work).await }).await
    }

    async fn transact<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let mut tries_left = self.pool.options().get_max_connections();
        loop {
            let connection = self.pool.acquire().await?;
            let is_committing = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&is_committing);
            let act = self.patience.hear(connection, |c| begin_and_commit(c, work, told));
            match act.await {
                Heard::Answer(Ok(result)) => return result,
                // Nothing has been executed yet, so trying the next connection is safe: a restarted
                // server kills all that are idle at once.
                Heard::Answer(Err((dead, again)))
                    if tries_left > 0 && is_dead_connection(&dead) =>
                {
                    tries_left -= 1;
                    work = again;
                }
                Heard::Silence(error) if is_committing.load(Relaxed) => {
                    return Err(commit_error(error).into());
                }
                Heard::Answer(Err((error, _))) | Heard::Silence(error) => return Err(error.into()),
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
        let written = self.transaction(move |connection| {
            Box::pin(async move {
                let value = work(connection).await?;
                strike(site, Moment::Within).await?;
                Ok::<_, E>(value)
            })
        });
        let value = written.await?;
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
        let value = self.read(work).await?;
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
            match db.patience.hear(connection, work).await {
                Heard::Answer(result) => result,
                Heard::Silence(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn live_connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let mut tries_left = self.pool.options().get_max_connections();
        loop {
            let connection = self.pool.acquire().await?;
            match self.patience.keep(connection, |connection| Box::pin(connection.ping())).await {
                Ok((connection, Ok(()))) => return Ok(connection),
                Ok((_, Err(error))) if tries_left > 0 && is_dead_connection(&error) => {
                    tries_left -= 1;
                }
                Ok((_, Err(error))) | Err(error) => return Err(error),
            }
        }
    }

    /// A connection to keep, for single statements that come again and again.
    pub fn keep(&self) -> Kept {
        Kept { db: self.clone(), connection: None }
    }

    /// The pool itself: for `PgListener` and migrations only.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// A connection that is kept, and so needs neither the ping nor the guard that each [`Db::read`] costs:
/// nobody else uses it, and no transaction is ever begun on it. After an error it goes back through the
/// guard, and the next statement gets a fresh one.
#[derive(Debug)]
pub struct Kept {
    db: Db,
    connection: Option<PoolConnection<Postgres>>,
}

impl Kept {
    /// Runs `work` as [`Db::write_one`] does.
    pub async fn write_one<T, E, F>(&mut self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        strike(site, Moment::Before).await?;
        let db = self.db.clone();
        // Given away for as long as the work takes: a caller that goes away leaves nothing half read here.
        let kept = self.connection.take();
        let (value, connection) = shielded(async move {
            let connection = match kept {
                Some(kept) => kept,
                None => db.live_connection().await?,
            };
            match db.patience.keep(connection, work).await? {
                (connection, Ok(value)) => Ok((value, connection)),
                (connection, Err(error)) => {
                    give_back(connection);
                    Err(error)
                }
            }
        })
        .await?;
        self.connection = Some(connection);
        strike(site, Moment::After).await.map_err(commit_error)?;
        Ok(value)
    }
}

/// Runs `work` in its own task and waits for it.
async fn shielded<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
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
                Ok(transaction.commit().await.map(|()| value).map_err(|e| commit_error(e).into()))
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
