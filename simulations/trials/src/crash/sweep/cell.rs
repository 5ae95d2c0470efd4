//! One cell of the sweep: arm, bring it there, start again what died, rest, check.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, bail};
use failpoints::{Action, STRUCK, Site, VARIABLE};
use schema_orders::{bulk_actions, outbox, relays};
use sqlx::{Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::stimuli::Stimuli;
use super::{Task, millis};
use crate::crash::options::Options;
use crate::crash::proxy::{Proxy, Rule};
use crate::crash::runner::{BREAKER_OPEN_MS, retry_floor};
use crate::crash::sweep_report::Cell;
use crate::load::{self, Basket, Pace, Patience, Plan, Running};
use crate::stack::{Layout, Signal, Stack, StackConfig, free_addresses};
use checker::ledger::Ledger;
use checker::{self, Amplification, Evidence, Phase, Settling, Subject};

/// A point that is not reached by then is not reached.
const STRUCK_WITHIN: Duration = Duration::from_secs(20);
/// After the strike everything is settled within this time.
const RESTS_WITHIN: Duration = Duration::from_secs(30);
/// A process that was killed is ready again within this time.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// A relay that has not beaten for so long does not beat any more.
const SILENT_MAX_S: f64 = 2.0;
const POLL: Duration = Duration::from_millis(3);
/// The load of one round.
const ORDERS: u32 = 40;
const ORDERS_PER_S: f64 = 200.0;
const CLIENTS: usize = 60;
const ITEMS: u32 = 40;
const ON_HAND: i64 = 1_000;

/// What all cells share.
pub(super) struct Ground {
    stack: Stack,
    stimuli: Stimuli,
    ledgers: Vec<Ledger>,
    began: Instant,
    relay_starts: u64,
}

/// The log of the process that has the point.
struct Watch {
    target: String,
    log: File,
    mark: String,
    seen: String,
    struck: Option<Instant>,
    died: bool,
    /// Asked to stop, in this life: a second time would force it.
    is_asked_to_stop: bool,
}

impl Ground {
    pub(super) async fn start(options: &Options, directory: &Path) -> anyhow::Result<Self> {
        let [front, behind] = free_addresses()?;
        let proxy = Proxy::start(front, behind).await?;
        let mut environment = vec![
            ("BREAKER_OPEN_MS".to_owned(), BREAKER_OPEN_MS.to_owned()),
            ("GREMLIN_ENABLED".to_owned(), "true".to_owned()),
        ];
        environment.extend(options.stack.environment.iter().cloned());
        let stack = Stack::start(StackConfig {
            binary: options.stack.binary()?,
            directory: directory.to_owned(),
            layout: Layout::Apart { order_apis: 1, relays: 2 },
            durability: options.stack.database.into(),
            postgres_settings: vec![],
            postgres_environment: vec![],
            environment,
            line: false,
            proxied_inventory: Some((front, behind)),
            crashes_max: u32::MAX,
        })
        .await?;
        let mut inventory = PgConnection::connect(&stack.inventory_url()).await?;
        schema_inventory::lab::insert_stock(&mut inventory, i64::from(ITEMS), ON_HAND).await?;
        let stimuli = Stimuli::new(&stack, behind, proxy).await?;
        Ok(Self { stack, stimuli, ledgers: vec![], began: Instant::now(), relay_starts: 2 })
    }

    pub(super) async fn run(&mut self, task: Task, seed: u64) -> anyhow::Result<Cell> {
        let first = self.ledgers.len();
        let mut watch = self.arm(task).await?;
        let until = Instant::now() + STRUCK_WITHIN;
        while watch.struck.is_none() && Instant::now() < until {
            self.one_round(task, seed, &mut watch).await?;
        }
        self.stimuli.proxy.set(Rule::Pass);
        let mut wrong = vec![];
        let rested = self.rest(&mut watch).await?;
        if rested.is_none() {
            wrong.push(format!("not at rest within {RESTS_WITHIN:?}"));
        }
        if watch.struck.is_none() {
            wrong.push("the point was not reached".to_owned());
            self.restart(&watch.target, None).await?;
        } else if has_to_end(task, &watch) {
            wrong.extend(self.goes_on(&mut watch).await?);
        }
        wrong.extend(self.silent_relays().await?);
        let checked = self.check(Phase::Quiescent).await?;
        wrong.extend(checked.faults.iter().map(|(check, times)| format!("{check}: {times}")));
        if checked.counts.parked > 0 {
            wrong.push(format!("{} parked", checked.counts.parked));
        }
        let entries = || self.ledgers[first..].iter().flat_map(Ledger::entries);
        Ok(Cell {
            point: task.point.name(),
            action: task.action.name(),
            hit: task.hit,
            struck: watch.struck.is_some(),
            died: watch.died,
            rested_ms: watch.struck.zip(rested).map(|(struck, at)| millis(at - struck)),
            orders: entries().count() as u64,
            acknowledged: entries().filter(|entry| entry.outcome.is_acknowledged()).count() as u64,
            wrong,
        })
    }

    /// Everything so far, against everything that clients were told.
    pub(super) async fn check(&self, phase: Phase) -> anyhow::Result<checker::Report> {
        let subject = Subject {
            orders_url: self.stack.orders_url(),
            inventory_url: self.stack.inventory_url(),
        };
        let floor = retry_floor(self.began.elapsed(), self.relay_starts);
        let evidence = Evidence {
            ledgers: self.ledgers.iter().collect(),
            settling: Some(Settling {
                faults_ended_at: chrono::Utc::now(),
                within: RESTS_WITHIN + RESTS_WITHIN,
            }),
            amplification: Some(Amplification { percent: 20, floor }),
            half_open: vec![],
        };
        Ok(checker::check(&subject, phase, &evidence).await?)
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stack.stop().await
    }

    /// Starts the process that has the point with the point armed.
    async fn arm(&mut self, task: Task) -> anyhow::Result<Watch> {
        let target = match task.point.process() {
            "inventory-api" => "inventory-api".to_owned(),
            kind => format!("{kind}-1"),
        };
        let process = self.stack.process_mut(&target)?;
        let mut log = File::open(process.log())?;
        process.kill().await?;
        log.seek(SeekFrom::End(0))?;
        let mark = format!("{STRUCK}{}", task.point.name());
        let (seen, struck, died) = (String::new(), None, false);
        let mut watch = Watch { target, log, mark, seen, struck, died, is_asked_to_stop: false };
        let process = self.stack.process_mut(&watch.target)?;
        process.set_variable(VARIABLE, Some(task.name()));
        process.start().await?;
        process.set_variable(VARIABLE, None);
        // It may strike before it is ready.
        let until = Instant::now() + READY_WITHIN;
        while watch.struck.is_none() && !self.stack.process_mut(&watch.target)?.is_ready().await {
            anyhow::ensure!(Instant::now() < until, "{} does not become ready", watch.target);
            self.look(&mut watch).await?;
            sleep(POLL).await;
        }
        Ok(watch)
    }

    /// A small load, and what else the point needs.
    async fn one_round(&mut self, task: Task, seed: u64, watch: &mut Watch) -> anyhow::Result<()> {
        let load = load::start(plan(seed, &self.stack))?;
        let stimuli = self.stimuli.clone();
        let site = task.point.site;
        let stimulus = tokio::spawn(async move { stimuli.apply(site).await });
        let asks_to_stop = matches!(site, Site::HandOver | Site::LeaveRelays);
        while !(load.is_finished() && stimulus.is_finished()) {
            if asks_to_stop && !watch.is_asked_to_stop && is_under_way(&load) {
                self.stack.process_mut(&watch.target)?.signal(Signal::Stop);
                watch.is_asked_to_stop = true;
            }
            self.look(watch).await?;
            sleep(POLL).await;
        }
        stimulus.await.context("a stimulus panicked")??;
        let results = spawn_blocking(move || load.finish()).await?;
        self.ledgers.push(results.ledger);
        Ok(())
    }

    /// Notices the strike, and starts again what has ended.
    async fn look(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        watch.log.read_to_string(&mut watch.seen)?;
        if watch.struck.is_none() && watch.seen.contains(&watch.mark) {
            watch.struck = Some(Instant::now());
        }
        if self.stack.process_mut(&watch.target)?.ended_unasked().is_some() {
            // What it wrote last may not have been read yet.
            watch.log.read_to_string(&mut watch.seen)?;
            if !watch.seen.contains(&watch.mark) {
                let process = self.stack.process_mut(&watch.target)?;
                bail!(
                    "{} ended before its point was reached:\n{}",
                    watch.target,
                    process.log_tail()
                );
            }
            watch.struck.get_or_insert_with(Instant::now);
            watch.died = true;
            self.start_again(&watch.target.clone()).await?;
        }
        self.stack.check_others_running(&watch.target)
    }

    async fn start_again(&mut self, name: &str) -> anyhow::Result<()> {
        self.relay_starts += u64::from(name.starts_with("relay"));
        let process = self.stack.process_mut(name)?;
        process.start().await?;
        process.wait_ready(READY_WITHIN).await
    }

    async fn restart(&mut self, name: &str, setting: Option<String>) -> anyhow::Result<()> {
        let process = self.stack.process_mut(name)?;
        process.kill().await?;
        process.set_variable(VARIABLE, setting);
        self.start_again(name).await
    }

    /// Until no work is left; when that was.
    async fn rest(&mut self, watch: &mut Watch) -> anyhow::Result<Option<Instant>> {
        let mut orders = PgConnection::connect(&self.stack.orders_url()).await?;
        let until = Instant::now() + RESTS_WITHIN;
        while Instant::now() < until {
            self.look(watch).await?;
            let messages = outbox::measure_depth(&mut orders).await?.messages;
            if messages == 0 && bulk_actions::next_turn_ms(&mut orders).await?.is_none() {
                return Ok(Some(Instant::now()));
            }
            sleep(POLL).await;
        }
        Ok(None)
    }

    /// Waits for the end of a process that has to end, which may come after the last order has settled: were it left to
    /// the next cell, it would be an end that nobody has asked for.
    async fn goes_on(&mut self, watch: &mut Watch) -> anyhow::Result<Option<String>> {
        let until = Instant::now() + READY_WITHIN;
        while !watch.died && Instant::now() < until {
            self.look(watch).await?;
            sleep(POLL).await;
        }
        Ok((!watch.died).then(|| format!("{} goes on, though it has to end", watch.target)))
    }

    /// Relays that run and do not beat: nothing is lost with them, and nothing is done.
    async fn silent_relays(&self) -> anyhow::Result<Vec<String>> {
        let mut orders = PgConnection::connect(&self.stack.orders_url()).await?;
        let until = Instant::now() + READY_WITHIN;
        loop {
            let members = relays::list_members(&mut orders).await?;
            let beats = |url: &str| {
                members.iter().any(|m| m.url.as_deref() == Some(url) && m.silent_s < SILENT_MAX_S)
            };
            let relays = self.stack.named("relay");
            let silent = relays.filter(|relay| !beats(&format!("http://{}", relay.address())));
            let silent: Vec<String> =
                silent.map(|relay| format!("{} does not beat", relay.name())).collect();
            if silent.is_empty() || Instant::now() > until {
                return Ok(silent);
            }
            sleep(POLL).await;
        }
    }
}

/// Killed, asked to stop, or a relay whose heartbeat has panicked (it may have beaten a moment ago all the same).
fn has_to_end(task: Task, watch: &Watch) -> bool {
    task.action == Action::Kill
        || watch.is_asked_to_stop
        || (task.point.site == Site::BeatRelay && task.action == Action::Panic)
}

fn plan(seed: u64, stack: &Stack) -> Plan {
    let targets = stack.order_addresses();
    let first = targets[0];
    Plan {
        targets,
        pace: Pace::Open { orders_per_s: ORDERS_PER_S },
        basket: Basket::OneLine { items: ITEMS, quantity_max: 2 },
        patience: Patience {
            answer: Duration::from_secs(5),
            tries_max: 200,
            give_up_share: 0.05,
            repeat_share: 0.1,
            follow: Duration::ZERO,
            ..Patience::default()
        },
        stop_after: Some(STRUCK_WITHIN),
        orders_max: Some(ORDERS),
        seed,
        ..Plan::closed(first, CLIENTS)
    }
}

fn is_under_way(load: &Running) -> bool {
    load.live.begun.load(Relaxed) > u64::from(ORDERS) / 4
}
