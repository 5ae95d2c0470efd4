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

    /// The pool itself: for `PgListener` and migrations only.
    pub fn pool(&self) -> &PgPool {
        &self.pool
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
