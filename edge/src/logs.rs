//! Logs: to standard error, for people or as JSON lines; standard output belongs to commands.

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

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

/// Begins logging for the whole process, panics included.
pub fn init_tracing(config: &LogConfig) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter = EnvFilter::try_new(&config.log_filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log_format {
        LogFormat::Human => {
            lines
                .compact()
                .with_target(false)
                .with_ansi(io::stderr().is_terminal())
                .finish()
                .try_init()?;
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        let message = panicked.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "a task panicked");
    }));
    Ok(())
}
