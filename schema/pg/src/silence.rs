//! A server that has fallen silent: the connection is open, and nothing comes any more.
//!
//! Where packets are dropped, or the machine at the other end is gone, no error ever comes: the server's
//! own limits end a statement there, and the news does not arrive here. So each unit of work has a time limit, far
//! above what the server's limits allow. A timeout alone would leave the connection in the middle of a statement.
//! Therefore the connection leaves the pool and its socket is closed: it is never used again. Connections that are as
//! old are suspects, and are closed instead of used.

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

    /// Runs `work` within the time limit: the connection and the result, or an error and a closed connection.
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
        // Closed without the protocol's goodbye, which would not arrive.
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
