//! One piece of work that has ended, as a trace shows it.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind as OtelKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::sync::mpsc;

use super::counts::{Dropped, count_dropped};
use crate::TraceContext;

static QUEUE: OnceLock<mpsc::Sender<Span>> = OnceLock::new();

/// Whether the work was done for somebody, or asked of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A request was answered.
    Server,
    /// A request was made.
    Client,
}

/// A piece of work; nothing is kept of it until it is [ended](Span::end).
#[derive(Clone, Debug)]
pub struct Span {
    context: TraceContext,
    scope: &'static str,
    kind: SpanKind,
    name: String,
    ended_at: SystemTime,
    took: Duration,
    attributes: Vec<KeyValue>,
    link: Option<(u128, u64)>,
    failed: Option<String>,
}

impl Span {
    /// Whether anybody wants spans; costs one look at a variable.
    pub fn are_wanted() -> bool {
        QUEUE.get().is_some()
    }

    /// Work of this service under this context. `None` where nobody wants the span, which is decided
    /// without building it.
    pub fn of(context: TraceContext, scope: &'static str, kind: SpanKind) -> Option<Span> {
        let is_wanted = Span::are_wanted() && context.is_sampled();
        is_wanted.then(|| Span {
            context,
            scope,
            kind,
            name: String::new(),
            ended_at: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            attributes: Vec::new(),
            link: None,
            failed: None,
        })
    }

    /// What was done: few different names, never an id.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Span {
        self.name = name.into();
        self
    }

    /// What is known of it.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Span {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// A span it has to do with, other than its parent.
    #[must_use]
    pub fn linked_to(mut self, trace_id: u128, span_id: u64) -> Span {
        self.link = Some((trace_id, span_id));
        self
    }

    /// It did not succeed.
    #[must_use]
    pub fn failed(mut self, why: impl Into<String>) -> Span {
        self.failed = Some(why.into());
        self
    }

    /// It has ended now, after this long. A full queue drops it.
    pub fn end(mut self, took: Duration) {
        self.ended_at = now();
        self.took = took;
        if let Some(queue) = QUEUE.get()
            && queue.try_send(self).is_err()
        {
            count_dropped(Dropped::QueueFull, 1);
        }
    }

    /// As the exporter takes it.
    pub(super) fn into_data(self) -> SpanData {
        let TraceContext { trace_id, span_id, parent_id, flags } = self.context;
        let mut links = SpanLinks::default();
        links.links.extend(
            self.link.map(|(trace_id, span_id)| {
                Link::with_context(span_context(trace_id, span_id, flags))
            }),
        );
        SpanData {
            span_context: span_context(trace_id, span_id, flags),
            parent_span_id: parent_id.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: parent_id.is_some(),
            span_kind: match self.kind {
                SpanKind::Server => OtelKind::Server,
                SpanKind::Client => OtelKind::Client,
            },
            name: self.name.into(),
            start_time: self.ended_at.checked_sub(self.took).unwrap_or(self.ended_at),
            end_time: self.ended_at,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: self.failed.map_or(Status::Unset, Status::error),
            instrumentation_scope: InstrumentationScope::builder(self.scope).build(),
        }
    }
}

/// From now on spans that end go there. `false`: they go elsewhere already.
pub(super) fn send_to(queue: mpsc::Sender<Span>) -> bool {
    QUEUE.set(queue).is_ok()
}

fn span_context(trace_id: u128, span_id: u64, flags: u8) -> SpanContext {
    let (trace, span) = (TraceId::from(trace_id), SpanId::from(span_id));
    SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default())
}

fn now() -> SystemTime {
    SystemTime::now()
}
