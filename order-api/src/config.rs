//! The settings of the order service, read once by the binary.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::value_parser as bounded;
use edge::{LimitConfig, RateLimit, ServeConfig};

/// A relay silent for longer is not counted. They beat twice a second.
pub(crate) const RELAY_SILENT_MAX_S: f64 = 5.0;

/// Every setting has an environment variable, a default and bounds.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Config {
    /// Address and port to listen on. Default: 127.0.0.1:3001.
    #[arg(
        id = "order_api_listen",
        long = "order-api-listen",
        env = "ORDER_API_LISTEN",
        default_value = "127.0.0.1:3001"
    )]
    pub listen: SocketAddr,
    /// How long a POST waits for its order to be decided if `Prefer` does not say, in milliseconds.
    /// Default: 2000; 0 to 30000.
    #[arg(
        id = "order_api_wait_ms",
        long = "order-api-wait-ms",
        env = "ORDER_API_WAIT_MS",
        default_value_t = 2_000,
        value_parser = bounded!(u64).range(0..=30_000)
    )]
    pub wait_ms: u64,
    /// Deadline of an order, in milliseconds. If it is not confirmed by then, it fails.
    /// Default: 86400000 (a day); 1000 to 2592000000 (30 days).
    #[arg(
        id = "order_api_deadline_ms",
        long = "order-api-deadline-ms",
        env = "ORDER_API_DEADLINE_MS",
        default_value_t = 86_400_000,
        value_parser = bounded!(i64).range(1_000..=2_592_000_000)
    )]
    pub deadline_ms: i64,
    /// Maximum orders written by one statement. Default: 500; 1 to 2000.
    #[arg(
        id = "order_api_batch_rows_max",
        long = "order-api-batch-rows-max",
        env = "ORDER_API_BATCH_ROWS_MAX",
        default_value_t = 500,
        value_parser = bounded!(u32).range(1..=2_000)
    )]
    pub batch_rows_max: u32,
    /// Maximum such statements at the same time. Default: 1, which gathers more orders in each; 1 to 16.
    #[arg(
        id = "order_api_batch_flushes_max",
        long = "order-api-batch-flushes-max",
        env = "ORDER_API_BATCH_FLUSHES_MAX",
        default_value_t = 1,
        value_parser = bounded!(u32).range(1..=16)
    )]
    pub batch_flushes_max: u32,
    /// Minimum time from the start of one such statement to the next, in milliseconds. A longer pace gathers more
    /// orders in each. Default: 2; 0 to 100.
    #[arg(
        id = "order_api_batch_pace_ms",
        long = "order-api-batch-pace-ms",
        env = "ORDER_API_BATCH_PACE_MS",
        default_value_t = 2,
        value_parser = bounded!(u64).range(0..=100)
    )]
    pub batch_pace_ms: u64,
    /// Maximum orders waiting to be written; further ones are answered 503. Default: 10000; 1 to
    /// 100000.
    #[arg(
        id = "order_api_queue_max",
        long = "order-api-queue-max",
        env = "ORDER_API_QUEUE_MAX",
        default_value_t = 10_000,
        value_parser = bounded!(u32).range(1..=100_000)
    )]
    pub queue_max: u32,
    /// How long a POST waits for its order to be written before it is answered 503, in milliseconds.
    /// This bounds the wait for a stalled database. Default: 5000; 100 to 60000.
    #[arg(
        id = "order_api_commit_wait_ms",
        long = "order-api-commit-wait-ms",
        env = "ORDER_API_COMMIT_WAIT_MS",
        default_value_t = 5_000,
        value_parser = bounded!(u64).range(100..=60_000)
    )]
    pub commit_wait_ms: u64,
    /// Requests per second allowed to one caller; 0 lifts the limit. The default is more than a
    /// small machine can serve, so it never refuses a request by surprise. Set it to
    /// what one customer may use. Default: 20000; up to 1000000.
    #[arg(
        id = "order_api_rate_per_s",
        long = "order-api-rate-per-s",
        env = "ORDER_API_RATE_PER_S",
        default_value_t = 20_000,
        value_parser = bounded!(u32).range(0..=1_000_000)
    )]
    pub rate_per_s: u32,
    /// Maximum open connections, but for a reserve for health and metrics. At most half of them wait for orders, and a
    /// quarter streams events. Default: 4096; 1 to 65536.
    #[arg(
        id = "order_api_connections_max",
        long = "order-api-connections-max",
        env = "ORDER_API_CONNECTIONS_MAX",
        default_value_t = 4_096,
        value_parser = bounded!(u32).range(1..=65_536)
    )]
    pub connections_max: u32,
    /// Time for requests under way to finish at a stop, in milliseconds. Default: 10000; 0 to 60000.
    #[arg(
        id = "order_api_drain_ms",
        long = "order-api-drain-ms",
        env = "ORDER_API_DRAIN_MS",
        default_value_t = 10_000,
        value_parser = bounded!(u64).range(0..=60_000)
    )]
    pub drain_ms: u64,
    /// `/health/deep` fails if an outbox message is older than this, in seconds. Default: 60; 1 to
    /// 86400.
    #[arg(
        id = "order_api_outbox_age_max_s",
        long = "order-api-outbox-age-max-s",
        env = "ORDER_API_OUTBOX_AGE_MAX_S",
        default_value_t = 60,
        value_parser = bounded!(u32).range(1..=86_400)
    )]
    pub outbox_age_max_s: u32,
    /// Maximum open streams of order events, and a quarter of the connections at most; further ones are answered 503.
    /// Default: 1000; 0 to 50000.
    #[arg(
        id = "order_api_streams_max",
        long = "order-api-streams-max",
        env = "ORDER_API_STREAMS_MAX",
        default_value_t = 1_000,
        value_parser = bounded!(u32).range(0..=50_000)
    )]
    pub streams_max: u32,
    /// Interval of keep-alive events in an idle stream, in milliseconds. Default: 15000; 100 to
    /// 60000.
    #[arg(
        id = "order_api_heartbeat_ms",
        long = "order-api-heartbeat-ms",
        env = "ORDER_API_HEARTBEAT_MS",
        default_value_t = 15_000,
        value_parser = bounded!(u64).range(100..=60_000)
    )]
    pub heartbeat_ms: u64,
    /// Sagas that bulk actions change per second, over all instances. Default: 50; 1 to
    /// 1000.
    #[arg(
        id = "order_api_bulk_per_s",
        long = "order-api-bulk-per-s",
        env = "ORDER_API_BULK_PER_S",
        default_value_t = 50,
        value_parser = bounded!(u32).range(1..=1_000)
    )]
    pub bulk_per_s: u32,
    /// Name of this environment, shown on every console page. Default: local; 1 to 30 characters.
    #[arg(
        id = "order_api_environment",
        long = "order-api-environment",
        env = "ORDER_API_ENVIRONMENT",
        default_value = "local",
        value_parser = short_name
    )]
    pub environment: String,
    /// Directory of the simulation reports that the console shows. Default: .valerix/simulations.
    #[arg(
        id = "order_api_simulations_dir",
        long = "order-api-simulations-dir",
        env = "ORDER_API_SIMULATIONS_DIR",
        default_value = ".valerix/simulations"
    )]
    pub simulations_dir: PathBuf,
    /// Who may use the staff routes (console, sagas, repairs). They are not authenticated.
    #[arg(
        id = "staff_routes",
        long = "staff-routes",
        env = "STAFF_ROUTES",
        value_enum,
        default_value_t
    )]
    pub staff_routes: StaffRoutes,
}

/// Who may use the staff routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StaffRoutes {
    /// Users of this machine, if the service listens on a loopback address; otherwise no one.
    #[default]
    OnLoopback,
    /// Everyone who can reach the port. Only for a container whose port is published on a loopback address.
    OpenToAllWhoReachThePort,
}

fn short_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_short = (1..=30).contains(&text.chars().count()) && !text.contains(char::is_control);
    if is_short { Ok(text.to_owned()) } else { Err("1 to 30 characters".to_owned()) }
}

impl Config {
    /// The default of [`Config::wait_ms`] and what `Prefer` may change it to.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }

    pub(crate) fn rate_limit(&self) -> Option<RateLimit> {
        let per_second = NonZeroU32::new(self.rate_per_s)?;
        // two seconds' worth at once: clients that come back after a pause are not punished
        let burst = per_second.saturating_mul(NonZeroU32::new(2).expect("two is not zero"));
        Some(RateLimit::new(LimitConfig { per_second, burst, exempt_paths: &[] }))
    }

    pub(crate) fn serve_config(&self) -> ServeConfig {
        ServeConfig {
            connections_max: self.connections_max as usize,
            drain_timeout: Duration::from_millis(self.drain_ms),
            ..ServeConfig::default()
        }
    }
}
