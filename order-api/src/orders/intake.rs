//! Group commit of new orders: those that arrive together share one statement, which commits by itself.
//!
//! A row the database will not take fails alone: the batch is then written again one by one. A
//! batch whose commit got no answer is not, because its orders may be there: their clients send
//! the same key again and read what happened.

use std::sync::Arc;
use std::time::Duration;

use edge::FailureLog;
use failpoints::Site;
use futures_util::{StreamExt, stream};
use group_commit::{BatchConfig, BatchError, Batcher};
use in_process::Hints;
use schema_orders::idempotency_keys::is_key_being_written;
use schema_orders::orders::{
    Created, Earlier, Insertion, NewOrder, TenantKey, find_earlier, insert_new,
};
use schema_pg::{
    Class, Db, DbError, DedicatedConnections, classify, is_commit_unknown, is_connection_lost,
};

use crate::Config;

/// After a batch failed: orders written at the same time, each in a transaction of its own.
const SINGLES_AT_ONCE: usize = 4;

static WRITING: FailureLog = FailureLog::new("orders cannot be written just now");
static UNABLE: FailureLog =
    FailureLog::alarm("the database cannot do its work, and somebody has to look");
static SENDING_AGAIN: FailureLog = FailureLog::new("orders are sent again over another connection");
static LOOKING_UP: FailureLog = FailureLog::new("what keys stand for cannot be read just now");

/// Why an order was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much is waiting; nothing was done.
    Overloaded,
    /// The first request with this key has not committed yet.
    KeyBusy,
    /// The database does not answer; the order may or may not be there.
    Unavailable,
    /// The database cannot do its work, which it has to be helped with; the order is not there.
    UnavailableForLonger,
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
            pace: Duration::from_millis(config.batch_pace_ms),
            flushes_max: config.batch_flushes_max as usize,
            queue_max: config.queue_max as usize,
        };
        let writer = Writer { connections: db.dedicated(), db };
        let batcher = Batcher::start(bounds, move |orders: Vec<NewOrder>| {
            let (writer, hints) = (writer.clone(), hints.clone());
            Box::pin(async move { flush(&writer, &hints, orders).await })
        });
        Intake { batcher, commit_wait: Duration::from_millis(config.commit_wait_ms) }
    }

    /// Commits the order, or finds the one its key belongs to. Giving up the wait, like dropping
    /// this future, takes nothing back: the order goes on to be written.
    pub(crate) async fn insert(&self, order: NewOrder) -> Outcome {
        match tokio::time::timeout(self.commit_wait, self.batcher.submit(order)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(BatchError::Overloaded)) => Err(Refusal::Overloaded),
            Ok(Err(BatchError::Lost)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// Writes orders. Cheap to clone.
#[derive(Clone)]
struct Writer {
    db: Db,
    connections: DedicatedConnections,
}

async fn flush(writer: &Writer, hints: &Hints, mut orders: Vec<NewOrder>) -> Vec<Outcome> {
    let count = orders.len();
    let claims = hints.insert_claims.claim(&mut orders);
    let orders: Arc<[NewOrder]> = orders.into();
    match writer.insert(orders.clone()).await {
        Ok(created) => {
            [&WRITING, &UNABLE, &SENDING_AGAIN].into_iter().for_each(FailureLog::succeeded);
            if let Some(pending) = claims {
                pending.committed(&created);
            }
            if orders.iter().any(|order| order.first_update.is_none()) {
                hints.work.notify_one();
            }
            writer.outcomes(&orders, &created).await
        }
        Err(error) if count > 1 && may_be_the_fault_of_one(&error) => {
            tracing::info!(%error, count, "a batch of orders is written again one by one");
            let unclaimed = |order: &NewOrder| NewOrder { first_update: None, ..order.clone() };
            let outcomes = stream::iter(orders.iter().map(unclaimed))
                .map(|order| writer.write_single(order))
                .buffered(SINGLES_AT_ONCE)
                .collect()
                .await;
            hints.work.notify_one();
            outcomes
        }
        Err(error) => vec![Err(refusal_of(&error)); count],
    }
}

impl Writer {
    /// Where the connection is lost, whether the orders were written is unknown; sending them again, which is
    /// harmless, finds out.
    async fn insert(&self, orders: Arc<[NewOrder]>) -> Result<Created, DbError> {
        match self.insert_once(orders.clone()).await {
            Err(error) if is_connection_lost(&error) => {
                SENDING_AGAIN.failed(&error);
                let mut created = self.insert_once(orders.clone()).await?;
                let earlier = self.find_earlier(created.conflicting_keys(&orders)).await;
                created.adopt(&orders, &earlier);
                Ok(created)
            }
            ended => ended,
        }
    }

    async fn insert_once(&self, orders: Arc<[NewOrder]>) -> Result<Created, DbError> {
        let insert = self.connections.write_one(Site::InsertOrders, move |connection| {
            Box::pin(async move { insert_new(connection, &orders).await })
        });
        insert.await
    }

    /// The others of the batch are written by now, and told so whether or not this can be read.
    async fn find_earlier(&self, conflicting: Vec<TenantKey>) -> Earlier {
        if conflicting.is_empty() {
            return Earlier::default();
        }
        let found = self.db.read(move |connection| {
            Box::pin(async move { find_earlier(connection, &conflicting).await })
        });
        found.await.unwrap_or_else(|error: DbError| {
            LOOKING_UP.failed(error);
            Earlier::default()
        })
    }

    async fn write_single(&self, order: NewOrder) -> Outcome {
        let order: Arc<[NewOrder]> = Arc::from([order]);
        match self.insert(order.clone()).await {
            Ok(created) => {
                let mut outcomes = self.outcomes(&order, &created).await;
                outcomes.pop().expect("one answer for one order")
            }
            Err(error) => Err(refusal_of(&error)),
        }
    }

    /// What to tell each order's client, once they are committed.
    async fn outcomes(&self, orders: &[NewOrder], created: &Created) -> Vec<Outcome> {
        let earlier = self.find_earlier(created.conflicting_keys(orders)).await;
        let insertions = created.insertions(orders, &earlier).into_iter();
        insertions.map(|known| known.ok_or(Refusal::Unavailable)).collect()
    }
}

fn may_be_the_fault_of_one(error: &DbError) -> bool {
    !is_commit_unknown(error)
        && (is_key_being_written(error)
            || matches!(classify(error), Class::BadInput | Class::Conflict | Class::Bug))
}

/// Logged here, once for all orders of the batch.
fn refusal_of(error: &DbError) -> Refusal {
    if is_key_being_written(error) {
        return Refusal::KeyBusy;
    }
    match classify(error) {
        Class::BadInput => Refusal::Unstorable,
        Class::Retry | Class::DropConnection => {
            WRITING.failed(error);
            Refusal::Unavailable
        }
        Class::RetryAlarm => {
            UNABLE.failed(error);
            Refusal::UnavailableForLonger
        }
        Class::Conflict | Class::Bug => {
            tracing::error!(%error, "an order could not be written");
            Refusal::Bug
        }
    }
}
