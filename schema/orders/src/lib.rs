//! The orders database: migrations, and one file of queries per table.
//!
//! Functions take a connection and run one statement each; transactions are opened by the caller
//! through `schema_pg::Db`. What decides is `saga::transition`; this crate loads and stores.
//! Start at [`orders::insert_new`], then [`outbox::lock_fresh`], then [`sagas::store_updates`].

pub mod backlog;
pub mod breaker_overrides;
pub mod bulk_actions;
pub mod consistency;
pub mod health;
pub mod idempotency_keys;
pub mod inspection;
#[cfg(feature = "lab")]
pub mod lab;
pub mod listen;
pub mod orders;
pub mod outbox;
pub mod reconcile_actions;
pub mod reconcile_candidates;
pub mod relays;
pub mod retention;
pub mod saga_steps;
pub mod sagas;
pub mod staff_actions;
#[cfg(feature = "testing")]
pub mod testing;

/// The migrations of the orders database, in order.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

#[cfg(test)]
mod tests;
