//! POST /api/inventory/reservations:batch: many reserves in one request, each decided and answered
//! as if it had come alone.
//!
//! In: `{"entries": [{reservation_id, order_id, epoch, deadline_ms, lines, traceparent?}, …]}`. Out: one line of JSON
//! per entry, as soon as it is decided and in no order:
//! `{"reservation_id", "status", "retry_after_s", "body"}`, with the status and the body the single
//! call would have had. An entry that cannot be read has a line of its own, and spoils no other; an
//! answer that breaks off leaves the missing ones unknown. That is also how the gremlin cuts a connection
//! here: the entry it struck has no line, and the answer breaks off once all others have theirs.
//!
//! `traceparent` is the W3C trace context of the entry's own call; one that is malformed is overlooked.
//! The answer's header `Saga-Entry-Fields` names the optional fields, so that a caller knows what it may
//! send: a version that does not know a field refuses its entry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use edge::{CutConnection, Problem, Span, SpanKind, TraceContext, parse_strict};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use schema_inventory::{Command, Reserve};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::InventoryApi;
use crate::intake::Asked;
use crate::lines::{RequestedLine, check_lines};
use crate::reservations::decide;
use crate::saga_headers::{check_epoch, deadline};
use crate::verdict::{CommandAnswer, Failure};

/// Entries of one request.
const ENTRIES_MAX: usize = 1_000;
/// Largest request. A relay's batch of orders of a hundred lines each must fit.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Answers written out together at most.
const LINES_AT_ONCE: usize = 256;
/// What an entry may have beyond what every version knows.
const ENTRY_FIELDS: (&str, &str) = ("saga-entry-fields", "traceparent");
const NDJSON: &str = "application/x-ndjson";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reservation_id: Uuid,
    order_id: Uuid,
    epoch: Option<i64>,
    deadline_ms: Option<u64>,
    lines: Vec<RequestedLine>,
    /// Sent by relays of an older version, for an order that asks for a lost reply. It has no effect.
    #[serde(rename = "gremlin")]
    _gremlin: Option<bool>,
    /// W3C trace context of this entry's call.
    traceparent: Option<String>,
}

/// The same, with its entries unread.
#[derive(Deserialize)]
struct UnreadBatch<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named {
    reservation_id: Uuid,
}

/// An entry that was read, or what to answer it.
struct BatchEntry {
    reservation_id: Uuid,
    asked: Result<Asked, Problem>,
    context: Option<TraceContext>,
}

#[derive(Serialize)]
struct AnswerLine<T> {
    reservation_id: Uuid,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
    body: T,
}

pub(crate) async fn reserve_batch(
    State(api): State<Arc<InventoryApi>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = edge::read_json_bytes(&headers, body, BYTES_MAX).await?;
    let entries = read_entries(&body, api.config.call_time())?;
    let context = TraceContext::current();
    let answers: FuturesUnordered<_> =
        entries.into_iter().map(|entry| answer(api.clone(), entry, context)).collect();
    let headers = [(header::CONTENT_TYPE.as_str(), NDJSON), ENTRY_FIELDS];
    Ok((headers, Body::from_stream(in_chunks(answers))).into_response())
}

/// `None` is an answer that is cut off.
fn in_chunks(
    answers: impl Stream<Item = Option<Vec<u8>>>,
) -> impl Stream<Item = Result<Bytes, CutConnection>> {
    let was_cut = Arc::new(AtomicBool::new(false));
    let saw_cut = was_cut.clone();
    let lines = answers.ready_chunks(LINES_AT_ONCE).map(move |lines| {
        if lines.iter().any(Option::is_none) {
            was_cut.store(true, Ordering::Relaxed);
        }
        Ok(Bytes::from(lines.into_iter().flatten().collect::<Vec<_>>().concat()))
    });
    let end = stream::once(async move { saw_cut.load(Ordering::Relaxed) });
    lines.chain(end.filter_map(async |was_cut| was_cut.then_some(Err(CutConnection))))
}

/// Strictly as a whole; where that fails, each entry for itself.
fn read_entries(body: &[u8], longest: Duration) -> Result<Vec<BatchEntry>, Problem> {
    match parse_strict::<Batch>(body) {
        Ok(Batch { entries }) => {
            check_count(entries.len())?;
            Ok(entries.into_iter().map(|entry| entry.take(longest)).collect())
        }
        Err(problem) => {
            let unread: UnreadBatch<'_> = serde_json::from_slice(body).map_err(|_| problem)?;
            check_count(unread.entries.len())?;
            let unread = unread.entries.into_iter().enumerate();
            unread.map(|(index, raw)| read_entry(index, raw, longest)).collect()
        }
    }
}

fn read_entry(index: usize, raw: &RawValue, longest: Duration) -> Result<BatchEntry, Problem> {
    let raw = raw.get();
    match parse_strict::<Entry>(raw.as_bytes()) {
        Ok(entry) => Ok(entry.take(longest)),
        Err(problem) => {
            // without its name it cannot be answered, so nobody's entry is executed
            let Named { reservation_id } = serde_json::from_str(raw).map_err(|_| {
                let pointer = format!("/entries/{index}/reservation_id");
                Problem::invalid(pointer, "invalid-value", "each entry names its reservation")
            })?;
            Ok(BatchEntry { reservation_id, asked: Err(problem), context: None })
        }
    }
}

fn check_count(count: usize) -> Result<(), Problem> {
    if count == 0 || count > ENTRIES_MAX {
        return Err(Problem::invalid("/entries", "out-of-range", "1 to 1000 entries"));
    }
    Ok(())
}

impl Entry {
    fn take(self, longest: Duration) -> BatchEntry {
        let reservation_id = self.reservation_id;
        let context = self.traceparent.as_deref().and_then(TraceContext::continued_from);
        BatchEntry { reservation_id, asked: self.check(longest), context }
    }

    fn check(self, longest: Duration) -> Result<Asked, Problem> {
        check_epoch(self.epoch, "/epoch")?;
        let lines = check_lines(self.lines, "/lines")?;
        let reserve = Reserve::new(self.reservation_id, self.order_id, self.epoch, lines);
        let until = deadline(self.deadline_ms, longest);
        Ok(Asked { command: Command::Reserve(reserve), until })
    }
}

/// `batch` is the trace of the request that brought the entry.
async fn answer(
    api: Arc<InventoryApi>,
    entry: BatchEntry,
    batch: Option<TraceContext>,
) -> Option<Vec<u8>> {
    let BatchEntry { reservation_id, asked, context } = entry;
    let Some(context) = context.or(batch) else {
        return decided(&api, reservation_id, asked).await.1;
    };
    let begun = Instant::now();
    let (status, line) = context.around(decided(&api, reservation_id, asked)).await;
    if context.parent_id.is_some()
        && let Some(span) = Span::of(context, crate::SERVICE, SpanKind::Server)
    {
        end(span, batch, status, begun);
    }
    line
}

/// The status of the entry's answer, and its line; none where it is cut off.
async fn decided(
    api: &InventoryApi,
    id: Uuid,
    asked: Result<Asked, Problem>,
) -> (Option<u16>, Option<Vec<u8>>) {
    let verdict = match asked {
        Ok(asked) => decide(api, asked).await,
        Err(problem) => Err(problem.into()),
    };
    let told = match verdict {
        Ok(answer) => Ok(answer),
        Err(Failure::Problem(problem)) => Err(problem),
        Err(Failure::Disconnect) => return (None, None),
    };
    let status = told.as_ref().map_or_else(Problem::status, CommandAnswer::status);
    (Some(status.as_u16()), Some(write_line(id, &told)))
}

/// An entry is a call of its own; the request it came in is another trace, or the same one.
fn end(span: Span, batch: Option<TraceContext>, status: Option<u16>, begun: Instant) {
    let mut span = span.named("reserve (batch entry)");
    if let Some(batch) = batch {
        span = span.linked_to(batch.trace_id, batch.span_id);
    }
    match status {
        Some(status) => span = span.with("http.response.status_code", i64::from(status)),
        None => span = span.failed("cut off"),
    }
    span.end(begun.elapsed());
}

fn write_line(reservation_id: Uuid, verdict: &Result<CommandAnswer, Problem>) -> Vec<u8> {
    let line = match verdict {
        Ok(answer) => {
            let status = answer.status().as_u16();
            serde_json::to_vec(&AnswerLine {
                reservation_id,
                status,
                retry_after_s: None,
                body: answer,
            })
        }
        Err(problem) => serde_json::to_vec(&AnswerLine {
            reservation_id,
            status: problem.status().as_u16(),
            retry_after_s: problem.retry_after(),
            body: problem,
        }),
    };
    let mut line = line.expect("ids, numbers and problems always serialise");
    line.push(b'\n');
    line
}
