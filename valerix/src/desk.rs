//! Commands that talk to running services over HTTP, for people and for scripts.
//!
//! Nothing here opens a database: what these commands can do, an HTTP client can do. Exit codes are stable
//! (see [`http::CallError`]); what is printed as JSON is what the service answered.

mod audit;
mod breaker;
mod bulk;
mod chaos;
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
pub(crate) enum Desk {
    /// Place, show, list and cancel orders
    #[command(subcommand)]
    Orders(orders::Orders),
    /// Look into sagas: what happened, why, and what comes next
    #[command(subcommand)]
    Sagas(sagas::Sagas),
    /// How many sagas stand in which state
    Stats(Remote),
    /// Stock on hand, reserved and available; change it
    #[command(subcommand)]
    Stock(stock::Stock),
    /// How inventory looks to each relay; keep calls back, let them through
    #[command(subcommand)]
    Breaker(breaker::Breaker),
    /// Who did what, when, why, and what came of it
    Audit(audit::Audit),
    /// Faults in inventory: show, switch on, switch off
    #[command(subcommand)]
    Chaos(chaos::Chaos),
    /// Whether everything an order needs is well
    Health(Remote),
}

/// Runs one of them.
pub(crate) async fn run(desk: Desk) -> anyhow::Result<()> {
    match desk {
        Desk::Orders(asked) => orders::run(asked).await,
        Desk::Sagas(asked) => sagas::run(asked).await,
        Desk::Stats(remote) => sagas::stats(&remote).await,
        Desk::Stock(asked) => stock::run(asked).await,
        Desk::Breaker(asked) => breaker::run(asked).await,
        Desk::Audit(asked) => audit::run(asked).await,
        Desk::Chaos(asked) => chaos::run(asked).await,
        Desk::Health(remote) => health::run(&remote).await,
    }
}
