//! Staff's queries run here, a few at the same time, so that they cannot take all connections from orders.

use std::sync::Arc;
use std::time::Duration;

use edge::Problem;
use schema_pg::{BoxFuture, Db, DbConnection, DbError};
use tokio::sync::Semaphore;

use crate::db_problem;

/// Staff's queries that run at the same time.
const READS_MAX: usize = 4;
/// How long a request waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Bounds how many of staff's queries run at once.
pub(crate) struct StaffReads {
    db: Db,
    permits: Arc<Semaphore>,
}

impl StaffReads {
    pub(crate) fn new(db: Db) -> StaffReads {
        StaffReads { db, permits: Arc::new(Semaphore::new(READS_MAX)) }
    }

    /// Runs one read of a few queries, when it is its turn; 503 when that takes too long.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Problem>
    where
        F: for<'c> FnOnce(&'c mut DbConnection) -> BoxFuture<'c, Result<T, DbError>>
            + Send
            + 'static,
        T: Send + 'static,
    {
        let permit = tokio::time::timeout(WAIT_MAX, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.expect("never closed");
        let read = self.db.read(move |connection| {
            Box::pin(async move {
                // kept to the end of the query, also when nobody waits for it any more
                let _permit = permit;
                work(connection).await
            })
        });
        read.await.map_err(|error| db_problem::problem_of(&error))
    }
}

fn busy() -> Problem {
    Problem::unavailable("too many console requests; retry shortly", 1)
}
