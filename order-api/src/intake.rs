//! Group commit of new orders: those that arrive together share one transaction.
//!
//! A row the database will not take fails alone: the batch is then written again one by one. A
//! batch whose commit got no answer is not, because its orders may be there: their clients send
//! the same key again and read what happened.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use schema_orders::hints::Hints;
use schema_orders::orders::{Insertion, NewOrder, insert_orders};
use schema_pg::failpoint::Site;
use schema_pg::{
    BatchConfig, BatchError, Batcher, Class, Db, DbError, classify, is_commit_unknown,
    is_lock_timeout,
};

use crate::Config;

/// After a batch failed: orders written at the same time, each in a transaction of its own.
const SINGLES_AT_ONCE: usize = 4;

/// Why an order was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much is waiting; nothing was done.
    Overloaded,
    /// The first request with this key has not committed yet.
    KeyBusy,
    /// The database does not answer; the order may or may not be there.
    Unavailable,
    /// The database cannot store the text or number sent.
    Unstorable,
    /// A mistake of ours; it has been logged.
    Bug,
}

type Outcome = Result<Insertion, Refusal>;

/// Where new orders go.
pub(crate) struct Intake {
    batcher: Batcher<NewOrder, Outcome>,
    commit_wait: Duration,
}

impl Intake {
    /// A relay in this process claims the orders with their insert; for those it does not, it is rung.
    pub(crate) fn start(config: &Config, db: Db, hints: Hints) -> Intake {
        let bounds = BatchConfig {
            name: "orders",
            rows_max: config.batch_rows_max as usize,
            flushes_max: config.batch_flushes_max as usize,
            queue_max: config.queue_max as usize,
        };
        let batcher = Batcher::start(bounds, move |orders: Vec<NewOrder>| {
            let (db, hints) = (db.clone(), hints.clone());
            Box::pin(async move { flush(&db, &hints, orders).await })
        });
        Intake { batcher, commit_wait: Duration::from_millis(config.commit_wait_ms) }
    }

    /// Commits the order, or finds the one its key belongs to. Giving up the wait, like dropping
    /// this future, takes nothing back: the order goes on to be written.
    pub(crate) async fn take_in(&self, order: NewOrder) -> Outcome {
        match tokio::time::timeout(self.commit_wait, self.batcher.submit(order)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(BatchError::Overloaded)) => Err(Refusal::Overloaded),
            Ok(Err(BatchError::Lost)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

async fn flush(db: &Db, hints: &Hints, mut orders: Vec<NewOrder>) -> Vec<Outcome> {
    let count = orders.len();
    let taken = hints.handoff.take(&mut orders);
    let orders: Arc<[NewOrder]> = orders.into();
    match write(db, orders.clone()).await {
        Ok(insertions) => {
            if let Some(taken) = taken {
                taken(&insertions);
            }
            if orders.iter().any(|order| order.first_move.is_none()) {
                hints.work.notify_one();
            }
            insertions.into_iter().map(Ok).collect()
        }
        Err(error) if count > 1 && may_be_the_fault_of_one(&error) => {
            tracing::info!(%error, count, "a batch of orders is written again one by one");
            let unclaimed = |order: &NewOrder| NewOrder { first_move: None, ..order.clone() };
            let outcomes = stream::iter(orders.iter().map(unclaimed))
                .map(|order| write_single(db, order))
                .buffered(SINGLES_AT_ONCE)
                .collect()
                .await;
            hints.work.notify_one();
            outcomes
        }
        Err(error) => vec![Err(refusal_of(&error)); count],
    }
}

async fn write_single(db: &Db, order: NewOrder) -> Outcome {
    match write(db, Arc::from([order])).await {
        Ok(mut insertions) => Ok(insertions.pop().expect("one answer for one order")),
        Err(error) => Err(refusal_of(&error)),
    }
}

async fn write(db: &Db, orders: Arc<[NewOrder]>) -> Result<Vec<Insertion>, DbError> {
    db.write(Site::InsertOrders, move |connection| {
        Box::pin(async move { insert_orders(connection, &orders).await })
    })
    .await
}

fn may_be_the_fault_of_one(error: &DbError) -> bool {
    !is_commit_unknown(error)
        && (is_lock_timeout(error)
            || matches!(classify(error), Class::BadInput | Class::Conflict | Class::Bug))
}

/// Logged here, once for all orders of the batch.
fn refusal_of(error: &DbError) -> Refusal {
    if is_lock_timeout(error) {
        return Refusal::KeyBusy;
    }
    match classify(error) {
        Class::BadInput => Refusal::Unstorable,
        Class::Retry | Class::DropConnection => {
            tracing::warn!(%error, "orders cannot be written just now");
            Refusal::Unavailable
        }
        Class::RetryAlarm => {
            tracing::error!(%error, "the database has run out of disk or memory");
            Refusal::Unavailable
        }
        Class::Conflict | Class::Bug => {
            tracing::error!(%error, "an order could not be written");
            Refusal::Bug
        }
    }
}
