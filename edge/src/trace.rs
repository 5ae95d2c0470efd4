//! W3C trace context: taken from the request or made here, so that one id follows an order
//! through request, outbox, relay and inventory.
//!
//! The context of the request being served is a task local ([`TraceContext::current`]): problems
//! and log lines name it without every function passing it on. A spawned task does not inherit it.

mod sampler;

use std::fmt::{self, Write};
use std::sync::OnceLock;

use http::HeaderMap;

pub(crate) use sampler::Sampler;

use sampler::SAMPLED;

const VERSION: &str = "00";
/// Sampled, and "the id is random" of level 2; what else may be set is not known here.
const KNOWN_FLAGS: u8 = 0x03;

/// Who decides which traces are kept; nobody while nobody wants spans.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace a request belongs to, and the span that this process works in.
///
/// Source: <https://www.w3.org/TR/trace-context/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The caller's trace, or a new one.
    pub trace_id: u128,
    /// Our own span, new for each request.
    pub span_id: u64,
    /// The caller's span; `None` where the trace begins here.
    pub parent_id: Option<u64>,
    /// Trace flags; bit 0 says that the trace is sampled.
    pub flags: u8,
}

impl TraceContext {
    /// The context of the request this task serves, if it serves one.
    pub fn current() -> Option<TraceContext> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Goes on with the caller's trace; a missing, malformed or repeated `traceparent` begins a new
    /// one. Here it is decided whether the trace is kept.
    pub fn from_headers(headers: &HeaderMap) -> TraceContext {
        let mut given = headers.get_all("traceparent").iter();
        let only = given.next().filter(|_| given.next().is_none());
        let continued = only
            .and_then(|value| value.to_str().ok())
            .and_then(TraceContext::continued_from)
            .map(|caller| TraceContext {
                flags: flags_of(caller.trace_id, Some(caller.flags)),
                ..caller
            });
        continued.unwrap_or_else(TraceContext::mint)
    }

    /// A new trace.
    pub fn mint() -> TraceContext {
        let trace_id = rand::random::<u128>().max(1);
        let flags = flags_of(trace_id, None);
        TraceContext { trace_id, span_id: fresh_span(), parent_id: None, flags }
    }

    /// A new span in the trace that `traceparent` names.
    pub fn continued_from(traceparent: &str) -> Option<TraceContext> {
        let mut parts = traceparent.trim().split('-');
        let version = parts.next()?;
        let (trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let known = version == VERSION && parts.next().is_none();
        let future = is_hex(version, 2) && version > VERSION && version != "ff";
        if !(known || future) || !is_hex(trace, 32) || !is_hex(parent, 16) || !is_hex(flags, 2) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let parent_id = u64::from_str_radix(parent, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()? & KNOWN_FLAGS;
        Some(TraceContext { trace_id, span_id: fresh_span(), parent_id: Some(parent_id), flags })
    }

    /// The header value that hands this span on as the parent.
    pub fn traceparent(&self) -> String {
        format!("{VERSION}-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }

    /// The trace id as 32 hex digits, as problems and logs show it.
    pub fn trace_id_hex(&self) -> String {
        let mut text = String::with_capacity(32);
        write!(text, "{:032x}", self.trace_id).expect("writing to a string cannot fail");
        text
    }

    /// Whether the trace is kept.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Runs `work` with this context as the current one, for work that is done apart from its request.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// Runs `work` with this context as the current one.
    pub(crate) fn enter<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.trace_id)
    }
}

/// From now on this sampler decides. `false`: another one does already.
pub(crate) fn set_sampler(sampler: Sampler) -> bool {
    SAMPLER.set(sampler).is_ok()
}

/// Without anybody who wants spans the caller's word is passed on as it came.
fn flags_of(trace_id: u128, caller: Option<u8>) -> u8 {
    match SAMPLER.get() {
        Some(sampler) => sampler.flags_of(trace_id, caller),
        None => caller.unwrap_or(SAMPLED),
    }
}

fn fresh_span() -> u64 {
    rand::random::<u64>().max(1)
}

/// Lower case only, as the recommendation demands.
fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
