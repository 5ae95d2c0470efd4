//! The subcommands, one line each.

use crate::cli::Command;
use crate::{migrate, postgres};

/// Runs one subcommand to its end.
pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Postgres(data_dir) => postgres::run(&data_dir).await,
        Command::Migrate(urls) => migrate::run(&urls).await,
    }
}
