//! The limit: the same row writes without any service, by the pgbench beside the stack's Postgres.
//!
//! The statements in `reference/` are fixed, so that figures stay comparable between versions and
//! machines. They are no part of the product and touch none of its tables, which is why they stand
//! here and not in `schema/`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use tokio::fs;
use tokio::process::Command;

use crate::stack::{REFERENCE, Stack};

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
}

/// Runs the reference on a stack's server.
pub(super) struct Reference {
    pgbench: PathBuf,
    url: String,
    directory: PathBuf,
    each: Duration,
}

impl Reference {
    pub(super) async fn prepare(stack: &Stack, each: Duration) -> anyhow::Result<Self> {
        let directory = stack.directory().join("reference");
        fs::create_dir_all(&directory).await?;
        fs::write(directory.join("one.sql"), ONE).await?;
        fs::write(directory.join("b100.sql"), B100).await?;
        let pgbench = find_pgbench(stack.postgres().bin_dir())?;
        Ok(Self { pgbench, url: stack.postgres().url(REFERENCE), directory, each })
    }

    /// Both, each on fresh tables.
    pub(super) async fn measure(&self) -> anyhow::Result<Limit> {
        let one_per_s = self.pgbench("one.sql", 16).await?;
        let b100_per_s = self.pgbench("b100.sql", 4).await? * ORDERS_PER_BATCH;
        Ok(Limit { one_per_s, b100_per_s })
    }

    async fn pgbench(&self, script: &str, clients: u32) -> anyhow::Result<f64> {
        self.make_tables().await?;
        let run = Command::new(&self.pgbench)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", self.each.as_secs().max(1)))
            .arg(format!("--file={}", self.directory.join(script).display()))
            .arg(&self.url)
            .kill_on_drop(true)
            .output();
        let output = run.await.context("pgbench does not start")?;
        let said = String::from_utf8_lossy(&output.stdout);
        match transactions_per_s(&said) {
            Some(per_s) if output.status.success() => Ok(per_s),
            _ => bail!("pgbench failed:\n{said}\n{}", String::from_utf8_lossy(&output.stderr)),
        }
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
    Limit {
        one_per_s: f64::midpoint(before.one_per_s, after.one_per_s),
        b100_per_s: f64::midpoint(before.b100_per_s, after.b100_per_s),
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
