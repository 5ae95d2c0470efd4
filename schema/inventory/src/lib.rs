//! The inventory database: migrations and one file of queries per table.
//!
//! Start at [`apply`]: reservations, releases and commits come in batches, are decided in memory by
//! the pure [`decide`], and are written in one transaction. Everything else is a plain query.
//! Nothing here opens a transaction of its own: see `schema_pg::Db`.

pub mod apply;
pub mod by_order;
pub mod command;
pub mod consistency;
pub mod ctid_cache;
pub mod decide;
pub mod gremlin;
pub mod health;
#[cfg(feature = "lab")]
pub mod lab;
pub mod movements;
pub mod recount;
pub mod reservation_lines;
pub mod reservations;
pub mod retention;
pub mod stock;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transactions;
pub mod update;
pub mod update_keys;

pub use command::{Answer, Command, Line, Rejection, Reserve, Shortage, State};

/// The migrations of this database, inside the binary.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
