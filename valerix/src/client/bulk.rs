//! `valerix sagas bulk`: one action on all that match, exactly as many as were seen, with the true result of each.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::filter::Filter;
use super::http::{CallError, Of, Remote};
use super::print::{self, Column};
use super::repair::Acting;

const PATH: &str = "/api/bulk-actions";
const PREVIEW: [Column; 5] = [
    ("sagas", "/count"),
    ("would apply", "/would_apply"),
    ("would refuse", "/would_refuse"),
    ("as of", "/as_of"),
    ("examples", "/examples"),
];
const DONE: [Column; 7] = [
    ("bulk action", "/id"),
    ("state", "/state"),
    ("sagas", "/total"),
    ("applied", "/results/applied"),
    ("refused", "/results/refused"),
    ("had moved", "/results/moved"),
    ("were gone", "/results/missing"),
];
/// How often its progress is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// One action on many sagas.
#[derive(Args, Clone, Debug)]
pub(crate) struct Bulk {
    /// The action
    kind: Kind,
    #[command(flatten)]
    acting: Acting,
    /// How many matching sagas you expect. Without it nothing is changed, and the number is printed.
    #[arg(long)]
    expect: Option<u64>,
    #[command(flatten)]
    filter: Filter,
    /// Only sagas that wait or ended for this reason.
    #[arg(long)]
    with_reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Retry,
    Cancel,
    Note,
}

pub(super) async fn run(asked: Bulk) -> anyhow::Result<()> {
    let Bulk { kind, acting, expect, filter, with_reason, remote } = asked;
    let kind = kind.to_possible_value().expect("no kind is hidden");
    let mut body = json!({
        "type": kind.get_name(), "reason": acting.reason, "dry_run": true,
        "filter": filter.as_json(with_reason.as_deref()),
    });
    let preview = post(&remote, &body, &acting).await?;
    if acting.dry_run {
        print::one(&remote, &preview, &PREVIEW);
        return Ok(());
    }
    let count = &preview["count"];
    let Some(expect) = expect else {
        let text = format!("{count} sagas match, nothing was done; to go on: --expect {count}");
        return Err(CallError::Refused(text).into());
    };
    body["dry_run"] = false.into();
    body["as_of"] = preview["as_of"].clone();
    body["expected_count"] = expect.into();
    let mut bulk = post(&remote, &body, &acting).await?;
    let path = format!("{PATH}/{}?limit=1", bulk["id"].as_str().unwrap_or_default());
    while bulk["state"] == "running" {
        tokio::time::sleep(LOOK_EVERY).await;
        bulk = remote.get(Of::Orders, &path)?.send().await?;
    }
    print::one(&remote, &bulk, &DONE);
    Ok(())
}

async fn post(remote: &Remote, body: &Value, acting: &Acting) -> anyhow::Result<Value> {
    let call = remote.post(Of::Orders, PATH, body)?;
    call.header("Valerix-Actor", &acting.who.name()).send().await
}
