//! One run: a stack, a load, a nemesis, rest, and the verdict.

mod inflict;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use failpoints::known_bad;
use sqlx::{Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::clock::{self, Clock, Clocks};
use super::disk::{self, Disk};
use super::fault::FaultRecord;
use super::nemesis::Nemesis;
use super::options::Options;
use super::people::People;
use super::proxy::Proxy;
use super::report::Report;
use super::scenario::Setup;
use super::story;
use crate::load::{self, Basket, Pace, Patience, Plan, Running};
use crate::stack::{Layout, Stack, StackConfig, free_addresses};
use checker::{Amplification, Evidence, Phase, Settling, Subject, check};

/// Connections of the clients: orders that can be under way at once.
const CLIENTS: usize = 2_000;
/// I11: after the last fault everything settles within this time.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);
/// How long a run with a planted flaw is given to come to rest.
const RESTS_BADLY_WITHIN: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(20);
/// A breaker that stays open for long hides what a fault does to calls.
pub(super) const BREAKER_OPEN_MS: &str = "300";
/// Retries per second that a relay's budget always allows, and what it may have saved up.
const RETRY_FLOOR_PER_S: u64 = 100;
const RETRY_SAVED: u64 = 1_000;

/// What one fault came to.
struct Came {
    target: String,
    recovered: Option<Duration>,
}

struct Runner {
    stack: Stack,
    disk: Option<Disk>,
    clocks: Option<Clocks>,
    proxy: Proxy,
    front_doors: Vec<Proxy>,
    people: People,
    load: Running,
    began: Instant,
    began_at: DateTime<Utc>,
    records: Vec<FaultRecord>,
    relay_starts: u64,
}

pub(super) async fn run(options: &Options, directory: &Path) -> anyhow::Result<Report> {
    let setup = options.scenario.setup();
    let Ground { stack, proxy, disk, clocks } = start(options, &setup, directory).await?;
    let mut front_doors = vec![];
    for address in stack.order_addresses() {
        let [front] = free_addresses()?;
        front_doors.push(Proxy::start(front, address).await?);
    }
    let people = People::new(stack.order_addresses()[0])?;
    let targets = front_doors.iter().map(Proxy::address).collect();
    let load = load::start(plan(options, &setup, targets))?;
    let relay_starts = setup.relays as u64;
    let mut runner = Runner {
        stack,
        disk,
        clocks,
        proxy,
        front_doors,
        people,
        load,
        began: Instant::now(),
        began_at: Utc::now(),
        records: vec![],
        relay_starts,
    };
    let nemesis = Nemesis::new(setup.habits, setup.pause_ms.clone(), options.seed);
    let outcome = runner.break_things(options, nemesis).await;
    outcome
        .with_context(|| format!("the run failed; repeat it with: {}", options.command_line()))?;
    runner.finish(options).await
}

/// What a run stands on.
struct Ground {
    stack: Stack,
    proxy: Proxy,
    disk: Option<Disk>,
    clocks: Option<Clocks>,
}

async fn start(options: &Options, setup: &Setup, directory: &Path) -> anyhow::Result<Ground> {
    let [front, behind] = free_addresses()?;
    let proxy = Proxy::start(front, behind).await?;
    let mut environment = vec![("BREAKER_OPEN_MS".to_owned(), BREAKER_OPEN_MS.to_owned())];
    environment.extend(options.stack.environment.iter().cloned());
    let flaw = options.known_bad.as_deref();
    environment.extend(flaw.map(|flaw| (known_bad::VARIABLE.to_owned(), flaw.to_owned())));
    let mut settings = postgres_settings(flaw);
    let mut disk = None;
    if setup.small_disk {
        let place = directory.join("postgres");
        std::fs::create_dir(&place)?;
        disk = Some(Disk::mount(&place)?);
        settings.extend(disk::SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let library = setup.clocks.then(clock::library).transpose().map_err(anyhow::Error::msg)?;
    let clocks = library.map(|library| Clocks::new(library, directory)).transpose()?;
    let of_clock = |clock| clocks.as_ref().map(|clocks| clocks.environment(clock));
    environment.extend(of_clock(Clock::Services).unwrap_or_default());
    let stack = Stack::start(StackConfig {
        binary: options.stack.binary()?,
        directory: directory.to_owned(),
        layout: Layout::Apart { order_apis: setup.order_apis, relays: setup.relays },
        durability: options.stack.database.into(),
        postgres_settings: settings,
        postgres_environment: of_clock(Clock::Postgres).unwrap_or_default(),
        environment,
        line: setup.line,
        proxied_inventory: Some((front, behind)),
        crashes_max: u32::MAX,
    })
    .await?;
    let mut inventory = PgConnection::connect(&stack.inventory_url()).await?;
    let ordered_of_each = f64::from(options.orders) / f64::from(setup.items);
    let on_hand = (ordered_of_each * setup.stock_share * 1.5).ceil().max(1.0) as i64;
    schema_inventory::lab::insert_stock(&mut inventory, i64::from(setup.items), on_hand).await?;
    inventory.close().await?;
    Ok(Ground { stack, proxy, disk, clocks })
}

/// What Postgres is told so that a flaw shows: it writes its log only when somebody waits for it.
fn postgres_settings(flaw: Option<&str>) -> Vec<(String, String)> {
    let settings: &[(&str, &str)] = match flaw {
        Some("commit-not-flushed") => &[
            ("wal_writer_delay", "10s"),
            ("wal_writer_flush_after", "1GB"),
            ("bgwriter_lru_maxpages", "0"),
        ],
        _ => &[],
    };
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Good clients, impatient ones, and ones that ask again although they know.
fn plan(options: &Options, setup: &Setup, targets: Vec<SocketAddr>) -> Plan {
    let first = targets[0];
    Plan {
        targets,
        clients: CLIENTS,
        pace: Pace::Open { orders_per_s: options.rate },
        basket: Basket::OneLine { items: setup.items, quantity_max: 2 },
        patience: Patience {
            answer: Duration::from_secs(5),
            tries_max: 200,
            give_up_share: 0.05,
            repeat_share: 0.05,
            follow: Duration::ZERO,
            ..Patience::default()
        },
        stop_after: Some(options.duration()),
        orders_max: Some(options.orders),
        slice: Duration::from_millis(250),
        seed: options.seed,
        ..Plan::closed(first, CLIENTS)
    }
}

impl Runner {
    /// Until the load has ended, or there were enough faults.
    async fn break_things(
        &mut self,
        options: &Options,
        mut nemesis: Nemesis,
    ) -> anyhow::Result<()> {
        let enough = if options.faults == 0 { u32::MAX } else { options.faults };
        while (self.records.len() as u32) < enough && !self.load_has_ended() {
            let fault = nemesis.next();
            sleep(fault.pause).await;
            let at = Instant::now();
            let came = self.inflict(fault).await?;
            self.records.push(FaultRecord {
                kind: fault.kind,
                target: came.target,
                at_ms: millis(at - self.began),
                lasted_ms: millis(fault.lasts),
                recovered_ms: came.recovered.map(millis),
                cut_short: came.recovered.is_none() && self.load_has_ended(),
            });
        }
        self.load.control.stop();
        Ok(())
    }

    fn load_has_ended(&self) -> bool {
        self.load.is_finished() || self.load.control.phase() == load::Phase::Stopped
    }

    async fn finish(mut self, options: &Options) -> anyhow::Result<Report> {
        let faults_ended_at = Utc::now();
        let load = self.load;
        let results = spawn_blocking(move || load.finish()).await?;
        self.stack.check_all_running()?;
        let (orders_url, inventory_url) = (self.stack.orders_url(), self.stack.inventory_url());
        let longest = match options.known_bad {
            // Such a run may never come to rest, and need not.
            Some(_) => RESTS_BADLY_WITHIN,
            None => SETTLES_WITHIN + SETTLES_WITHIN,
        };
        let rested = wait_rest(&orders_url, longest).await?;
        let floor = retry_floor(self.began.elapsed(), self.relay_starts);
        // A clock that has jumped cannot tell how long anything took; that all came to rest was seen.
        let settling = Settling { faults_ended_at, within: SETTLES_WITHIN };
        let evidence = Evidence {
            ledgers: vec![&results.ledger],
            settling: self.clocks.is_none().then_some(settling),
            amplification: Some(Amplification { percent: 20, floor }),
            half_open: vec![],
        };
        let checked =
            check(&Subject { orders_url, inventory_url }, Phase::Quiescent, &evidence).await?;
        let mut report = Report::new(options, self.records, &results, rested, checked);
        report.story = story::find(&story::Run {
            orders_url: &self.stack.orders_url(),
            began_at: self.began_at,
            faults: &report.faults,
            offending: &report.checked.offending_orders(),
        })
        .await?;
        let log = self.stack.postgres().directory().join("server.log");
        let kept = self.stack.directory().join("postgres.log");
        self.stack.stop().await?;
        if self.disk.is_some() {
            // What it says goes with its disk.
            std::fs::copy(log, kept)?;
        }
        drop(self.disk);
        Ok(report)
    }
}

/// Retries that the budgets of all relays together allow beyond the share.
pub(super) fn retry_floor(elapsed: Duration, relay_starts: u64) -> u64 {
    (elapsed.as_secs() * RETRY_FLOOR_PER_S + RETRY_SAVED) * relay_starts.max(1)
}

/// Waits until no work is left, and a little longer than everything may take; the checker says what is
/// left then.
async fn wait_rest(orders_url: &str, longest: Duration) -> anyhow::Result<Duration> {
    let mut connection = PgConnection::connect(orders_url).await?;
    let began = Instant::now();
    while schema_orders::outbox::measure_depth(&mut connection).await?.messages > 0 {
        if began.elapsed() > longest {
            break;
        }
        sleep(POLL).await;
    }
    Ok(began.elapsed())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
