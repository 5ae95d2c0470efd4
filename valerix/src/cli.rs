//! The command line: commands, their options, and the environment variables that set them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use uuid::Uuid;

use crate::settings::Settings;

/// The command that runs when none is given.
const DEFAULT_COMMAND: &str = "up";

const WITHOUT_PROCESSES: &str = "These commands use real processes or databases. The model search and the seeded worlds in memory \
    run from the sources: cargo worlds (docs/simulations.md).";

/// Accepts each order once and finishes it, whatever breaks.
///
/// Without a subcommand all services run in one process, on an embedded Postgres.
#[derive(Debug, Parser)]
#[command(name = "valerix", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    log: edge::LogConfig,
    #[command(flatten)]
    telemetry: edge::TelemetryConfig,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run all services in one process, on an embedded Postgres unless databases are given (default)
    Up(Box<Up>),
    /// Run only the embedded Postgres, in the foreground, and print the URLs of its databases
    Postgres(DataDir),
    /// Apply this binary's migrations to both databases
    Migrate(DatabaseUrls),
    /// Run the order service
    OrderApi(Box<OrderApi>),
    /// Run the inventory service
    InventoryApi(Box<InventoryApi>),
    /// Run one relay; several may run, on several hosts
    Relay(Box<Relay>),
    /// Check the configuration
    #[command(subcommand)]
    Config(Config),
    #[command(flatten)]
    Client(crate::client::ClientCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Measure one workload on a stack of its own, compared with its Postgres alone
    Bench(Box<trials::bench::Options>),
    /// Check whether an inventory service keeps the contract
    ContractTest(checker::contract::Options),
    /// Compare both databases; exit code 0: they agree, 1: they differ, 2: the comparison failed
    Reconcile(Reconcile),
    /// Crash the services on purpose, and check that nothing was lost
    #[command(subcommand, after_help = WITHOUT_PROCESSES)]
    Simulate(Simulate),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Simulate {
    /// List the scenarios
    List,
    /// Run one scenario against real processes
    Run(Box<trials::crash::Options>),
    /// Check the invariants over two databases, at work or at rest
    Check(Check),
}

/// Options of `valerix simulate check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) databases: DatabaseUrls,
    /// Orders are being placed and driven: check only what must hold at every moment.
    #[arg(long)]
    pub(crate) live: bool,
    /// Print JSON, with all details of the first offending orders.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `valerix reconcile`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reconcile {
    #[command(flatten)]
    pub(crate) databases: DatabaseUrls,
    /// Repair what needs no guess, with an audit row for each repair: recount reserved stock, release stock that is held for
    /// orders that ended without stock, and reserve again for confirmed orders that inventory has lost.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Repair nothing at all where more than this would have to be repaired.
    #[arg(long, default_value_t = 100, requires = "repair")]
    pub(crate) most: u64,
    /// Also release stock that is held for orders that the orders database does not have. After a restore or a failover of
    /// that database, these may be orders that customers were told of.
    #[arg(long, requires = "repair")]
    pub(crate) release_for_nobody: bool,
    /// Accept what does not agree about this reservation; may be given several times. It is written into the audit log,
    /// and told no more.
    #[arg(long, value_name = "RESERVATION_ID", conflicts_with = "repair", requires = "reason")]
    pub(crate) accept: Vec<Uuid>,
    /// Who repairs or accepts, for the audit log.
    #[arg(long, default_value = "operator", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) actor: String,
    /// Why, for the audit log.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) reason: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every setting and its source, and test the addresses that they name
    Check(Box<Up>),
}

/// Options of `valerix up`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    #[command(flatten)]
    pub(crate) databases: DatabaseUrls,
    #[command(flatten)]
    pub(crate) pool: Pool,
    #[command(flatten)]
    pub(crate) order_api: order_api::Config,
    #[command(flatten)]
    pub(crate) inventory_api: inventory_api::Config,
    #[command(flatten)]
    pub(crate) relay: outbox_relay::Config,
    #[command(flatten)]
    pub(crate) relay_face: RelayFace,
}

/// Options of `valerix order-api`.
#[derive(Args, Clone, Debug)]
pub(crate) struct OrderApi {
    #[command(flatten)]
    pub(crate) database: OrderDatabase,
    #[command(flatten)]
    pub(crate) pool: Pool,
    #[command(flatten)]
    pub(crate) config: order_api::Config,
    /// URL of the inventory service, for /health/deep and the console. Default: http://127.0.0.1:3002.
    #[arg(long, env = "INVENTORY_SERVICE_URL", default_value = "http://127.0.0.1:3002")]
    pub(crate) inventory_service_url: String,
}

/// Options of `valerix inventory-api`.
#[derive(Args, Clone, Debug)]
pub(crate) struct InventoryApi {
    #[command(flatten)]
    pub(crate) database: InventoryDatabase,
    #[command(flatten)]
    pub(crate) pool: Pool,
    #[command(flatten)]
    pub(crate) config: inventory_api::Config,
}

/// Options of `valerix relay`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Relay {
    #[command(flatten)]
    pub(crate) database: OrderDatabase,
    #[command(flatten)]
    pub(crate) pool: Pool,
    #[command(flatten)]
    pub(crate) config: outbox_relay::Config,
    #[command(flatten)]
    pub(crate) face: RelayFace,
}

/// Where the embedded Postgres keeps what must last.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataDir {
    /// Directory of the embedded Postgres' data. Default: .valerix in the current directory.
    #[arg(long = "data-dir", env = "VALERIX_DATA_DIR", default_value = ".valerix")]
    pub(crate) path: PathBuf,
}

/// Databases that somebody else runs. Given both, no embedded Postgres is started.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseUrls {
    #[command(flatten)]
    pub(crate) orders: OrderDatabase,
    #[command(flatten)]
    pub(crate) inventory: InventoryDatabase,
}

/// Where orders and sagas are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct OrderDatabase {
    /// Database of the orders: postgres://user:password@host:5432/orders
    #[arg(
        id = "order_database_url",
        long = "order-database-url",
        env = "ORDER_DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) url: Option<String>,
}

/// Where stock and reservations are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct InventoryDatabase {
    /// Database of the inventory: postgres://user:password@host:5432/inventory
    #[arg(
        id = "inventory_database_url",
        long = "inventory-database-url",
        env = "INVENTORY_DATABASE_URL",
        hide_env_values = true
    )]
    pub(crate) url: Option<String>,
}

/// How each service uses its database.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Pool {
    /// Maximum connections of each service to its database. Default: 10; 4 to 100.
    #[arg(
        id = "database_connections_max",
        long = "database-connections-max",
        env = "VALERIX_DATABASE_CONNECTIONS_MAX",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(4..=100)
    )]
    pub(crate) connections_max: u32,
}

/// Where a relay shows its health and metrics.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RelayFace {
    /// Address and port of the relay's health and metrics. Default: 127.0.0.1:3003.
    #[arg(
        id = "relay_listen",
        long = "relay-listen",
        env = "RELAY_LISTEN",
        default_value = "127.0.0.1:3003"
    )]
    pub(crate) listen: SocketAddr,
}

/// The completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "valerix", &mut script);
    script
}

/// One understood command line.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) log: edge::LogConfig,
    pub(crate) telemetry: edge::TelemetryConfig,
    pub(crate) command: Command,
    pub(crate) settings: Settings,
}

/// The command line of this process. Ends it with help, version or a complaint where that is the answer.
pub(crate) fn read() -> Asked {
    parse(std::env::args_os().collect()).unwrap_or_else(|complaint| complaint.exit())
}

/// Reads a line as if the default subcommand had been written where none is.
fn parse(line: Vec<OsString>) -> Result<Asked, clap::Error> {
    match parse_as_written(&line) {
        Ok(Some(asked)) => Ok(asked),
        Ok(None) => parse_with_default(line).map(|asked| asked.expect("it has a subcommand")),
        // an option that only the default subcommand knows
        Err(complaint) if complaint.kind() == ErrorKind::UnknownArgument => {
            parse_with_default(line).ok().flatten().ok_or(complaint)
        }
        Err(complaint) => Err(complaint),
    }
}

fn parse_with_default(mut line: Vec<OsString>) -> Result<Option<Asked>, clap::Error> {
    line.insert(line.len().min(1), DEFAULT_COMMAND.into());
    parse_as_written(&line)
}

fn parse_as_written(line: &[OsString]) -> Result<Option<Asked>, clap::Error> {
    let mut known = named_by_variable(Cli::command());
    let matches = known.try_get_matches_from_mut(line)?;
    let settings = Settings::of(&known, &matches);
    let cli = Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut known))?;
    let Cli { log, telemetry, command } = cli;
    Ok(command.map(|command| Asked { log, telemetry, command, settings }))
}

/// Complaints about a value name the variable that it may have come from.
fn named_by_variable(command: clap::Command) -> clap::Command {
    let named = command.mut_args(|arg| match arg.get_env() {
        Some(variable) => {
            let variable = variable.to_string_lossy().into_owned();
            arg.value_name(variable)
        }
        None => arg,
    });
    named.mut_subcommands(named_by_variable)
}

#[cfg(test)]
mod tests;
