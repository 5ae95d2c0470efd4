//! The order service as its clients see it: the real router on a real Postgres. Each test has a
//! database of its own and plays the relay itself, one step at a time.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod actions;
mod bulk;
mod cancel;
mod console;
mod create;
mod events;
mod get;
mod health;
mod idempotency;
mod large;
mod limits;
mod list;
mod naughty;
mod operations;
mod outage;
mod relay;
mod sagas;
mod serving;
mod staff;
mod tenants;
mod timeline;
mod world;
