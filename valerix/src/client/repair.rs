//! `valerix sagas retry|cancel|resolve|note`: what a person does to one saga, with a reason, under their name.
//!
//! The saga is looked at first, and the action is sent for the version that was seen: if it has moved in between,
//! nothing is done, and the answer says so.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::http::{Of, Remote};
use super::page::encoded;
use super::print::{self, Column};

const ACTED: [Column; 8] = [
    ("action", "/action/type"),
    ("result", "/action/result"),
    ("state before", "/action/before/state"),
    ("state after", "/action/after/state"),
    ("would be", "/would_be/headline"),
    ("now", "/saga/headline"),
    ("version", "/saga/version"),
    ("audit entry", "/action/id"),
];
const NAME_CHARS_MAX: usize = 100;

/// Who, why, and whether really.
#[derive(Args, Clone, Debug)]
pub(crate) struct Acting {
    /// Why, for the audit log.
    #[arg(long)]
    pub(super) reason: String,
    /// Show what would happen, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) who: Who,
}

/// In whose name.
#[derive(Args, Clone, Debug)]
pub(crate) struct Who {
    /// Your name, for the audit log. Default: the current user.
    #[arg(long, env = "VALERIX_ACTOR")]
    actor: Option<String>,
}

/// An action on one saga.
#[derive(Args, Clone, Debug)]
pub(crate) struct OnOne {
    /// The order's id.
    id: String,
    #[command(flatten)]
    acting: Acting,
    /// Act only on this version of the saga. Default: the current one.
    #[arg(long)]
    if_version: Option<i32>,
    #[command(flatten)]
    remote: Remote,
}

/// What somebody found out about a parked saga.
#[derive(Args, Clone, Debug)]
pub(crate) struct Resolve {
    /// Your finding.
    #[arg(long)]
    finding: Finding,
    /// How you know it.
    #[arg(long)]
    evidence: String,
    #[command(flatten)]
    on: OnOne,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Finding {
    /// The order is confirmed.
    StockHeld,
    /// The order fails as soon as its release is acknowledged.
    StockNotHeld,
}

impl Who {
    /// As the audit takes it: letters that a header can carry.
    pub(super) fn name(&self) -> String {
        let of_user = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let name = self.actor.clone().or_else(of_user).unwrap_or_default();
        let name: String = name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
        let name: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
        if name.is_empty() { "cli".to_owned() } else { name }
    }
}

/// Retry, cancel and note.
pub(super) async fn act(kind: &str, asked: OnOne) -> anyhow::Result<()> {
    send(asked, json!({"type": kind})).await
}

pub(super) async fn resolve(asked: Resolve) -> anyhow::Result<()> {
    let finding = match asked.finding {
        Finding::StockHeld => "stock_held",
        Finding::StockNotHeld => "stock_not_held",
    };
    let body = json!({"type": "resolve", "finding": finding, "evidence": asked.evidence});
    send(asked.on, body).await
}

async fn send(asked: OnOne, mut body: Value) -> anyhow::Result<()> {
    let OnOne { id, acting, if_version, remote } = asked;
    let path = format!("/api/sagas/{}", encoded(&id));
    let version = if let Some(version) = if_version {
        i64::from(version)
    } else {
        let saga = remote.get(Of::Orders, &path)?.send().await?;
        saga["version"].as_i64().unwrap_or_default()
    };
    body["reason"] = acting.reason.into();
    body["dry_run"] = acting.dry_run.into();
    let call = remote
        .post(Of::Orders, &format!("{path}/actions"), &body)?
        .header("If-Match", &format!("\"{version}\""))
        .header("Valerix-Actor", &acting.who.name());
    print::one(&remote, &call.send().await?, &ACTED);
    Ok(())
}
