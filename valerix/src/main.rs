//! The one binary: the whole stack, each service, and the tools around them.
//!
//! Here is only wiring: what a service does stands in its own crate. Start at [`commands`], then the file named
//! like the subcommand. Standard output belongs to what a command prints; logs go to standard error.

mod cli;
mod commands;
mod databases;
mod desk;
mod errors;
mod listening;
mod output;
mod running;
mod settings;
mod shutdown;
mod waiting;

use std::process::ExitCode;
use std::time::Duration;

/// What is still under way when a command has come to its end (a download, say) is not waited for.
const LEFTOVERS_MAX: Duration = Duration::from_millis(100);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let asked = cli::read();
    match run(asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", errors::describe(&error));
            ExitCode::from(errors::exit_code(&error))
        }
    }
}

fn run(asked: cli::Asked) -> anyhow::Result<()> {
    edge::init_tracing(&asked.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(commands::run(asked.command, asked.settings));
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    outcome
}
