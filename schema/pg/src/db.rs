//! The one door to a database: units of work that no caller can cancel halfway.
//!
//! A unit of work runs in its own spawned task. When its caller goes away (client gone, request
//! timed out) the work goes on to its end, so no half-open transaction ever returns to the pool.

use std::panic;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};
use tracing::Instrument;

use crate::classify::commit_error;
use crate::connect::{self, ConnectError, PoolConfig};
use crate::failpoint::{Moment, Site, strike};
use crate::{Class, classify};

/// A pool with rules. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Opens a pool after one probing connection, so that what is wrong is said at once and clearly.
    pub async fn connect(config: &PoolConfig) -> Result<Self, ConnectError> {
        let options = config.options()?;
        connect::probe(&options).await?;
        Ok(Self { pool: connect::open(config, options) })
    }

    /// Opens a pool without touching the server: for services that start before their database.
    pub fn lazy(config: &PoolConfig) -> Result<Self, ConnectError> {
        let options = config.options()?;
        Ok(Self { pool: connect::open(config, options) })
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
        let pool = self.pool.clone();
        shielded(async move {
            let mut transaction = begin(&pool).await?;
            match work(&mut transaction).await {
                Ok(value) => {
                    transaction.commit().await.map_err(commit_error)?;
                    Ok(value)
                }
                Err(error) => {
                    // When even this fails the connection is dead, and the guard closes it.
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        })
        .await
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
        let pool = self.pool.clone();
        shielded(async move {
            let mut connection = live_connection(&pool).await?;
            work(&mut connection).await
        })
        .await
    }

    /// A connection to keep, for single statements that come again and again.
    pub fn keep(&self) -> Kept {
        Kept { pool: self.pool.clone(), connection: None }
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
    pool: PgPool,
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
        let pool = self.pool.clone();
        // Given away for as long as the work takes: a caller that goes away leaves nothing half read here.
        let kept = self.connection.take();
        let (value, connection) = shielded(async move {
            let mut connection = match kept {
                Some(kept) => kept,
                None => live_connection(&pool).await?,
            };
            let value = work(&mut connection).await?;
            Ok::<_, E>((value, connection))
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

/// A fresh transaction.
///
/// Connections that died while they were idle (a restarted server kills them all at once) are
/// thrown away here: nothing has been executed yet, so trying the next one is safe.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that may: see the crate's doc"
)]
async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tries_left = pool.options().get_max_connections();
    loop {
        match pool.begin().await {
            Err(error) if tries_left > 0 && is_dead_connection(&error) => tries_left -= 1,
            result => return result,
        }
    }
}

async fn live_connection(pool: &PgPool) -> Result<PoolConnection<Postgres>, sqlx::Error> {
    let mut tries_left = pool.options().get_max_connections();
    loop {
        let mut connection = pool.acquire().await?;
        match connection.ping().await {
            Err(error) if tries_left > 0 && is_dead_connection(&error) => tries_left -= 1,
            result => return result.map(|()| connection),
        }
    }
}

/// True when the session is gone. A pool that has no connection to give is not that.
fn is_dead_connection(error: &sqlx::Error) -> bool {
    !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        && matches!(classify(error), Class::Retry | Class::DropConnection)
}
