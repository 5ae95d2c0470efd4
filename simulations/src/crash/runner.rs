//! One run: a stack, a load, a nemesis, rest, and the verdict.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal as KernelSignal, kill_process};
use schema_pg::known_bad;
use sqlx::{Connection, PgConnection};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::database;
use super::fault::{Fault, Kind, Target};
use super::nemesis::Nemesis;
use super::options::Options;
use super::people::People;
use super::proxy::{Proxy, Rule};
use super::recovery::{RECOVERED_WITHIN, member_at, next_confirmed, server_answers, taken_over};
use super::report::{FaultRecord, Report};
use super::scenario::Setup;
use crate::checker::{Amplification, Evidence, Phase, Settling, Subject, check};
use crate::load::{self, Basket, Pace, Patience, Plan, Running};
use crate::stack::{Layout, Signal, Stack, StackConfig, free_addresses};

/// Connections of the clients: orders that can be under way at once.
const CLIENTS: usize = 2_000;
/// I11: after the last fault everything settles within this time.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);
/// How long a run with a planted flaw is given to come to rest.
const RESTS_BADLY_WITHIN: Duration = Duration::from_secs(8);
/// So long after the fault what was held back arrives.
const LATE_BY: Duration = Duration::from_secs(1);
const RESTART_WITHIN: Duration = Duration::from_secs(15);
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
    proxy: Proxy,
    front_doors: Vec<Proxy>,
    people: People,
    load: Running,
    began: Instant,
    records: Vec<FaultRecord>,
    relay_starts: u64,
}

pub(super) async fn run(options: &Options, directory: &Path) -> anyhow::Result<Report> {
    let setup = options.scenario.setup();
    let (stack, proxy) = start(options, &setup, directory).await?;
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
        proxy,
        front_doors,
        people,
        load,
        began: Instant::now(),
        records: vec![],
        relay_starts,
    };
    let nemesis = Nemesis::new(setup.habits, setup.pause_ms.clone(), options.seed);
    let outcome = runner.break_things(options, nemesis).await;
    outcome
        .with_context(|| format!("the run failed; repeat it with: {}", options.command_line()))?;
    runner.finish(options).await
}

async fn start(
    options: &Options,
    setup: &Setup,
    directory: &Path,
) -> anyhow::Result<(Stack, Proxy)> {
    let [front, behind] = free_addresses()?;
    let proxy = Proxy::start(front, behind).await?;
    let mut environment = vec![("BREAKER_OPEN_MS".to_owned(), BREAKER_OPEN_MS.to_owned())];
    environment.extend(options.environment.iter().cloned());
    let flaw = options.known_bad.as_deref();
    environment.extend(flaw.map(|flaw| (known_bad::VARIABLE.to_owned(), flaw.to_owned())));
    let stack = Stack::start(StackConfig {
        binary: options.binary()?,
        directory: directory.to_owned(),
        layout: Layout::Apart { order_apis: setup.order_apis, relays: setup.relays },
        postgres_settings: vec![],
        environment,
        proxied_inventory: Some((front, behind)),
        crashes_max: u32::MAX,
    })
    .await?;
    let mut inventory = PgConnection::connect(&stack.inventory_url()).await?;
    let ordered_of_each = f64::from(options.orders) / f64::from(setup.items);
    let on_hand = (ordered_of_each * setup.stock_share * 1.5).ceil().max(1.0) as i64;
    schema_inventory::bulk::insert_stock(&mut inventory, i64::from(setup.items), on_hand).await?;
    inventory.close().await?;
    Ok((stack, proxy))
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

    async fn inflict(&mut self, fault: Fault) -> anyhow::Result<Came> {
        match fault.kind {
            Kind::Kill(target) => self.kill(target, fault).await,
            Kind::Freeze(target) => self.freeze(target, fault).await,
            Kind::Restart(target) => self.restart(target, fault).await,
            Kind::KillPostgres => self.kill_postgres().await,
            Kind::SwallowAnswers => self.misbehave(Rule::SwallowAnswers, fault).await,
            Kind::Unreachable => self.misbehave(Rule::Refuse, fault).await,
            Kind::Delay => {
                self.misbehave(Rule::DelayAnswers(Duration::from_millis(700)), fault).await
            }
            Kind::SendAgain => {
                self.misbehave(Rule::SendAgain(Duration::from_millis(400)), fault).await
            }
            Kind::ArriveLate => self.arrive_late(fault).await,
            Kind::SwallowFromClients => self.shut_out(Rule::SwallowAnswers, fault).await,
            Kind::CutClients => self.shut_out(Rule::Refuse, fault).await,
            Kind::CutDatabase => {
                database::cut_sessions(&self.stack.orders_url()).await?;
                let recovered = next_confirmed(&self.load, Instant::now()).await;
                Ok(Came { target: "postgres".to_owned(), recovered })
            }
            Kind::CrowdDatabase => {
                let taken = database::crowd(&self.stack.orders_url(), fault.lasts).await?;
                let recovered = next_confirmed(&self.load, Instant::now()).await;
                Ok(Came { target: format!("postgres, {taken} taken"), recovered })
            }
        }
    }

    fn pick(&self, target: Target, fault: Fault) -> String {
        let names: Vec<&str> =
            self.stack.named(target.prefix()).map(crate::stack::Process::name).collect();
        names[fault.pick as usize % names.len()].to_owned()
    }

    /// The relay's id in the database, while it is alive.
    async fn member(&mut self, name: &str) -> anyhow::Result<Option<i64>> {
        let address = self.stack.process_mut(name)?.address();
        member_at(&self.stack.orders_url(), &format!("http://{address}")).await
    }

    async fn kill(&mut self, target: Target, fault: Fault) -> anyhow::Result<Came> {
        let name = self.pick(target, fault);
        let member = if target == Target::Relay { self.member(&name).await? } else { None };
        let killed = Instant::now();
        self.stack.process_mut(&name)?.kill().await?;
        // Watched while it is started again: the others do not wait for that.
        let orders_url = self.stack.orders_url();
        let takeover = tokio::spawn(async move {
            match member {
                Some(member) => taken_over(&orders_url, member, killed).await,
                None => Ok(None),
            }
        });
        sleep(fault.lasts).await;
        let process = self.stack.process_mut(&name)?;
        process.start().await?;
        process.wait_ready(RECOVERED_WITHIN).await?;
        self.relay_starts += u64::from(target == Target::Relay);
        let recovered = match takeover.await?? {
            None if member.is_none() => next_confirmed(&self.load, killed).await,
            known => known,
        };
        Ok(Came { target: name, recovered })
    }

    async fn freeze(&mut self, target: Target, fault: Fault) -> anyhow::Result<Came> {
        let name = self.pick(target, fault);
        let member = if target == Target::Relay { self.member(&name).await? } else { None };
        let frozen = Instant::now();
        self.stack.process_mut(&name)?.signal(Signal::Freeze);
        let recovered = match member {
            Some(member) => taken_over(&self.stack.orders_url(), member, frozen).await?,
            None => None,
        };
        sleep(fault.lasts.saturating_sub(frozen.elapsed())).await;
        self.stack.process_mut(&name)?.signal(Signal::Thaw);
        let recovered = match recovered {
            None => next_confirmed(&self.load, frozen).await,
            known => known,
        };
        Ok(Came { target: name, recovered })
    }

    async fn restart(&mut self, target: Target, fault: Fault) -> anyhow::Result<Came> {
        let name = self.pick(target, fault);
        let member = if target == Target::Relay { self.member(&name).await? } else { None };
        let asked = Instant::now();
        self.stack.process_mut(&name)?.stop(RESTART_WITHIN).await?;
        let handed_over = match member {
            Some(member) => taken_over(&self.stack.orders_url(), member, asked).await?,
            None => None,
        };
        sleep(fault.lasts).await;
        let process = self.stack.process_mut(&name)?;
        process.start().await?;
        process.wait_ready(RECOVERED_WITHIN).await?;
        self.relay_starts += u64::from(target == Target::Relay);
        let recovered = match handed_over {
            None => next_confirmed(&self.load, asked).await,
            known => known,
        };
        Ok(Came { target: name, recovered })
    }

    /// Recovery counts from when the server answers again.
    async fn kill_postgres(&mut self) -> anyhow::Result<Came> {
        let pid = self.stack.postgres().pid().context("the server runs")?;
        let pid = Pid::from_raw(pid.cast_signed()).context("a process id")?;
        kill_process(pid, KernelSignal::KILL)?;
        let back = server_answers(&self.stack.orders_url()).await;
        let back = back.context("the killed server does not come back")?;
        let recovered = next_confirmed(&self.load, back).await;
        Ok(Came { target: "postgres".to_owned(), recovered })
    }

    /// Recovery counts from the end of the fault.
    async fn misbehave(&mut self, rule: Rule, fault: Fault) -> anyhow::Result<Came> {
        self.proxy.set(rule);
        sleep(fault.lasts).await;
        self.proxy.set(Rule::Pass);
        let recovered = next_confirmed(&self.load, Instant::now()).await;
        Ok(Came { target: "the way to inventory".to_owned(), recovered })
    }

    /// Orders are taken, cancelled and released while their reservations are still on the way.
    async fn arrive_late(&mut self, fault: Fault) -> anyhow::Result<Came> {
        self.proxy.set(Rule::ArriveLate(fault.lasts + LATE_BY));
        let began = Instant::now();
        self.people.place_and_cancel().await?;
        sleep(fault.lasts.saturating_sub(began.elapsed())).await;
        self.proxy.set(Rule::Pass);
        let recovered = next_confirmed(&self.load, Instant::now()).await;
        Ok(Came { target: "the way to inventory".to_owned(), recovered })
    }

    /// Recovery counts from the end of the fault.
    async fn shut_out(&mut self, rule: Rule, fault: Fault) -> anyhow::Result<Came> {
        self.front_doors.iter().for_each(|door| door.set(rule));
        sleep(fault.lasts).await;
        self.front_doors.iter().for_each(|door| door.set(Rule::Pass));
        let recovered = next_confirmed(&self.load, Instant::now()).await;
        Ok(Came { target: "the way to the order services".to_owned(), recovered })
    }

    async fn finish(mut self, options: &Options) -> anyhow::Result<Report> {
        let faults_ended_at = chrono::Utc::now();
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
        let evidence = Evidence {
            ledgers: vec![&results.ledger],
            settling: Some(Settling { faults_ended_at, within: SETTLES_WITHIN }),
            amplification: Some(Amplification { percent: 20, floor }),
            half_open: vec![],
        };
        let checked =
            check(&Subject { orders_url, inventory_url }, Phase::Quiescent, &evidence).await?;
        let report = Report::new(options, self.records, &results, rested, checked);
        self.stack.stop().await?;
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
