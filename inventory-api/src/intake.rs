//! Group commit of reservations, releases and commits: those that arrive together share one
//! transaction and are decided in the order they came. A hot item is locked once for all of them.
//!
//! Work whose caller has stopped waiting is refused before anything is locked. A command the database
//! will not take fails alone: the batch is then written again one by one. A batch whose commit got
//! no answer is not, because it may stand: its callers send the same ids again and read what
//! happened.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use failpoints::Site;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use group_commit::{BatchConfig, BatchError, Batcher};
use schema_inventory::apply::{Applied, AppliedFree, Unapplied, apply_batch_at, apply_free};
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
    /// Somebody else holds one of its items; nothing was done.
    ItemBusy,
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
    let busy = BusyItems::default();
    Arc::new(move |commands| {
        let (connections, cache, busy) = (connections.clone(), cache.clone(), busy.clone());
        Box::pin(async move {
            if busy.concerns(&commands) {
                return apply_around(&connections, &commands, &busy).await;
            }
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
                // One locked item costs its own commands, and no others.
                Err(Unapplied::Database(error))
                    if is_lock_timeout(&error) && !is_commit_unknown(&error) =>
                {
                    apply_around(&connections, &commands, &busy).await
                }
                Err(Unapplied::Database(error)) => Err(error),
                Err(Unapplied::Moved) => unreachable!("the index was asked"),
            }
        })
    })
}

/// Items that somebody else held at the last look. Batches with one of them wait for no item, until it is free again.
#[derive(Clone, Default)]
struct BusyItems(Arc<Mutex<BTreeSet<String>>>);

impl BusyItems {
    fn concerns(&self, commands: &[Command]) -> bool {
        let busy = self.lock();
        // What a release gives back is not known here: it may be one of them.
        !busy.is_empty()
            && commands.iter().any(|command| match command {
                Command::Reserve(reserve) => {
                    reserve.lines.iter().any(|line| busy.contains(&line.item_id))
                }
                Command::Release { .. } | Command::Commit { .. } => true,
            })
    }

    fn items(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// All that were known were looked at again: these are busy now, and no others.
    fn learn(&self, busy: Vec<String>) {
        let mut known = self.lock();
        if busy.iter().any(|item| !known.contains(item)) {
            tracing::warn!(items = ?busy, "somebody holds these items: their orders wait, the others go on");
        }
        *known = busy.into_iter().collect();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn apply_around(
    connections: &DedicatedConnections,
    commands: &Arc<[Command]>,
    busy: &BusyItems,
) -> Result<Applied, DbError> {
    let (wanted, suspects) = (Arc::clone(commands), busy.items());
    let done = connections.write(Site::ApplyCommands, move |connection| {
        Box::pin(async move { apply_free(connection, &wanted, &suspects).await })
    });
    let AppliedFree { mut applied, left, busy: items } = done.await?;
    busy.learn(items);
    applied.left = left;
    Ok(applied)
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
                outcomes[place] = decided.ok_or(Refusal::ItemBusy);
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
        Ok(mut decided) => {
            decided.pop().expect("one answer for one command").ok_or(Refusal::ItemBusy)
        }
        Err(error) => Err(Refusal::Database(Failure::of(&error))),
    }
}

/// One per command; `None`: somebody holds one of its items, and nothing was done.
async fn write(ledger: &Ledger, commands: Arc<[Command]>) -> Result<Vec<Option<Decided>>, DbError> {
    let ids: Vec<_> = commands.iter().map(Command::reservation_id).collect();
    let applied = ledger(commands).await?;
    metrics::count_movements(&applied.movements);
    let taken = applied.movements.iter().filter(|movement| movement.kind == Kind::Reserve);
    let mut taken: HashSet<_> = taken.map(|movement| movement.reservation_id).collect();
    let mut answers = applied.answers.into_iter();
    let decided = ids.into_iter().enumerate().map(|(place, id)| {
        if applied.left.contains(&place) {
            return None;
        }
        let answer = answers.next().expect("an answer for each command that was done");
        metrics::count_answer(&answer);
        // the first of an id in its batch took the stock; the others repeat it
        Some(Decided { answer, is_fresh: taken.remove(&id) })
    });
    Ok(decided.collect())
}

fn may_be_the_fault_of_one(error: &DbError) -> bool {
    !is_commit_unknown(error)
        && (is_lock_timeout(error)
            || matches!(classify(error), Class::BadInput | Class::Conflict | Class::Bug))
}
