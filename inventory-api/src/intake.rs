//! Group commit of reservations, releases and commits: those that arrive together share one
//! transaction and are decided in the order they came. A hot item is locked once for all of them.
//!
//! Work whose caller has stopped waiting is refused before anything is locked. A command the database
//! will not take fails alone: the batch is then written again one by one. A batch whose commit got
//! no answer is not, because it may stand: its callers send the same ids again and read what
//! happened.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use failpoints::Site;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use group_commit::{BatchConfig, BatchError, Batcher};
use schema_inventory::apply::{Applied, Unapplied, apply_batch_at};
use schema_inventory::ctid_cache::CtidCache;
use schema_inventory::decide::Kind;
use schema_inventory::{Answer, Command};
use schema_pg::{
    Class, Db, DbError, DedicatedConnections, classify, is_commit_unknown, is_lock_timeout,
};
use tokio::time::Instant;

use crate::db_problem::Failure;
use crate::{Config, metrics};

/// After a batch failed: commands written at the same time, each in a transaction of its own.
const SINGLES_AT_ONCE: usize = 4;

/// A command, and until when somebody waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) until: Instant,
}

/// A command that was decided, and is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) answer: Answer,
    /// By this very call, not by an earlier one that it repeats.
    pub(crate) is_fresh: bool,
}

/// Why there is no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The deadline had passed; nothing was done.
    Expired,
    /// Too much is waiting; nothing was done.
    Overloaded,
    /// The database failed.
    Database(Failure),
}

type Outcome = Result<Decided, Refusal>;

/// Decides and writes commands in one transaction, or says why not: `apply_batch` over a database, or a
/// ledger in memory where a network is simulated.
pub type Ledger =
    Arc<dyn Fn(Arc<[Command]>) -> BoxFuture<'static, Result<Applied, DbError>> + Send + Sync>;

/// Where commands go.
pub(crate) struct Intake(Batcher<Asked, Outcome>);

/// The ledger in Postgres.
pub(crate) fn ledger_in(db: &Db) -> Ledger {
    let (connections, cache) = (db.dedicated(), CtidCache::default());
    Arc::new(move |commands| {
        let (connections, cache) = (connections.clone(), cache.clone());
        Box::pin(async move {
            let applied = match apply(&connections, &commands, Some(&cache)).await {
                Err(Unapplied::Moved) => {
                    cache.missed();
                    apply(&connections, &commands, None).await
                }
                applied => applied,
            };
            match applied {
                Ok(mut applied) => {
                    cache.learn(std::mem::take(&mut applied.ctids));
                    Ok(applied)
                }
                Err(Unapplied::Database(error)) => Err(error),
                Err(Unapplied::Moved) => unreachable!("the index was asked"),
            }
        })
    })
}

async fn apply(
    connections: &DedicatedConnections,
    commands: &Arc<[Command]>,
    cache: Option<&CtidCache>,
) -> Result<Applied, Unapplied> {
    let (commands, cache) = (Arc::clone(commands), cache.cloned());
    let applied = connections.write(Site::ApplyCommands, move |connection| {
        Box::pin(async move { apply_batch_at(connection, &commands, cache.as_ref()).await })
    });
    applied.await
}

impl Intake {
    pub(crate) fn start(config: &Config, ledger: Ledger) -> Intake {
        let bounds = BatchConfig {
            name: "reservations",
            rows_max: config.batch_rows_max as usize,
            pace: Duration::ZERO,
            flushes_max: config.batch_flushes_max as usize,
            queue_max: config.queue_max as usize,
        };
        Intake(Batcher::start(bounds, move |asked| {
            let ledger = ledger.clone();
            Box::pin(async move { flush(&ledger, asked).await })
        }))
    }

    /// Decides and commits, or says why not.
    pub(crate) async fn decide(&self, asked: Asked) -> Outcome {
        self.0.submit(asked).await.unwrap_or_else(|error| {
            Err(match error {
                BatchError::Overloaded => Refusal::Overloaded,
                BatchError::Lost => Refusal::Database(Failure::OutcomeUnknown),
            })
        })
    }
}

async fn flush(ledger: &Ledger, asked: Vec<Asked>) -> Vec<Outcome> {
    let now = Instant::now();
    let mut outcomes = vec![Err(Refusal::Expired); asked.len()];
    let (places, commands): (Vec<usize>, Vec<Command>) = asked
        .iter()
        .enumerate()
        .filter(|(_, asked)| asked.until > now)
        .map(|(place, asked)| (place, asked.command.clone()))
        .unzip();
    if commands.is_empty() {
        return outcomes;
    }
    match write(ledger, commands.into()).await {
        Ok(decided) => {
            for (place, decided) in places.into_iter().zip(decided) {
                outcomes[place] = Ok(decided);
            }
        }
        Err(error) if places.len() > 1 && may_be_the_fault_of_one(&error) => {
            tracing::info!(%error, count = places.len(), "a batch is written again one by one");
            return stream::iter(asked)
                .map(|asked| write_single(ledger, asked))
                .buffered(SINGLES_AT_ONCE)
                .collect()
                .await;
        }
        Err(error) => {
            let failure = Failure::of(&error);
            for place in places {
                outcomes[place] = Err(Refusal::Database(failure));
            }
        }
    }
    outcomes
}

async fn write_single(ledger: &Ledger, asked: Asked) -> Outcome {
    if asked.until <= Instant::now() {
        return Err(Refusal::Expired);
    }
    match write(ledger, Arc::from([asked.command])).await {
        Ok(mut decided) => Ok(decided.pop().expect("one answer for one command")),
        Err(error) => Err(Refusal::Database(Failure::of(&error))),
    }
}

async fn write(ledger: &Ledger, commands: Arc<[Command]>) -> Result<Vec<Decided>, DbError> {
    let ids: Vec<_> = commands.iter().map(Command::reservation_id).collect();
    let applied = ledger(commands).await?;
    metrics::count_movements(&applied.movements);
    let taken = applied.movements.iter().filter(|movement| movement.kind == Kind::Reserve);
    let mut taken: HashSet<_> = taken.map(|movement| movement.reservation_id).collect();
    let decided = ids.into_iter().zip(applied.answers).map(|(id, answer)| {
        metrics::count_answer(&answer);
        // the first of an id in its batch took the stock; the others repeat it
        Decided { answer, is_fresh: taken.remove(&id) }
    });
    Ok(decided.collect())
}

fn may_be_the_fault_of_one(error: &DbError) -> bool {
    !is_commit_unknown(error)
        && (is_lock_timeout(error)
            || matches!(classify(error), Class::BadInput | Class::Conflict | Class::Bug))
}
