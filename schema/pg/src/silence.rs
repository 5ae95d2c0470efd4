//! A server that has fallen silent: the connection is open, and nothing comes any more.
//!
//! Where packets are dropped, or the machine at the other end is gone, no error ever comes: the limits that
//! the server keeps are kept by somebody who is not heard. So each unit of work has a bound of its own, far
//! above what the server's limits allow. What it gives up, it gives up whole: the connection leaves the pool
//! and its socket is closed, so whatever state it was in, nobody meets it again (that is why this is no
//! `timeout` around sqlx). Connections that are as old are suspects, and are closed instead of used.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::time::timeout;

/// A unit of work is given up after so many statement timeouts, and never before this.
const STATEMENTS: u32 = 3;
const PATIENCE_MIN: Duration = Duration::from_secs(6);
/// A connection that is not back in its pool by then is closed.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(3);

/// How long one pool waits, and up to when what it opened is not to be trusted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// `None`: statements have no limit either.
    longest: Option<Duration>,
    suspects_until: Arc<Mutex<Option<Instant>>>,
}

impl Patience {
    pub(crate) fn new(statement_timeout_ms: u32) -> Self {
        let longest = STATEMENTS * Duration::from_millis(statement_timeout_ms.into());
        let longest = (statement_timeout_ms > 0).then(|| longest.max(PATIENCE_MIN));
        Self { longest, suspects_until: Arc::default() }
    }

    /// Does `work`, and answers the connection with what came of it; or gives the connection up.
    pub(crate) async fn bounded<T>(
        &self,
        mut connection: PoolConnection<Postgres>,
        work: impl FnOnce(&mut PgConnection) -> BoxFuture<'_, T>,
    ) -> Result<(PoolConnection<Postgres>, T), sqlx::Error> {
        let answer = match self.longest {
            None => Ok(work(&mut connection).await),
            Some(longest) => timeout(longest, work(&mut connection)).await,
        };
        if let Ok(answer) = answer {
            return Ok((connection, answer));
        }
        // Without a goodbye, which nobody would hear.
        drop(connection.detach());
        self.distrust();
        let why = "Postgres has fallen silent: the connection is open, and no answer comes";
        tracing::warn!(waited = ?self.longest, "{why}");
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)))
    }

    /// Makes suspects of all connections that are open now.
    pub(crate) fn distrust(&self) {
        *self.suspects_until.lock().expect("nobody panics while holding the lock") =
            Some(Instant::now());
    }

    /// Whether a connection of this age was opened after the last silence, or failover.
    pub(crate) fn trusts(&self, age: Duration) -> bool {
        let until = *self.suspects_until.lock().expect("nobody panics while holding the lock");
        until.is_none_or(|at| age < at.elapsed())
    }
}

/// In a task of its own, as its drop does it; but one that never comes back does not keep its place.
pub(crate) fn give_back(mut connection: PoolConnection<Postgres>) {
    let back = connection.return_to_pool();
    tokio::spawn(async move {
        if timeout(GIVEN_BACK_WITHIN, back).await.is_err() {
            tracing::warn!("a connection that did not come back to its pool was closed");
        }
    });
}
