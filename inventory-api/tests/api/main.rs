//! The service as its callers see it: the real router on a real Postgres.

mod batch;
mod reservations;
mod stock;
mod world;
