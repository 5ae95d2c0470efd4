//! Storing outcomes: the updates of many calls share one statement, which commits by itself (group commit).
//!
//! An outcome is stored under the version and epoch it was decided on, so storing it again after an
//! unanswered commit is harmless: the second time it is fenced.

use std::time::Duration;

use edge::FailureLog;
use failpoints::Site;
use failpoints::known_bad::{self, Flaw};
use futures_util::future::BoxFuture;
use group_commit::{BatchConfig, BatchError, Batcher};
use in_process::{Hints, NotifyScope};
use relay_core::outcome::{Recorded, answers_a_request, in_order};
use saga::stored::{SagaUpdate, StoredUpdate};
use schema_orders::listen::{SETTLED_CHANNEL, notify};
use schema_orders::sagas::{Settled, load_for_update, store_updates};
use schema_pg::{Class, Db, DbConnection, DbError, DedicatedConnections, classify};
use tokio_util::sync::CancellationToken;

use crate::metrics;

const BATCH: BatchConfig = BatchConfig {
    name: "outcomes",
    rows_max: 512,
    pace: Duration::ZERO,
    flushes_max: 2,
    queue_max: 20_000,
};
/// First and longest pause before an outcome is stored again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

static STORING: FailureLog = FailureLog::new("outcomes cannot be stored yet");

/// Stores outcomes. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    batcher: Batcher<SagaUpdate, Recorded>,
}

impl Recorder {
    /// Starts the batcher. `hints` gets what has settled, after it has been committed.
    pub fn start(db: &Db, hints: Hints, scope: NotifyScope, stop: CancellationToken) -> Self {
        let flush = Flush { connections: db.dedicated(), hints, scope, stop };
        let batcher = Batcher::start(BATCH, move |updates| {
            let flush = flush.clone();
            Box::pin(async move { flush.run(updates).await })
        });
        Self { batcher }
    }

    /// Stores by another function than the database's: where a network is simulated.
    pub fn with_flush(
        flush: impl Fn(Vec<SagaUpdate>) -> BoxFuture<'static, Vec<Recorded>> + Send + Sync + 'static,
    ) -> Self {
        Self { batcher: Batcher::start(BATCH, flush) }
    }

    /// Stores one update and waits until it is durable.
    pub async fn record(&self, update: SagaUpdate) -> Recorded {
        match self.batcher.submit(update).await {
            Ok(recorded) => recorded,
            Err(BatchError::Overloaded | BatchError::Lost) => Recorded::Dropped,
        }
    }
}

/// What storing outcomes needs.
#[derive(Clone)]
struct Flush {
    connections: DedicatedConnections,
    hints: Hints,
    scope: NotifyScope,
    stop: CancellationToken,
}

impl Flush {
    async fn run(&self, updates: Vec<SagaUpdate>) -> Vec<Recorded> {
        let recorded = match self.store(updates.clone()).await {
            Ok(recorded) => recorded,
            Err(Class::BadInput | Class::Conflict | Class::Bug) if updates.len() > 1 => {
                self.one_by_one(updates.clone()).await
            }
            Err(_) => vec![Recorded::Dropped; updates.len()],
        };
        tell(&self.hints, &updates, &recorded);
        recorded
    }

    /// One bad row must not take the others with it.
    async fn one_by_one(&self, updates: Vec<SagaUpdate>) -> Vec<Recorded> {
        let mut recorded = Vec::with_capacity(updates.len());
        for update in updates {
            let mut one = self.store(vec![update]).await.unwrap_or_default();
            recorded.push(one.pop().unwrap_or(Recorded::Dropped));
        }
        recorded
    }

    /// Stores until it is answered, refused, or the relay stops.
    async fn store(&self, updates: Vec<SagaUpdate>) -> Result<Vec<Recorded>, Class> {
        let scope = self.scope;
        let mut pause = PAUSE.0;
        loop {
            let mut attempt = updates.clone();
            let stored = self
                .connections
                .write_one(Site::RecordOutcomes, move |connection| {
                    Box::pin(async move {
                        if known_bad::is_on(Flaw::NoFenceInOrders) {
                            expect_anything(connection, &mut attempt).await?;
                        }
                        let stored = store_updates(connection, &attempt).await?;
                        let settles =
                            attempt.iter().any(|update| answers_a_request(update.saga.state));
                        if scope == NotifyScope::OtherProcesses
                            && settles
                            && let Err(error) = notify(connection, SETTLED_CHANNEL).await
                        {
                            // Stored all the same; who waits finds out when it looks again.
                            tracing::debug!(%error, "nobody was told of what has settled");
                        }
                        Ok::<_, DbError>(stored)
                    })
                })
                .await;
            let error = match stored {
                Ok(stored) => {
                    STORING.succeeded();
                    let recorded = in_order(&updates, stored);
                    count(&updates, &recorded);
                    return Ok(recorded);
                }
                Err(error) => error,
            };
            match classify(&error) {
                Class::Retry | Class::RetryAlarm | Class::DropConnection => {
                    STORING.failed(error);
                    if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return Ok(vec![Recorded::Dropped; updates.len()]);
                    }
                    pause = (pause * 2).min(PAUSE.1);
                }
                class @ (Class::BadInput | Class::Conflict | Class::Bug) => {
                    tracing::error!(%error, updates = updates.len(), "outcomes were refused");
                    return Err(class);
                }
            }
        }
    }
}

/// The flaw: whoever has claimed these sagas meanwhile is overwritten.
async fn expect_anything(
    connection: &mut DbConnection,
    updates: &mut [SagaUpdate],
) -> Result<(), DbError> {
    for update in updates {
        if let Some(Ok(now)) = load_for_update(connection, update.order_id).await? {
            (update.expected_version, update.expected_epoch) = (now.version, now.epoch);
        }
    }
    Ok(())
}

fn count(updates: &[SagaUpdate], recorded: &[Recorded]) {
    let is_stored = |recorded: &Recorded| matches!(recorded, Recorded::Stored(_));
    let pairs = updates.iter().zip(recorded);
    metrics::moved(pairs.filter(|(_, recorded)| is_stored(recorded)).map(|(update, _)| update));
    for _ in recorded.iter().filter(|recorded| !is_stored(recorded)) {
        metrics::fenced("version");
    }
}

fn tell(hints: &Hints, updates: &[SagaUpdate], recorded: &[Recorded]) {
    if hints.settled.receiver_count() == 0 {
        return;
    }
    let settled = updates.iter().zip(recorded).filter_map(|(update, recorded)| match recorded {
        Recorded::Stored(stored) if answers_a_request(update.saga.state) => {
            Some(Settled::of(update, stored))
        }
        Recorded::Stored(_) | Recorded::Fenced | Recorded::Dropped => None,
    });
    let settled: Vec<Settled> = settled.collect();
    if !settled.is_empty() {
        // Nobody listening any more is no fault.
        let _ = hints.settled.send(settled.into());
    }
}

/// Tells waiting requests of updates that were stored elsewhere than here.
pub fn tell_stored(hints: &Hints, stored: &[(SagaUpdate, StoredUpdate)]) {
    let settled = stored.iter().filter(|(update, _)| answers_a_request(update.saga.state));
    let settled: Vec<Settled> =
        settled.map(|(update, stored)| Settled::of(update, stored)).collect();
    if !settled.is_empty() && hints.settled.receiver_count() > 0 {
        let _ = hints.settled.send(settled.into());
    }
}
