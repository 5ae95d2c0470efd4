//! Connections that are pinned to who uses them all the time, instead of taken from the pool and given back.
//!
//! A unit of work on the pool costs a guard and a ping besides (`connect`): five round trips around one statement. On
//! a pinned connection it is three, or one for a statement that commits by itself. Under load every order
//! goes through three of these, so it is a good part of what it costs.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, Postgres};

use crate::classify::commit_error;
use crate::db::{Db, shielded, strike, then_strike};
use crate::silence::give_back;
use crate::warnings::heeding;
use failpoints::{Moment, Site};

/// A pinned connection that has not been used for so long may have died meanwhile, and is asked first.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A connection of one user, which so needs neither the ping nor the guard that each unit of work on the pool
/// costs: nobody else uses it, and it is kept only after a unit of work that ended in order. After anything
/// else it goes back through the guard, and the next one gets another.
#[derive(Debug)]
pub struct PinnedConnection {
    db: Db,
    connection: Option<(PoolConnection<Postgres>, Instant)>,
}

impl PinnedConnection {
    /// Runs `work`, which is one statement that commits by itself: one round trip in all. An error that is not
    /// the server's word on the statement leaves open whether it was committed.
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
            let connection = db.still_live(kept).await?;
            match db.bounded(connection, heeding(work)).await? {
                (connection, Ok(value)) => Ok((value, connection)),
                (connection, Err(error)) => {
                    give_back(connection);
                    Err(error)
                }
            }
        })
        .await?;
        self.connection = Some((connection, Instant::now()));
        strike(site, Moment::After).await.map_err(commit_error)?;
        Ok(value)
    }

    /// [`Db::write`] on this connection.
    pub async fn write<T, E, F>(&mut self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        strike(site, Moment::Before).await?;
        let db = self.db.clone();
        let kept = self.connection.take().map(|(connection, _)| connection);
        let work = then_strike(site, work);
        let (value, connection) = shielded(async move { db.transact_on(kept, work).await }).await?;
        self.connection = Some((connection, Instant::now()));
        strike(site, Moment::After).await.map_err(commit_error)?;
        Ok(value)
    }
}

/// Pinned connections for units of work that come again and again, a few at a time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DedicatedConnections {
    db: Db,
    free: Arc<Mutex<Vec<PinnedConnection>>>,
}

impl DedicatedConnections {
    /// [`PinnedConnection::write_one`].
    pub async fn write_one<T, E, F>(&self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let mut connection = self.take();
        let written = connection.write_one(site, work).await;
        self.put_back(connection);
        written
    }

    /// [`PinnedConnection::write`].
    pub async fn write<T, E, F>(&self, site: Site, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let mut connection = self.take();
        let written = connection.write(site, work).await;
        self.put_back(connection);
        written
    }

    fn take(&self) -> PinnedConnection {
        self.lock().pop().unwrap_or_else(|| self.db.pin())
    }

    /// A quarter of the pool is kept at most: the rest is everybody's.
    fn put_back(&self, connection: PinnedConnection) {
        let most = self.db.pool.options().get_max_connections() as usize / 4;
        let mut free = self.lock();
        if free.len() < most.max(1) {
            free.push(connection);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PinnedConnection>> {
        self.free.lock().expect("nobody panics while holding the lock")
    }
}

impl Db {
    /// A connection of one's own, for one unit of work after the other.
    pub fn pin(&self) -> PinnedConnection {
        PinnedConnection { db: self.clone(), connection: None }
    }

    /// Connections of one's own, for as many units of work as there are at the same time.
    pub fn dedicated(&self) -> DedicatedConnections {
        DedicatedConnections { db: self.clone(), free: Arc::default() }
    }

    /// What was kept, if it is still there.
    async fn still_live(
        &self,
        kept: Option<(PoolConnection<Postgres>, Instant)>,
    ) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        match kept {
            Some((connection, used_at)) if used_at.elapsed() < TRUSTED_FOR => Ok(connection),
            Some((connection, _)) => {
                match self.bounded(connection, |connection| Box::pin(connection.ping())).await {
                    Ok((connection, Ok(()))) => Ok(connection),
                    _ => self.live_connection().await,
                }
            }
            None => self.live_connection().await,
        }
    }
}
