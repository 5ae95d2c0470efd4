//! Commands that talk to running services over HTTP, for people and for scripts.
//!
//! Nothing here opens a database: what these commands can do, an HTTP client can do. Exit codes are stable
//! (see [`http::CallError`]); what is printed as JSON is what the service answered.

mod audit;
mod breaker;
mod bulk;
mod chaos;
mod filter;
mod health;
mod http;
mod orders;
mod page;
mod print;
mod repair;
mod sagas;
mod stock;
mod timeline;
mod watch;

use clap::Subcommand;

pub(crate) use http::CallError;
pub(crate) use http::Remote;

/// What can be asked of running services.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Place, show, list and cancel orders
    #[command(subcommand)]
    Orders(orders::Orders),
    /// Inspect and repair sagas
    #[command(subcommand)]
    Sagas(sagas::Sagas),
    /// Count sagas by state
    Stats(Remote),
    /// Show and change stock
    #[command(subcommand)]
    Stock(stock::Stock),
    /// Show the breaker of each relay; pause and resume calls to inventory
    #[command(subcommand)]
    Breaker(breaker::Breaker),
    /// Show the audit log
    Audit(audit::Audit),
    /// Show, start and stop faults in inventory
    #[command(subcommand)]
    Chaos(chaos::Chaos),
    /// Check the health of all services
    Health(Remote),
}

/// Runs one of them.
pub(crate) async fn run(command: ClientCommand) -> anyhow::Result<()> {
    match command {
        ClientCommand::Orders(asked) => orders::run(asked).await,
        ClientCommand::Sagas(asked) => sagas::run(asked).await,
        ClientCommand::Stats(remote) => sagas::stats(&remote).await,
        ClientCommand::Stock(asked) => stock::run(asked).await,
        ClientCommand::Breaker(asked) => breaker::run(asked).await,
        ClientCommand::Audit(asked) => audit::run(asked).await,
        ClientCommand::Chaos(asked) => chaos::run(asked).await,
        ClientCommand::Health(remote) => health::run(&remote).await,
    }
}
