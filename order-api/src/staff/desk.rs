//! The desk that staff reads at: a few places, so that looking can never be what stops the work.

use std::sync::Arc;
use std::time::Duration;

use edge::Problem;
use schema_pg::{BoxFuture, Db, DbConnection, DbError};
use tokio::sync::Semaphore;

use crate::db_problem;

/// Staff's queries that run at the same time.
const PLACES: usize = 4;
/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where staff's queries run.
pub(crate) struct Desk {
    db: Db,
    places: Arc<Semaphore>,
}

impl Desk {
    pub(crate) fn new(db: Db) -> Desk {
        Desk { db, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Runs a few queries, when a place is free.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Problem>
    where
        F: for<'c> FnOnce(&'c mut DbConnection) -> BoxFuture<'c, Result<T, DbError>>
            + Send
            + 'static,
        T: Send + 'static,
    {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        let place = place.map_err(|_| busy())?.expect("never closed");
        let read = self.db.read(move |connection| {
            Box::pin(async move {
                // kept to the end of the query, also when nobody waits for it any more
                let _place = place;
                work(connection).await
            })
        });
        read.await.map_err(|error| db_problem::problem_of(&error))
    }
}

fn busy() -> Problem {
    Problem::unavailable("too many console requests; retry shortly", 1)
}
