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
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Postgres};
use tokio::time::timeout;

/// A unit of work is given up after so many statement timeouts, and never before this.
const STATEMENTS: u32 = 3;
const PATIENCE_MIN: Duration = Duration::from_secs(6);
/// Between two looks at sessions that were given up and are still there.
const ENDED_EVERY: Duration = Duration::from_secs(2);
/// A connection that is not back in its pool by then is closed.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(3);

/// How long one pool waits, and up to when what it opened is not to be trusted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// `None`: statements have no limit either.
    longest: Option<Duration>,
    suspects_until: Arc<Mutex<Option<Instant>>>,
    ended_at: Arc<Mutex<Option<Instant>>>,
}

impl Patience {
    pub(crate) fn new(statement_timeout_ms: u32) -> Self {
        let longest = STATEMENTS * Duration::from_millis(statement_timeout_ms.into());
        let longest = (statement_timeout_ms > 0).then(|| longest.max(PATIENCE_MIN));
        Self { longest, suspects_until: Arc::default(), ended_at: Arc::default() }
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

    /// How long a unit of work is waited for, where it is time to end the sessions of those that were given up.
    pub(crate) fn ends_given_up(&self) -> Option<Duration> {
        let longest = self.longest?;
        let mut ended_at = self.ended_at.lock().expect("nobody panics while holding the lock");
        if ended_at.is_some_and(|at| at.elapsed() < ENDED_EVERY) {
            return None;
        }
        *ended_at = Some(Instant::now());
        Some(longest)
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

/// Ends sessions of ours that wait for a standby for longer than anybody here waits for them. The server does not look whether
/// their client is still there while it waits, so without this one such outage would take every connection it has.
pub(crate) async fn end_given_up(options: PgConnectOptions, longest: Duration) {
    let ending = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let ended = sqlx::query(
            "select pg_terminate_backend(pid)
             from pg_stat_activity
             where wait_event = 'SyncRep' and usename = current_user and datname = current_database()
                and application_name = current_setting('application_name')
                and query_start < now() - $1 * interval '1 second'",
        )
        .bind(longest.saturating_sub(BEGUN_BEFORE).as_secs_f64())
        .execute(&mut connection)
        .await?
        .rows_affected();
        connection.close().await?;
        Ok::<_, sqlx::Error>(ended)
    };
    match timeout(longest, ending).await {
        Ok(Ok(0)) => {}
        Ok(Ok(sessions)) => {
            tracing::warn!(sessions, "sessions that waited for a standby in vain were ended");
        }
        Ok(Err(error)) => tracing::debug!(%error, "given-up sessions could not be looked for"),
        Err(_) => tracing::debug!("given-up sessions could not be looked for in time"),
    }
}

/// What is waited for for so much less than the longest time is not given up yet, and will be.
const BEGUN_BEFORE: Duration = Duration::from_secs(1);

/// In a task of its own, as its drop does it; but one that never comes back does not keep its place.
pub(crate) fn give_back(mut connection: PoolConnection<Postgres>) {
    let back = connection.return_to_pool();
    tokio::spawn(async move {
        if timeout(GIVEN_BACK_WITHIN, back).await.is_err() {
            tracing::warn!("a connection that did not come back to its pool was closed");
        }
    });
}
