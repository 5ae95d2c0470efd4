//! The settings of the inventory service, read once by the binary.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use clap::value_parser as bounded;
use edge::{LimitConfig, RateLimit, ServeConfig};
use schema_pg::retention::Terms;

/// What relays call; the limit per caller never stands between our own services.
const SAGA_PATHS: &[&str] = &["/api/inventory/reservations"];

/// Every setting has an environment variable, a default and bounds.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Config {
    /// Address and port to listen on. Default: 127.0.0.1:3002.
    #[arg(
        id = "inventory_api_listen",
        long = "inventory-api-listen",
        env = "INVENTORY_API_LISTEN",
        default_value = "127.0.0.1:3002"
    )]
    pub listen: SocketAddr,
    /// Deadline of a call that names none, in milliseconds. Work that has not begun by then is
    /// refused. Default: 5000; 100 to 60000.
    #[arg(
        id = "inventory_api_call_ms",
        long = "inventory-api-call-ms",
        env = "INVENTORY_API_CALL_MS",
        default_value_t = 5_000,
        value_parser = bounded!(u64).range(100..=60_000)
    )]
    pub call_ms: u64,
    /// Maximum calls written by one transaction. Default: 500; 1 to 2000.
    #[arg(
        id = "inventory_api_batch_rows_max",
        long = "inventory-api-batch-rows-max",
        env = "INVENTORY_API_BATCH_ROWS_MAX",
        default_value_t = 500,
        value_parser = bounded!(u32).range(1..=2_000)
    )]
    pub batch_rows_max: u32,
    /// Maximum such transactions at the same time. Two mostly wait for each other's items. Default: 1; 1 to 16.
    #[arg(
        id = "inventory_api_batch_flushes_max",
        long = "inventory-api-batch-flushes-max",
        env = "INVENTORY_API_BATCH_FLUSHES_MAX",
        default_value_t = 1,
        value_parser = bounded!(u32).range(1..=16)
    )]
    pub batch_flushes_max: u32,
    /// Maximum calls waiting to be written; further ones are answered 503. Default: 10000; 1 to
    /// 100000.
    #[arg(
        id = "inventory_api_queue_max",
        long = "inventory-api-queue-max",
        env = "INVENTORY_API_QUEUE_MAX",
        default_value_t = 10_000,
        value_parser = bounded!(u32).range(1..=100_000)
    )]
    pub queue_max: u32,
    /// Items with less available stock than this are listed by `low=true`. Default: 10; 1 to 1000000.
    #[arg(
        id = "inventory_api_low_below",
        long = "inventory-api-low-below",
        env = "INVENTORY_API_LOW_BELOW",
        default_value_t = 10,
        value_parser = bounded!(i64).range(1..=1_000_000)
    )]
    pub low_below: i64,
    /// Whether the gremlin may be switched on (`/api/admin/chaos`). Never in production.
    /// Default: false; `valerix up` on loopback allows it unless this says false.
    #[arg(
        id = "gremlin_enabled",
        long = "gremlin-enabled",
        env = "GREMLIN_ENABLED",
        value_name = "true|false"
    )]
    pub gremlin_enabled: Option<bool>,
    /// Requests per second allowed to one caller, reservations not counted; 0 lifts the
    /// limit. Default: 20000; up to 1000000.
    #[arg(
        id = "inventory_api_rate_per_s",
        long = "inventory-api-rate-per-s",
        env = "INVENTORY_API_RATE_PER_S",
        default_value_t = 20_000,
        value_parser = bounded!(u32).range(0..=1_000_000)
    )]
    pub rate_per_s: u32,
    /// Maximum open connections. Default: 4096; 1 to 65536.
    #[arg(
        id = "inventory_api_connections_max",
        long = "inventory-api-connections-max",
        env = "INVENTORY_API_CONNECTIONS_MAX",
        default_value_t = 4_096,
        value_parser = bounded!(u32).range(1..=65_536)
    )]
    pub connections_max: u32,
    /// Days that released, rejected and shipped reservations are kept; 0: for ever.
    /// Keep them longer than orders. Default: 430; 0 to 36500.
    #[arg(
        id = "inventory_retention_days",
        long = "inventory-retention-days",
        env = "INVENTORY_RETENTION_DAYS",
        default_value_t = 430,
        value_parser = bounded!(u32).range(0..=36_500)
    )]
    pub retention_days: u32,
    /// Reservations examined in one batch of their removal. Default: 200; 2 to 5000.
    #[arg(
        id = "inventory_retention_rows_max",
        long = "inventory-retention-rows-max",
        env = "INVENTORY_RETENTION_ROWS_MAX",
        default_value_t = 200,
        value_parser = bounded!(u32).range(2..=5_000)
    )]
    pub retention_rows_max: u32,
    /// Pause between two batches, over all instances, in milliseconds. Default: 200; 10 to 60000.
    #[arg(
        id = "inventory_retention_pause_ms",
        long = "inventory-retention-pause-ms",
        env = "INVENTORY_RETENTION_PAUSE_MS",
        default_value_t = 200,
        value_parser = bounded!(u32).range(10..=60_000)
    )]
    pub retention_pause_ms: u32,
    /// Time for requests under way to finish at a stop, in milliseconds. Default: 10000; 0 to 60000.
    #[arg(
        id = "inventory_api_drain_ms",
        long = "inventory-api-drain-ms",
        env = "INVENTORY_API_DRAIN_MS",
        default_value_t = 10_000,
        value_parser = bounded!(u64).range(0..=60_000)
    )]
    pub drain_ms: u64,
}

impl Config {
    /// For a system that runs for its user alone: the gremlin is allowed where nobody else can reach
    /// it, unless the settings forbid it.
    #[must_use]
    pub fn with_gremlin_on_loopback(mut self) -> Config {
        self.gremlin_enabled.get_or_insert(self.listen.ip().is_loopback());
        self
    }

    /// The default of a call's deadline.
    pub(crate) fn call_time(&self) -> Duration {
        Duration::from_millis(self.call_ms)
    }

    /// What may be removed; `None`: nothing ever.
    pub(crate) fn retention(&self) -> Option<Terms> {
        Terms::new(self.retention_days, self.retention_rows_max, self.retention_pause_ms)
    }

    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        let per_second = NonZeroU32::new(self.rate_per_s)?;
        // two seconds' worth at once: clients that come back after a pause are not punished
        let burst = per_second.saturating_mul(NonZeroU32::new(2).expect("two is not zero"));
        Some(RateLimit::new(LimitConfig { per_second, burst, exempt_paths: SAGA_PATHS }))
    }

    pub(crate) fn serve_config(&self) -> ServeConfig {
        ServeConfig {
            connections_max: self.connections_max as usize,
            drain_timeout: Duration::from_millis(self.drain_ms),
            ..ServeConfig::default()
        }
    }
}

#[cfg(test)]
mod tests;
