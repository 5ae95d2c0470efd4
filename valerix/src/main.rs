//! The one binary: the whole stack, each service, and the tools around them.
//!
//! Here is only wiring: what a service does stands in its own crate. Start at [`commands`], then the file named
//! like the subcommand. Standard output belongs to what a command prints; logs go to standard error.

mod cli;
mod commands;
mod databases;
mod errors;
mod migrate;
mod postgres;
mod shutdown;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (log, command) = cli::Cli::read();
    match run(&log, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", errors::describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(log: &edge::LogConfig, command: cli::Command) -> anyhow::Result<()> {
    edge::init_tracing(log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::run(command))
}
