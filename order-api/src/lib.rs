//! The order service: takes an order once, and tells what became of it.
//!
//! Nothing here decides how an order goes on: creating one commits order, key, saga, first step
//! and outbox message together (`schema_orders::orders::insert_new`), a relay does the rest, and
//! this service waits a bounded time for what comes of it. Start at `routes`, then `create`.
//!
//! Staff looks into orders through `sagas`, behind the one door of `staff`.
//!
//! It never calls inventory for an order, and never holds a database transaction open while it
//! waits for anything but the database.

mod actions;
mod api;
mod board_gauges;
mod breakers;
mod bulk;
mod cancel;
mod config;
mod console;
mod create;
mod cursor;
mod db_problem;
mod desk;
mod events;
mod fingerprint;
mod get;
mod health;
mod idempotency_key;
mod intake;
mod list;
mod lookup;
mod metrics;
mod order_answer;
mod order_id;
mod order_request;
mod preference;
mod relays;
mod routes;
mod sagas;
mod settlement;
mod staff;
pub mod timeline;

pub use api::{Deps, OrderApi, RelayPlace, serve};
pub use config::Config;
