//! `valerix orders watch`: every move of one order, over its event stream; by asking again where there is none.

use std::time::Duration;

use anyhow::bail;
use futures_util::StreamExt;
use saga::StateName;
use serde_json::Value;

use super::http::{Of, Output, Remote};
use super::print::{self, Column};
use crate::output;

const EVENT: [Column; 4] = [
    ("updated", "/updated_at"),
    ("status", "/status"),
    ("reason", "/reason"),
    ("version", "/version"),
];
/// Streams that end without a word before asking is tried instead.
const LOST_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// What a stream came to.
enum Stream {
    /// The order has ended, or needs a person.
    Ended(Value),
    /// It was cut after this event, or before any.
    Lost { has_told: bool },
    /// The service does not stream, at least not now.
    None,
}

/// Says each move once, until the order has ended or nobody listens any more.
pub(super) async fn watch(remote: &Remote, path: &str) -> anyhow::Result<()> {
    tokio::select! {
        ended = tell_moves(remote, path) => ended,
        () = output::reader_has_left() => Ok(()),
    }
}

async fn tell_moves(remote: &Remote, path: &str) -> anyhow::Result<()> {
    let mut seen = 0;
    let mut lost = 0;
    while lost < LOST_MAX {
        match follow(remote, path, &mut seen).await? {
            Stream::Ended(order) => return ended(&order),
            Stream::Lost { has_told: true } => lost = 0,
            Stream::Lost { has_told: false } => lost += 1,
            Stream::None => break,
        }
        tokio::time::sleep(PAUSE).await;
    }
    ask_again(remote, path, seen).await
}

async fn follow(remote: &Remote, path: &str, seen: &mut i64) -> anyhow::Result<Stream> {
    let call = remote.stream(Of::Orders, &format!("{path}/events"))?;
    let call = if *seen > 0 { call.header("Last-Event-ID", &seen.to_string()) } else { call };
    let Some(response) = call.send_for_stream().await? else { return Ok(Stream::None) };
    let mut chunks = response.bytes_stream();
    let (mut bytes, mut has_told) = (Vec::new(), false);
    while let Some(Ok(chunk)) = chunks.next().await {
        bytes.extend_from_slice(&chunk);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let order: Value = serde_json::from_str(data.trim_end())?;
            *seen = order["version"].as_i64().unwrap_or(*seen);
            has_told = true;
            tell(remote, &order);
            if needs_no_relay(&order) {
                return Ok(Stream::Ended(order));
            }
        }
    }
    Ok(Stream::Lost { has_told })
}

/// The long poll: it may skip what was over quickly, and never the end.
async fn ask_again(remote: &Remote, path: &str, mut seen: i64) -> anyhow::Result<()> {
    loop {
        let order = remote.get(Of::Orders, &format!("{path}?wait=25"))?.send().await?;
        let Some(version) = order["version"].as_i64() else { bail!("the answer is not an order") };
        if version != seen {
            seen = version;
            tell(remote, &order);
        }
        if needs_no_relay(&order) {
            return ended(&order);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn tell(remote: &Remote, order: &Value) {
    match remote.output {
        Output::Table => print::line(order, &EVENT),
        Output::Json | Output::Ndjson => print::one(remote, order, &[]),
    }
}

fn needs_no_relay(order: &Value) -> bool {
    state_of(order).is_some_and(StateName::needs_no_relay)
}

fn state_of(order: &Value) -> Option<StateName> {
    StateName::parse(order["status"].as_str()?)
}

fn ended(order: &Value) -> anyhow::Result<()> {
    if state_of(order) == Some(StateName::Parked) {
        bail!("the order is parked: a person has to look at it (valerix sagas explain)");
    }
    Ok(())
}
