//! What each fault does, and how long it is felt.

use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal as KernelSignal, kill_process};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::{Came, Runner};
use crate::crash::clock::{self, Clock};
use crate::crash::fault::{Fault, Kind, Target};
use crate::crash::proxy::Rule;
use crate::crash::recovery::{
    RECOVERED_WITHIN, member_at, next_confirmed, server_answers, taken_over,
};
use crate::crash::{database, disk};
use crate::stack::{Process, Signal, Trouble, children_of};

/// So long after the fault what was held back arrives.
const LATE_BY: Duration = Duration::from_secs(1);
/// With inventory out of reach: until orders wait for another try; then with its answers late: until some are
/// held.
const SOME_WAIT: Duration = Duration::from_millis(400);
const SOME_ARE_HELD: Duration = Duration::from_millis(500);
const RESTART_WITHIN: Duration = Duration::from_secs(15);

impl Runner {
    pub(super) async fn inflict(&mut self, fault: Fault) -> anyhow::Result<Came> {
        match fault.kind {
            Kind::Kill(target) => self.kill(target, fault).await,
            Kind::Freeze(target) => self.freeze(target, fault).await,
            Kind::Restart(target) => self.restart(target, fault).await,
            Kind::KillPostgres | Kind::KillAllOfPostgres => self.kill_postgres(fault.kind).await,
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
            Kind::Line(trouble) => self.trouble(trouble, fault).await,
            Kind::FillDisk => self.fill_disk(fault).await,
            Kind::Jump(Clock::Services) => {
                let minutes = clock::minutes_of(fault.pick);
                self.set_clock(Clock::Services, minutes)?;
                sleep(fault.lasts).await;
                self.set_clock(Clock::Services, 0)?;
                let recovered = next_confirmed(&self.load, Instant::now()).await;
                Ok(Came { target: format!("all services, by {minutes} min"), recovered })
            }
            Kind::Jump(Clock::Postgres) => self.jump_postgres(fault).await,
        }
    }

    fn pick(&self, target: Target, fault: Fault) -> String {
        let names: Vec<&str> = self.stack.named(target.prefix()).map(Process::name).collect();
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
    async fn kill_postgres(&mut self, kind: Kind) -> anyhow::Result<Came> {
        let pid = self.stack.postgres().pid().context("the server runs")?;
        if kind == Kind::KillAllOfPostgres {
            kill_family(pid)?;
        } else {
            kill_process(Pid::from_raw(pid.cast_signed()).context("an id")?, KernelSignal::KILL)?;
        }
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

    /// Recovery counts from the end of the fault.
    async fn trouble(&mut self, trouble: Trouble, fault: Fault) -> anyhow::Result<Came> {
        let line = self.stack.line().context("this scenario has no line")?;
        line.set(Some(trouble));
        sleep(fault.lasts).await;
        line.set(None);
        let recovered = next_confirmed(&self.load, Instant::now()).await;
        Ok(Came { target: "the line to postgres".to_owned(), recovered })
    }

    /// Recovery counts from when there is room again.
    async fn fill_disk(&mut self, fault: Fault) -> anyhow::Result<Came> {
        let filler = self.disk.as_ref().context("this scenario has no small disk")?.filler();
        let taken = spawn_blocking(move || disk::fill(&filler, fault.lasts)).await??;
        let recovered = next_confirmed(&self.load, Instant::now()).await;
        Ok(Came { target: format!("postgres, {taken} MiB taken"), recovered })
    }

    fn set_clock(&self, clock: Clock, minutes: i64) -> anyhow::Result<()> {
        let clocks = self.clocks.as_ref().context("this scenario has no clocks")?;
        clocks.set(clock, minutes).context("a clock cannot be set")
    }

    /// There and back. At each jump some sagas wait, others are held, and a relay that holds them dies: what
    /// is written says times that are not true any more. Recovery is from the jump on, until what the relay
    /// held has been taken over and orders are confirmed again.
    async fn jump_postgres(&mut self, fault: Fault) -> anyhow::Result<Came> {
        let minutes = clock::minutes_of(fault.pick);
        let mut longest = Some(Duration::ZERO);
        for minutes in [minutes, 0] {
            let name = self.pick(Target::Relay, fault);
            let member = self.member(&name).await?;
            self.proxy.set(Rule::Refuse);
            sleep(SOME_WAIT).await;
            self.proxy.set(Rule::DelayAnswers(Duration::from_millis(700)));
            sleep(SOME_ARE_HELD).await;
            self.stack.process_mut(&name)?.kill().await?;
            self.set_clock(Clock::Postgres, minutes)?;
            let jumped = Instant::now();
            self.proxy.set(Rule::Pass);
            let taken = match member {
                Some(member) => taken_over(&self.stack.orders_url(), member, jumped).await?,
                None => None,
            };
            let moving = next_confirmed(&self.load, jumped).await;
            let taken = taken.zip(moving).map(|(taken, moving)| taken.max(moving));
            longest = longest.zip(taken).map(|(longest, taken)| longest.max(taken));
            let process = self.stack.process_mut(&name)?;
            process.start().await?;
            process.wait_ready(RECOVERED_WITHIN).await?;
            self.relay_starts += 1;
            sleep(fault.lasts).await;
        }
        Ok(Came { target: format!("postgres, by {minutes} min"), recovered: longest })
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
}

/// The server first stops, so that it notices nothing; then it is killed with all its children.
fn kill_family(server: u32) -> anyhow::Result<()> {
    let pid = |pid: u32| Pid::from_raw(pid.cast_signed()).context("a process id");
    kill_process(pid(server)?, KernelSignal::STOP)?;
    for child in children_of(server) {
        // One that has ended meanwhile need not be killed.
        let _ = kill_process(pid(child)?, KernelSignal::KILL);
    }
    kill_process(pid(server)?, KernelSignal::KILL)?;
    Ok(())
}
