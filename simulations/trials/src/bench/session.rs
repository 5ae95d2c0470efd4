//! One stack, and everything that is measured on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schema_pg::lab::{Counters, list_statement_costs, read_counters, reset_statement_costs};
use sqlx::{Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::options::Options;
use super::progress::{self, spinner};
use super::reference::{Limit, Reference, between};
use super::report::Report;
use super::row::Row;
use super::sampler::Sampler;
use super::shape::{ITEMS, Shape};
use super::workload::Workload;
use crate::load::{self, Results, Running};
use crate::stack::{Stack, StackConfig};
use checker::ledger::Ledger;
use checker::{Amplification, Evidence, Phase, Settling, Subject, check};

/// Of each item: nobody runs out of it in a benchmark.
const ON_HAND: i64 = 1_000_000_000;
/// What an idle backend has not reported by then it never will.
const COUNTS_SETTLE: Duration = Duration::from_millis(10_500);
const DRAIN_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);
/// A server that dies while it is measured has a fault.
const CRASHES_MAX: u32 = 0;
const STATEMENTS_SHOWN: i64 = 16;
/// Databases whose statements are told.
const OURS: [&str; 2] = ["orders", "inventory"];
/// I11 for a benchmark: everything settles within this time of the last order.
const SETTLES_WITHIN: Duration = Duration::from_mins(2);
/// Retries per second that each relay's budget always allows, and what it may have saved up.
const RETRY_FLOOR_PER_S: u64 = 100;
const RETRY_SAVED: u64 = 1_000;

/// A stack and its reference.
pub(super) struct Session {
    pub(super) stack: Stack,
    reference: Option<Reference>,
    limit: Option<Limit>,
    ledgers: Vec<Ledger>,
    counts_settle: Duration,
    began: Instant,
    faults_ended_at: DateTime<Utc>,
    seed: u64,
    statements: bool,
}

/// What a load came to.
pub(super) struct Ended {
    pub(super) row: Row,
    /// The longest that one request took.
    pub(super) slowest_answer_ms: f64,
}

/// A load that runs and is watched.
pub(super) struct Underway {
    shape: Shape,
    pub(super) load: Running,
    sampler: Sampler,
    before: [Counters; 2],
}

impl Session {
    pub(super) async fn start(
        options: &Options,
        binary: PathBuf,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let bar = spinner("starting the stack");
        let mut postgres_settings = options.postgres.clone();
        if options.statements {
            let count = [
                ("shared_preload_libraries", "pg_stat_statements"),
                ("pg_stat_statements.track_planning", "on"),
            ];
            let count = count.map(|(name, value)| (name.to_owned(), value.to_owned()));
            postgres_settings.extend(count);
        }
        if options.workload == Workload::W9 {
            // What the server does for itself is counted as transactions too, and is not what is asked.
            postgres_settings.push(("autovacuum".to_owned(), "off".to_owned()));
        }
        let stack = Stack::start(StackConfig {
            binary,
            directory: directory.to_owned(),
            layout: options.layout(),
            durability: options.stack.database.into(),
            postgres_settings,
            postgres_environment: vec![],
            environment: options.environment(),
            line: false,
            proxied_inventory: None,
            crashes_max: CRASHES_MAX,
        })
        .await?;
        let mut inventory = PgConnection::connect(&stack.inventory_url()).await?;
        schema_inventory::lab::insert_stock(&mut inventory, i64::from(ITEMS), ON_HAND).await?;
        inventory.close().await?;
        let reference = if options.no_reference {
            None
        } else {
            Some(Reference::prepare(&stack, options.reference_duration()).await?)
        };
        bar.finish_and_clear();
        let mut session = Self {
            stack,
            reference,
            limit: None,
            ledgers: Vec::new(),
            counts_settle: if options.short { Duration::ZERO } else { COUNTS_SETTLE },
            began: Instant::now(),
            faults_ended_at: Utc::now(),
            seed: options.seed,
            statements: options.statements,
        };
        session.limit = session.measure_limit().await?;
        session.reset_statements().await?;
        Ok(session)
    }

    async fn measure_limit(&self) -> anyhow::Result<Option<Limit>> {
        let Some(reference) = &self.reference else { return Ok(None) };
        let bar = spinner("measuring what Postgres alone can do");
        let limit = reference.measure().await?;
        bar.finish_and_clear();
        Ok(Some(limit))
    }

    /// One load from its begin to its end, between two measurements of the limit.
    pub(super) async fn measure(&mut self, shape: Shape) -> anyhow::Result<Row> {
        let underway = self.begin(shape).await?;
        let expected = underway.shape.warm_up + underway.shape.seconds;
        progress::follow(&underway.shape.label, &underway.load, expected).await;
        Ok(self.end(underway).await?.row)
    }

    pub(super) async fn begin(&mut self, shape: Shape) -> anyhow::Result<Underway> {
        self.seed += 1;
        let before = self.counters().await?;
        let plan = shape.plan(self.stack.order_addresses(), self.seed);
        let sampler = Sampler::start(&self.stack, shape.warm_up);
        Ok(Underway { load: load::start(plan)?, shape, sampler, before })
    }

    /// Waits for the end of the load, and for everything it left behind.
    pub(super) async fn end(&mut self, underway: Underway) -> anyhow::Result<Ended> {
        let Underway { shape, load, sampler, before } = underway;
        // What the load's last orders cost is not part of what is measured.
        load.control.stopped().await;
        let samples = sampler.finish().await;
        let results = spawn_blocking(move || load.finish()).await?;
        self.stack.check_all_running()?;
        self.wait_drained().await?;
        let wal_bytes = self.counters().await?[0].wal_bytes - before[0].wal_bytes;
        let mut row = Row::new(&shape, &results, &samples);
        self.complete(&mut row, before, wal_bytes, &results).await?;
        let slowest_answer_ms = results.answers.max() as f64 / 1_000.0;
        self.ledgers.push(results.ledger);
        Ok(Ended { row, slowest_answer_ms })
    }

    /// The limit after it, and the counts that come in late.
    async fn complete(
        &mut self,
        row: &mut Row,
        before: [Counters; 2],
        wal_bytes: i64,
        results: &Results,
    ) -> anyhow::Result<()> {
        let quiet_since = Instant::now();
        if let Some(after) = self.measure_limit().await? {
            row.set_limit(between(self.limit.unwrap_or(after), after));
            self.limit = Some(after);
        }
        sleep(self.counts_settle.saturating_sub(quiet_since.elapsed())).await;
        let after = self.counters().await?;
        let counts = [after[0] - before[0], after[1] - before[1]];
        let ended = results.live.confirmed.load(Relaxed) + results.live.failed.load(Relaxed);
        row.set_counts(&counts, wal_bytes, ended);
        Ok(())
    }

    /// The single orders of the last load.
    pub(super) fn last_ledger(&self) -> &Ledger {
        self.ledgers.last().expect("a load was measured")
    }

    /// From now on everything must settle within the bound (I11).
    pub(super) fn faults_end_now(&mut self) {
        self.faults_ended_at = Utc::now();
    }

    pub(super) async fn counters(&self) -> anyhow::Result<[Counters; 2]> {
        let mut both = [Counters::default(); 2];
        for (counters, url) in
            both.iter_mut().zip([self.stack.orders_url(), self.stack.inventory_url()])
        {
            let mut connection = PgConnection::connect(&url).await?;
            *counters = read_counters(&mut connection).await?;
            connection.close().await?;
        }
        Ok(both)
    }

    /// Messages that wait.
    pub(super) async fn backlog(&self, connection: &mut PgConnection) -> anyhow::Result<i64> {
        Ok(schema_orders::outbox::measure_depth(connection).await?.messages)
    }

    /// Waits until no work is left.
    pub(super) async fn wait_drained(&self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.stack.orders_url()).await?;
        let began = Instant::now();
        while self.backlog(&mut connection).await? > 0 {
            anyhow::ensure!(began.elapsed() < DRAIN_WITHIN, "the outbox does not become empty");
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn reset_statements(&self) -> anyhow::Result<()> {
        if self.statements {
            let mut connection = PgConnection::connect(&self.stack.orders_url()).await?;
            reset_statement_costs(&mut connection).await?;
            connection.close().await?;
        }
        Ok(())
    }

    /// Costs of statements, the checker's verdict, and the end of the stack.
    pub(super) async fn finish(self, report: &mut Report) -> anyhow::Result<()> {
        if self.statements {
            let mut connection = PgConnection::connect(&self.stack.orders_url()).await?;
            report.statements =
                list_statement_costs(&mut connection, &OURS, STATEMENTS_SHOWN).await?;
        }
        let bar = spinner("checking the invariants");
        let (orders_url, inventory_url) = (self.stack.orders_url(), self.stack.inventory_url());
        let relays = self.stack.named("relay").count().max(1) as u64;
        let floor = (self.began.elapsed().as_secs() * RETRY_FLOOR_PER_S + RETRY_SAVED) * relays;
        let evidence = Evidence {
            ledgers: self.ledgers.iter().collect(),
            settling: Some(Settling {
                faults_ended_at: self.faults_ended_at,
                within: SETTLES_WITHIN,
            }),
            amplification: Some(Amplification { percent: 20, floor }),
            half_open: vec![],
        };
        let subject = Subject { orders_url, inventory_url };
        report.checked = Some(check(&subject, Phase::Quiescent, &evidence).await?);
        bar.finish_and_clear();
        self.stack.stop().await
    }
}
