//! Logs: to standard error, for people or as JSON lines; standard output belongs to commands.
//!
//! Whoever logs only queues a line ([`crate::lossy_writer`]): a closed, full or unread standard error loses lines,
//! which are counted, and never stops the work that is told of.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde_json::json;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::lossy_writer::{LossyWriter, Lost};

const LOST: &str = "log_lines_dropped_total";
/// A panic may be followed by the end of the process: it is given this long to be told of.
const PANIC_TOLD_WITHIN: Duration = Duration::from_millis(50);

static STDERR: OnceLock<LossyWriter> = OnceLock::new();
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// What is logged, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct LogConfig {
    /// Format of log lines. Default: human.
    #[arg(long, env = "VALERIX_LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
    /// Which lines are logged, as directives of tracing's EnvFilter. Default: info.
    #[arg(long, env = "RUST_LOG", default_value = "info", global = true)]
    pub log_filter: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A directive is malformed.
    #[error("RUST_LOG is not a list of filter directives such as info,sqlx=warn")]
    Filter(#[from] ParseError),
    /// Something else logs already.
    #[error("logging was set up twice")]
    Twice(#[from] TryInitError),
}

/// Begins logging for the whole process, panics included. `watch` sees every event that it asks for, whether or not it
/// is logged.
pub fn init_tracing(
    config: &LogConfig,
    watch: impl Layer<Registry> + Send + Sync + 'static,
) -> Result<(), LogError> {
    // What a pool says each time it tries is told once, with its reason, by `schema_pg`.
    let filter = EnvFilter::try_new(&config.log_filter)?
        .add_directive("sqlx_core::pool::inner=off".parse()?);
    let _ = FORMAT.set(config.log_format);
    let lines = tracing_subscriber::fmt::layer()
        // Its own way of telling of an error is a macro that panics.
        .log_internal_errors(false)
        .with_writer(stderr().clone());
    let lines = match config.log_format {
        LogFormat::Human => {
            lines.compact().with_target(false).with_ansi(io::stderr().is_terminal()).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(watch).with(lines.with_filter(filter)).try_init()?;
    panic::set_hook(Box::new(tell_of_panic));
    Ok(())
}

/// Writes text to standard error as it is, after what has been logged; lost where nobody takes it.
pub fn write_to_stderr(text: &str) {
    stderr().push(text.as_bytes().to_vec());
}

/// Gives what has been logged this long to be written, for a process that is about to end.
pub fn flush_logs(longest: Duration) {
    stderr().flush(longest);
}

fn stderr() -> &'static LossyWriter {
    STDERR.get_or_init(|| LossyWriter::begin("stderr", io::stderr(), notice))
}

/// Panics are not logged as other events are: what has panicked may be the logging of an event.
fn tell_of_panic(panicked: &PanicHookInfo<'_>) {
    let place = panicked.location().map(ToString::to_string).unwrap_or_default();
    let text = panicked.payload_as_str().unwrap_or("no message");
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let fields = [("place", place.as_str()), ("thread", thread), ("panic", text)];
    stderr().push(line("ERROR", "a task panicked", &fields));
    flush_logs(PANIC_TOLD_WITHIN);
}

fn notice(lines: u64) -> Vec<u8> {
    line("WARN", "log lines were lost", &[("lines", &lines.to_string())])
}

/// One line as the log has them, made without its machinery.
fn line(level: &str, message: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
    let mut text = match FORMAT.get().copied().unwrap_or_default() {
        LogFormat::Human => {
            let mut text = format!("{at} {level:>5} {message}");
            for (name, value) in fields {
                write!(text, " {name}={value:?}").expect("writing to a string cannot fail");
            }
            text
        }
        LogFormat::Json => {
            let mut object = json!({ "timestamp": at, "level": level, "message": message });
            for (name, value) in fields {
                object[name] = json!(value);
            }
            object.to_string()
        }
    };
    text.push('\n');
    text.into_bytes()
}

pub(crate) fn describe() {
    metrics::describe_counter!(
        LOST,
        "log lines that were lost, by reason: they came faster than they were written, or could not be written"
    );
    count_lost();
}

/// Brings the counter up to date, when somebody looks.
pub(crate) fn count_lost() {
    let Lost { queue_full, not_written } = stderr().lost();
    metrics::counter!(LOST, "reason" => "queue_full").absolute(queue_full);
    metrics::counter!(LOST, "reason" => "not_written").absolute(not_written);
}

#[cfg(test)]
mod tests;
