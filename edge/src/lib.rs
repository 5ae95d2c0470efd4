//! What every HTTP face shares: accept loop, problem+json, limits, health, request metrics.
//!
//! A service builds its `Router`, wraps it with [`Shell`] (ids, limit, metrics, security headers,
//! panics) and hands it to [`serve`]. Handlers take [`StrictJson`] and [`StrictQuery`] and answer
//! [`Problem`]s. Nothing here knows an order or a stock, and nothing here logs a request that went
//! well: at the aimed rate that alone would cost more than the request.

#![warn(missing_docs)]

mod cached;
mod caller;
mod cursor;
mod door;
mod etag;
mod failure_log;
pub mod health;
mod idempotency_key;
mod json;
mod limit;
mod logs;
mod lossy_writer;
mod lost_reply;
mod object;
mod problem;
mod process;
mod prometheus;
mod query;
mod request_metrics;
mod serve;
mod shell;
mod strict;
mod telemetry;
mod trace;
mod window;

pub use cached::Cached;
pub use caller::{Caller, Peer};
pub use cursor::{filters_digest, invalid_cursor};
pub use etag::{etag, with_etag};
pub use failure_log::FailureLog;
pub use idempotency_key::{check_idempotency_key, idempotency_key, invalid_idempotency_key};
pub use json::{
    BODY_BYTES_MAX, BODY_TIMEOUT, StrictJson, parse_strict, read_body, read_json, read_json_bytes,
};
pub use limit::{LimitConfig, RateLimit};
pub use logs::{LogConfig, LogError, LogFormat, flush_logs, init_tracing, write_to_stderr};
pub use lost_reply::{mark_for_lost_reply, wants_lost_reply};
pub use object::Object;
pub use problem::{FieldError, Problem};
pub use process::Vitals;
pub use prometheus::{MetricsHandle, install_prometheus, metrics_route};
pub use query::StrictQuery;
pub use serve::{Accept, BindError, CutConnection, ServeConfig, bind, serve};
pub use shell::{Shell, wrap};
pub use strict::is_plain_text;
pub use telemetry::{Span, SpanKind, Telemetry, TelemetryConfig, TelemetryError, begin_telemetry};
pub use trace::TraceContext;
pub use window::{BucketSnapshot, Light, ResponseWindow, Timing, WINDOW_S, WindowSnapshot};
