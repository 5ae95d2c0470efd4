//! `valerix sagas …` and `valerix stats`

use clap::{Args, Subcommand};

use super::bulk::Bulk;
use super::filter::Filter;
use super::http::{Of, Remote};
use super::page::{collect, encoded};
use super::print::{self, Column};
use super::repair::{self, OnOne, Resolve};
use super::timeline::{self, Timeline};

const COLUMNS: [Column; 6] = [
    ("id", "/id"),
    ("state", "/state"),
    ("reason", "/reason"),
    ("in doubt", "/in_doubt"),
    ("attempt", "/attempt"),
    ("what is happening", "/headline"),
];
const FIELDS: [Column; 16] = [
    ("id", "/id"),
    ("state", "/state"),
    ("reason", "/reason"),
    ("what is happening", "/headline"),
    ("stock", "/explanation/stock"),
    ("next", "/explanation/next_step"),
    ("what to do", "/explanation/advice"),
    ("in doubt", "/in_doubt"),
    ("attempt", "/attempt"),
    ("lines", "/lines"),
    ("held by", "/owner/name"),
    ("next try", "/next_try_at"),
    ("deadline", "/deadline_at"),
    ("created", "/created_at"),
    ("updated", "/updated_at"),
    ("runbook", "/explanation/runbook"),
];
const WORDS: [Column; 5] = [
    ("now", "/headline"),
    ("stock", "/stock"),
    ("next", "/next_step"),
    ("what to do", "/advice"),
    ("runbook", "/runbook"),
];
const STEPS: [Column; 8] = [
    ("#", "/number"),
    ("what", "/action"),
    ("started", "/started_at"),
    ("took (ms)", "/took_ms"),
    ("waited (ms)", "/waited_ms"),
    ("outcome", "/outcome_text"),
    ("worker", "/worker/name"),
    ("epoch", "/epoch"),
];
const STATES: [Column; 3] =
    [("state", "/state"), ("count", "/count"), ("oldest (ms)", "/oldest_age_ms")];

/// What can be asked about sagas.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Sagas {
    /// List sagas, newest first
    List(List),
    /// Show one saga in detail
    Show(One),
    /// Explain one saga in plain words
    Explain(One),
    /// List attempts, one line each
    Steps(One),
    /// Draw the timeline
    Timeline(Timeline),
    /// Try again now
    Retry(OnOne),
    /// Release its stock and cancel it
    Cancel(OnOne),
    /// Resolve a parked saga, with evidence
    Resolve(Resolve),
    /// Add a note
    Note(OnOne),
    /// Act on all matching sagas
    Bulk(Box<Bulk>),
}

/// Which saga.
#[derive(Args, Clone, Debug)]
pub(crate) struct One {
    /// The order's id.
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Only sagas that wait or ended for this reason.
    #[arg(long)]
    reason: Option<String>,
    /// Maximum sagas.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Sagas) -> anyhow::Result<()> {
    match asked {
        Sagas::List(asked) => list(asked).await,
        Sagas::Show(One { id, remote }) => one(&remote, &path(&id), &FIELDS).await,
        Sagas::Explain(One { id, remote }) => {
            one(&remote, &format!("{}/explain", path(&id)), &WORDS).await
        }
        Sagas::Steps(One { id, remote }) => {
            let path = format!("{}/steps", path(&id));
            let items = collect(&remote, Of::Orders, &path, &[], 10_000).await?;
            print::items(&remote, &items, &STEPS);
            Ok(())
        }
        Sagas::Timeline(asked) => timeline::run(asked).await,
        Sagas::Retry(asked) => repair::act("retry", asked).await,
        Sagas::Cancel(asked) => repair::act("cancel", asked).await,
        Sagas::Note(asked) => repair::act("note", asked).await,
        Sagas::Resolve(asked) => repair::resolve(asked).await,
        Sagas::Bulk(asked) => super::bulk::run(*asked).await,
    }
}

/// `valerix stats`: the states, and how old the oldest in each is.
pub(super) async fn stats(remote: &Remote) -> anyhow::Result<()> {
    let stats = remote.get(Of::Orders, "/api/sagas/stats")?.send().await?;
    let states = stats["states"].as_array().cloned().unwrap_or_default();
    print::items(remote, &states, &STATES);
    Ok(())
}

async fn list(asked: List) -> anyhow::Result<()> {
    let List { filter: Filter { state, in_doubt, stuck, item, query }, reason, limit, remote } =
        asked;
    let only = |wanted: bool| wanted.then(|| "true".to_owned());
    let filters = [
        ("state", state),
        ("reason", reason),
        ("in_doubt", only(in_doubt)),
        ("stuck", only(stuck)),
        ("item_id", item),
        ("q", query),
    ];
    let limit = usize::from(limit);
    let items = collect(&remote, Of::Orders, "/api/sagas", &filters, limit).await?;
    print::items(&remote, &items, &COLUMNS);
    Ok(())
}

async fn one(remote: &Remote, path: &str, fields: &[Column]) -> anyhow::Result<()> {
    let saga = remote.get(Of::Orders, path)?.send().await?;
    print::one(remote, &saga, fields);
    Ok(())
}

fn path(id: &str) -> String {
    format!("/api/sagas/{}", encoded(id))
}
