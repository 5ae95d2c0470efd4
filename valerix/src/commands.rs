//! The subcommands, one line each.

mod bench;
mod config_check;
mod contract_test;
mod inventory_api;
mod migrate;
mod order_api;
mod postgres;
mod reconcile;
mod relay;
mod simulate;
mod up;

use crate::cli::{Command, Config, Simulate};
use crate::client;
use crate::settings::Settings;

/// What a command that serves is called in traces; the others have nothing to tell.
pub(crate) fn traced_as(command: &Command) -> Option<&'static str> {
    match command {
        Command::Up(_) => Some("valerix"),
        Command::OrderApi(_) => Some(order_api::APPLICATION),
        Command::InventoryApi(_) => Some(inventory_api::APPLICATION),
        Command::Relay(_) => Some(relay::APPLICATION),
        Command::Postgres(_)
        | Command::Migrate(_)
        | Command::Config(_)
        | Command::Client(_)
        | Command::Bench(_)
        | Command::ContractTest(_)
        | Command::Reconcile(_)
        | Command::Completions { .. }
        | Command::Simulate(_) => None,
    }
}

/// Runs one subcommand to its end.
pub(crate) async fn run(command: Command, settings: Settings) -> anyhow::Result<()> {
    if !matches!(
        command,
        Command::Config(_)
            | Command::ContractTest(_)
            | Command::Client(_)
            | Command::Completions { .. }
    ) {
        settings.log();
    }
    match command {
        Command::Up(up) => up::run(*up).await,
        Command::Postgres(data_dir) => postgres::run(&data_dir).await,
        Command::Migrate(urls) => migrate::run(&urls).await,
        Command::OrderApi(asked) => order_api::run(*asked).await,
        Command::InventoryApi(asked) => inventory_api::run(*asked).await,
        Command::Relay(asked) => relay::run(*asked).await,
        Command::Client(asked) => client::run(asked).await,
        Command::Completions { shell } => {
            crate::output::print(&String::from_utf8_lossy(&crate::cli::completions(shell)));
            Ok(())
        }
        Command::Bench(options) => bench::run(*options).await,
        Command::ContractTest(options) => contract_test::run(&options).await,
        Command::Reconcile(asked) => reconcile::run(asked).await,
        Command::Simulate(Simulate::List) => {
            simulate::list();
            Ok(())
        }
        Command::Simulate(Simulate::Run(options)) => simulate::run(&options).await,
        Command::Simulate(Simulate::Check(asked)) => simulate::check(&asked).await,
        Command::Config(Config::Check(up)) => config_check::run(&up, &settings).await,
    }
}
