//! The inventory service: reservations that count once, stock, and the gremlin.
//!
//! The reservation calls are the whole contract towards a saga: each can be sent any number of times,
//! in any order, late or doubled, and is answered the same (`schema_inventory::decide` says what).
//! Concurrent calls share one transaction. Start at `routes`, then `reservations` and `intake`.
//!
//! It never calls another service, and never answers before its commit.

mod api;
mod batch;
mod by_order;
mod config;
mod cursor;
mod db_problem;
mod demo_stock;
mod gremlin;
mod health;
mod intake;
mod item_id;
mod lines;
mod metrics;
mod page;
mod reservations;
mod routes;
mod saga_headers;
mod stock;
mod stock_gauges;
mod transactions;
mod update;
mod verdict;

pub use api::{Deps, InventoryApi, serve};
pub use config::Config;
pub use demo_stock::seed_demo_stock;
pub use intake::Ledger;

/// What this service is called in metrics, logs and spans.
const SERVICE: &str = "inventory-api";
