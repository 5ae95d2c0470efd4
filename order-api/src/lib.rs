//! The order service: takes an order once, and tells what became of it.
//!
//! Nothing here decides how an order goes on: creating one commits order, key, saga, first step
//! and outbox message together (`schema_orders::orders::insert_new`), a relay does the rest, and
//! this service waits a bounded time for what comes of it. Start at `routes`, then `orders::create`.
//!
//! Three rooms: `orders` is the customer's path, `staff` inspects and repairs, `console` makes pages of both.
//!
//! It never calls inventory for an order, and never holds a database transaction open while it
//! waits for anything but the database.

mod api;
mod backlog_gauges;
mod config;
mod console;
mod cursor;
mod db_problem;
mod health;
mod metrics;
mod order_id;
mod orders;
mod routes;
mod serve;
mod staff;

pub use api::{Deps, OrderApi};
pub use config::Config;
pub use routes::router;
pub use serve::serve;
