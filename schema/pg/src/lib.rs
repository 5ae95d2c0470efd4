//! What both databases share: pool, transaction helper, SQLSTATE policy, start-up checks.
//!
//! Start at [`Db`]: all database work goes through [`Db::transaction`] or [`Db::read`], which run it
//! in a task of its own. Nothing else in the product opens a transaction, puts a timeout around a
//! query, or races one in a `select!`: a cancelled future can leave sqlx with a transaction nobody
//! knows of, and the next acknowledged write is lost with it (docs/decisions, `tests/lost_ack.rs`).

mod classify;
mod connect;
mod db;
mod durability;
#[cfg(feature = "lab")]
pub mod lab;
mod migrate;
mod pinned;
pub mod retention;
mod silence;
mod suitability;
#[cfg(feature = "testing")]
pub mod testing;
mod vitals;
mod warnings;

pub use classify::{
    Class, CommitUnknown, classify, is_commit_unknown, is_connection_lost, is_lock_timeout,
    is_lock_timeout_on_key_of, is_unique_violation,
};
pub use connect::{ConnectError, Plans, PoolConfig, Unusable};
pub use db::Db;
pub use durability::{DurabilityError, check_durability};
pub use futures_util::future::BoxFuture;
pub use migrate::{MigrateError, Readiness, is_migrated, migrate, read_readiness};
pub use pinned::{DedicatedConnections, PinnedConnection};
/// What a unit of work gets. Crates without SQL of their own hand it on by this name.
pub use sqlx::PgConnection as DbConnection;
/// What a query fails with. Crates without SQL of their own name it by this.
pub use sqlx::{Error as DbError, PgConnection};
pub use suitability::{UnsuitableError, check_suitability};
pub use vitals::{Vitals, describe_metrics, read_vitals, show_pool, show_vitals};
pub use warnings::{await_standby, watch_commits};
