//! The gremlin: faults in the calls that move stock, switched at run time, the same on all replicas.
//!
//! Each call it looks at takes a number from the database ([`schema_inventory::gremlin`]), and
//! [`pattern`] says what happens to that number. While it is off a call costs one load from memory:
//! whether it is on is looked up in the background. It never touches reads, health, metrics or its
//! own switch, and it does not exist where it is not allowed.

pub(crate) mod admin;
mod pattern;
mod settings;
mod strike;
mod watch;

use std::time::Duration;

use group_commit::{BatchConfig, Batcher};
use schema_inventory::Command;
use schema_inventory::reservation_lines::find_lines;
use schema_pg::{Db, DbError};

use self::settings::Settings;
pub(crate) use self::strike::Strike;
use self::watch::{Numbered, Watch};
use crate::metrics;
use crate::verdict::Failure;

/// Calls that take their numbers in one statement at most.
const NUMBERS_AT_ONCE: usize = 1_000;
/// Calls waiting for a number at most; further ones are left alone.
const WAITING_MAX: usize = 20_000;

/// Absent where it is not allowed.
#[derive(Clone)]
pub(crate) struct Gremlin(Option<Allowed>);

#[derive(Clone)]
struct Allowed {
    watch: Watch,
    numbers: Batcher<(), Option<Numbered>>,
}

impl Gremlin {
    /// No gremlin, ever.
    pub(crate) fn absent() -> Gremlin {
        metrics::show_chaos(false);
        Gremlin(None)
    }

    /// Off until it is switched on.
    pub(crate) fn allowed(db: Db) -> Gremlin {
        metrics::show_chaos(false);
        let watch = Watch::new(db);
        let bounds = BatchConfig {
            name: "gremlin",
            rows_max: NUMBERS_AT_ONCE,
            pace: Duration::ZERO,
            flushes_max: 1,
            queue_max: WAITING_MAX,
        };
        let counter = watch.clone();
        let numbers = Batcher::start(bounds, move |calls: Vec<()>| {
            let counter = counter.clone();
            Box::pin(async move { counter.number(calls.len()).await })
        });
        Gremlin(Some(Allowed { watch, numbers }))
    }

    /// Keeps in mind whether it is on. To be run in the background.
    pub(crate) async fn keep_watch(self) {
        if let Some(allowed) = self.0 {
            allowed.watch.keep().await;
        }
    }

    /// What is to happen to this call; `None` when nothing is.
    pub(crate) async fn look_at(&self, command: &Command) -> Option<Strike> {
        let allowed = self.0.as_ref()?;
        let told = allowed.watch.told()?;
        if !concerns(allowed.watch.db(), &told.settings, command).await {
            return None;
        }
        let Numbered { call, told } = allowed.numbers.submit(()).await.ok()??;
        let planned = pattern::plan(&told.settings, call);
        Some(Strike::new(planned, told.version, allowed.watch.clone()))
    }

    /// For an order that asks for it ([`edge::wants_lost_reply`]): the call that made its reservation gets
    /// no answer. A repeated call does, so the order ends like every other.
    pub(crate) fn lose_reply(&self) -> Result<(), Failure> {
        if self.0.is_none() {
            return Ok(());
        }
        metrics::count_chaos("marked_order");
        Err(Failure::Disconnect)
    }
}

/// A release names no items; what it gives back says whether it is concerned.
async fn concerns(db: &Db, settings: &Settings, command: &Command) -> bool {
    if let Some(concerned) = settings.concerns(command) {
        return concerned;
    }
    let id = command.reservation_id();
    let lines: Result<_, DbError> = db
        .read(move |connection| Box::pin(async move { find_lines(connection, &[id]).await }))
        .await;
    lines.is_ok_and(|lines| lines.iter().any(|(_, line)| settings.names(&line.item_id)))
}
