//! The one binary: the whole stack, each service, and the tools around them.
//!
//! Here is only wiring: what a service does stands in its own crate. Start at [`commands`], then the file named
//! like the subcommand. Standard output belongs to what a command prints; logs go to standard error.

mod cli;
mod client;
mod commands;
mod databases;
mod errors;
mod listening;
mod output;
mod running;
mod settings;
mod shutdown;
mod waiting;

use std::process::ExitCode;
use std::time::Duration;

use failpoints::known_bad;

/// What is still under way when a command has come to its end (a download, say) is not waited for.
const LEFTOVERS_MAX: Duration = Duration::from_millis(100);

/// At the end of the process, what has been logged has this long to be written.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let asked = cli::read();
    let code = match run(asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            edge::write_to_stderr(&format!("error: {}\n", errors::describe(&error)));
            ExitCode::from(errors::exit_code(&error))
        }
    };
    edge::flush_logs(LAST_WORDS_MAX);
    code
}

fn run(asked: cli::Asked) -> anyhow::Result<()> {
    edge::init_tracing(&asked.log, schema_pg::watch_commits())?;
    failpoints::arm(variable(failpoints::VARIABLE).as_deref())?;
    known_bad::plant(variable(known_bad::VARIABLE).as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run_traced(asked));
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    outcome
}

/// Of the environment, however it is written.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Orders do not need spans: where they cannot be sent, that is said, and nothing else changes.
async fn run_traced(asked: cli::Asked) -> anyhow::Result<()> {
    let service = commands::traced_as(&asked.command);
    let begun = service.map(|service| edge::begin_telemetry(&asked.telemetry, service)).transpose();
    let telemetry = begun.unwrap_or_else(|why| {
        tracing::warn!("no spans are sent: {}", errors::describe(&why.into()));
        None
    });
    let outcome = commands::run(asked.command, asked.settings).await;
    if let Some(telemetry) = telemetry.flatten() {
        telemetry.end().await;
    }
    outcome
}
