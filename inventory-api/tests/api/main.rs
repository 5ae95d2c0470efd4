//! The service as its callers see it: the real router on a real Postgres.

mod batch;
mod by_order;
mod contention;
mod dying;
mod gremlin;
mod gremlin_batch;
mod hardship;
mod reservations;
mod stock;
mod update;
mod world;
