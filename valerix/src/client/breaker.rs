//! `valerix breaker …`: how inventory looks to each relay, and a person's hand on the switch.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::http::{Of, Output, Remote};
use super::print::{self, Column};
use super::repair::Who;

const OF_RELAYS: [Column; 5] = [
    ("breaker", "/breaker"),
    ("state", "/state"),
    ("relay", "/relay"),
    ("at the relay", "/at_relay"),
    ("isolated by", "/by"),
];
const ORDER: [Column; 4] =
    [("isolated", "/isolated"), ("by", "/actor"), ("reason", "/reason"), ("at", "/at")];

/// What can be done with breakers.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Breaker {
    /// Show the breaker of each relay
    List(Remote),
    /// Pause calls to inventory until the breaker is closed
    Isolate(Switch),
    /// Resume calls, and return to automatic control
    Close(Switch),
}

/// Which, and why.
#[derive(Args, Clone, Debug)]
pub(crate) struct Switch {
    /// The breaker's name.
    #[arg(default_value = "inventory")]
    name: String,
    /// Why, for the audit log.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Breaker) -> anyhow::Result<()> {
    match asked {
        Breaker::List(remote) => list(&remote).await,
        Breaker::Isolate(asked) => switch("isolate", asked).await,
        Breaker::Close(asked) => switch("close", asked).await,
    }
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let answer = remote.get(Of::Orders, "/api/breakers")?.send().await?;
    let breakers = answer["items"].as_array().cloned().unwrap_or_default();
    let shown = match remote.output {
        Output::Table => breakers.iter().flat_map(rows).collect(),
        Output::Json | Output::Ndjson => breakers,
    };
    print::items(remote, &shown, &OF_RELAYS);
    Ok(())
}

/// One row per relay, and one for a breaker that has none.
fn rows(breaker: &Value) -> Vec<Value> {
    let relays = breaker["relays"].as_array().cloned().unwrap_or_default();
    let order = Some(&breaker["order"]).filter(|order| order["isolated"] == true);
    let row = |relay: &Value| {
        json!({
            "breaker": breaker["name"], "state": breaker["state"], "relay": relay["name"],
            "at_relay": relay["gate"]["breaker"]["state"], "by": order.map(|order| &order["actor"]),
        })
    };
    if relays.is_empty() { vec![row(&Value::Null)] } else { relays.iter().map(row).collect() }
}

async fn switch(kind: &str, asked: Switch) -> anyhow::Result<()> {
    let Switch { name, reason, who, remote } = asked;
    let path = format!("/api/breakers/{}/actions", super::page::encoded(&name));
    let call = remote.post(Of::Orders, &path, &json!({"type": kind, "reason": reason}))?;
    let order = call.header("Valerix-Actor", &who.name()).send().await?;
    print::one(&remote, &order, &ORDER);
    Ok(())
}
