//! The limit: the same row writes without any service, by the pgbench beside the stack's Postgres.
//!
//! The statements in `reference/` are fixed, so that figures stay comparable between versions and
//! machines. They are no part of the product and touch none of its tables, which is why they stand
//! here and not in `schema/`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use tokio::fs;
use tokio::process::Command;

use crate::stack::{REFERENCE, Stack, of_ended_children, of_machine, of_tree};

const SCHEMA: &str = include_str!("reference/schema.sql");
const ONE: &str = include_str!("reference/one.sql");
const B100: &str = include_str!("reference/b100.sql");
/// Orders in each transaction of `b100.sql`.
const ORDERS_PER_BATCH: f64 = 100.0;

/// What the server can write, in orders per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limit {
    /// One order at a time, in separate transactions.
    pub one_per_s: f64,
    /// The same in statements of a hundred orders.
    pub b100_per_s: f64,
    /// Microseconds of processor time per order, pgbench and server together, one at a time.
    pub one_cpu_us: f64,
    /// The same in statements of a hundred orders.
    pub b100_cpu_us: f64,
    /// Cores that were busy with something else meanwhile.
    pub others_cores: f64,
}

/// Runs the reference on a stack's server.
pub(super) struct Reference {
    pgbench: PathBuf,
    url: String,
    directory: PathBuf,
    server: Option<u32>,
    each: Duration,
}

/// What one run of pgbench came to.
struct Ran {
    orders_per_s: f64,
    cpu_us: f64,
    others_cores: f64,
}

impl Reference {
    pub(super) async fn prepare(stack: &Stack, each: Duration) -> anyhow::Result<Self> {
        let directory = stack.directory().join("reference");
        fs::create_dir_all(&directory).await?;
        fs::write(directory.join("one.sql"), ONE).await?;
        fs::write(directory.join("b100.sql"), B100).await?;
        let pgbench = find_pgbench(stack.postgres().bin_dir())?;
        let server = stack.postgres().pid();
        Ok(Self { pgbench, url: stack.postgres().url(REFERENCE), directory, server, each })
    }

    /// Both, each on fresh tables.
    pub(super) async fn measure(&self) -> anyhow::Result<Limit> {
        let one = self.pgbench("one.sql", 16, 1.0).await?;
        let b100 = self.pgbench("b100.sql", 4, ORDERS_PER_BATCH).await?;
        // What it has written goes at once: the server would tidy it up in the time that is measured next.
        self.make_tables().await?;
        Ok(Limit {
            one_per_s: one.orders_per_s,
            b100_per_s: b100.orders_per_s,
            one_cpu_us: one.cpu_us,
            b100_cpu_us: b100.cpu_us,
            others_cores: f64::midpoint(one.others_cores, b100.others_cores),
        })
    }

    async fn pgbench(&self, script: &str, clients: u32, orders: f64) -> anyhow::Result<Ran> {
        self.make_tables().await?;
        let began = Instant::now();
        let (ours_before, machine_before) = (self.cpu(), of_machine());
        let run = Command::new(&self.pgbench)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", self.each.as_secs().max(1)))
            .arg(format!("--file={}", self.directory.join(script).display()))
            .arg(&self.url)
            .kill_on_drop(true)
            .output();
        let output = run.await.context("pgbench does not start")?;
        let seconds = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stdout);
        let Some(per_s) = transactions_per_s(&said).filter(|_| output.status.success()) else {
            bail!("pgbench failed:\n{said}\n{}", String::from_utf8_lossy(&output.stderr))
        };
        let orders_per_s = per_s * orders;
        let ours = self.cpu().saturating_sub(ours_before).as_secs_f64();
        let machine = of_machine()
            .zip(machine_before)
            .map_or(ours, |(now, before)| now.saturating_sub(before).as_secs_f64());
        Ok(Ran {
            orders_per_s,
            cpu_us: ours * 1e6 / (orders_per_s * seconds),
            others_cores: (machine - ours).max(0.0) / seconds,
        })
    }

    /// Of the server, and of every pgbench that has ended.
    fn cpu(&self) -> Duration {
        let server = self.server.and_then(of_tree).map_or(Duration::ZERO, |usage| usage.cpu);
        server + of_ended_children()
    }

    async fn make_tables(&self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        // One statement a line: `vacuum` may share a transaction with nothing.
        for statement in SCHEMA.lines() {
            sqlx::raw_sql(statement).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}

/// The mean of what was measured before and after.
pub(super) fn between(before: Limit, after: Limit) -> Limit {
    let mean = |figure: fn(&Limit) -> f64| f64::midpoint(figure(&before), figure(&after));
    Limit {
        one_per_s: mean(|limit| limit.one_per_s),
        b100_per_s: mean(|limit| limit.b100_per_s),
        one_cpu_us: mean(|limit| limit.one_cpu_us),
        b100_cpu_us: mean(|limit| limit.b100_cpu_us),
        others_cores: mean(|limit| limit.others_cores),
    }
}

/// Beside the server, or else on the PATH.
fn find_pgbench(beside: &Path) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("pgbench"));
    let mut places = std::iter::once(beside.join("pgbench")).chain(on_path);
    places.find(|file| file.is_file()).with_context(|| {
        format!(
            "there is no pgbench in {} nor on the PATH, so the limit cannot be measured: install \
             PostgreSQL's client programs, or leave it out with --no-reference",
            beside.display()
        )
    })
}

fn transactions_per_s(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.starts_with("tps = "))?;
    line.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests;
