//! What can be said on the command line, and by which environment variables.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const DEFAULT_COMMAND: &str = "postgres";

/// Takes an order once, and finishes it, whatever breaks.
///
/// Without a subcommand everything runs in one process on an embedded Postgres.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: edge::LogConfig,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Only the embedded Postgres, in the foreground; prints the URLs of its databases
    Postgres(DataDir),
    /// Bring both databases to the shape that this binary knows
    Migrate(DatabaseUrls),
}

impl Cli {
    /// The command line, read as if the default subcommand had been written where none is.
    pub(crate) fn read() -> (edge::LogConfig, Command) {
        let cli = Cli::parse();
        if let Some(command) = cli.command {
            return (cli.log, command);
        }
        let line = std::env::args_os().chain([DEFAULT_COMMAND.into()]);
        let cli = Cli::parse_from(line);
        (cli.log, cli.command.expect("the default subcommand was just added"))
    }
}

/// Where the embedded Postgres keeps what must last.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataDir {
    /// Directory of everything that must last. Default: .valerix below the current directory.
    #[arg(long = "data-dir", env = "VALERIX_DATA_DIR", default_value = ".valerix")]
    pub(crate) path: PathBuf,
}

/// Databases that somebody else runs. Given both, no embedded Postgres is started.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseUrls {
    /// Database of the orders: postgres://user:password@host:5432/orders
    #[arg(long, env = "ORDER_DATABASE_URL", hide_env_values = true)]
    pub(crate) order_database_url: Option<String>,
    /// Database of the inventory: postgres://user:password@host:5432/inventory
    #[arg(long, env = "INVENTORY_DATABASE_URL", hide_env_values = true)]
    pub(crate) inventory_database_url: Option<String>,
}
