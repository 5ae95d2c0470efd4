//! The settings of a relay, read once by the binary.

use std::time::Duration;

use relay_core::breaker::BreakerConfig;
use relay_core::drain::DrainConfig;
use relay_core::gate::GateConfig;
use relay_core::retry_budget::RetryBudgetConfig;
use relay_core::schedule::ScheduleConfig;
use schema_pg::retention::Terms;

/// Configuration of a relay. Every value has a unit, a default and bounds.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// URL of the inventory service: http://host:port, without a path.
    #[arg(long, env = "INVENTORY_SERVICE_URL", default_value = "http://127.0.0.1:3002")]
    pub inventory_service_url: String,

    /// Timeout of one call to inventory, in milliseconds (100 to 60000).
    #[arg(long, env = "RELAY_CALL_TIMEOUT_MS", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub call_timeout_ms: u64,

    /// Maximum sagas claimed in one statement (1 to 1000).
    #[arg(long, env = "RELAY_CLAIM_MAX", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub claim_max: u32,

    /// Maximum sagas in flight (1 to 10000).
    #[arg(long, env = "RELAY_IN_FLIGHT_MAX", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub in_flight_max: u32,

    /// Time between two heartbeats, in milliseconds (50 to 10000). An idle relay polls the outbox only
    /// with its heartbeat.
    #[arg(long, env = "RELAY_HEARTBEAT_MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=10_000))]
    pub heartbeat_ms: u64,

    /// Age of a heartbeat from which a relay's sagas may be taken over, in milliseconds (150 to 60000).
    /// At least twice the heartbeat. A needless take-over costs a repeated call, never a wrong result.
    #[arg(long, env = "RELAY_STALE_MS", default_value_t = 1_200, value_parser = clap::value_parser!(u64).range(150..=60_000))]
    pub stale_ms: u64,

    /// Time for calls in flight to finish when the relay is stopped, in milliseconds (0 to 30000).
    #[arg(long, env = "RELAY_DRAIN_MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(0..=30_000))]
    pub drain_ms: u64,

    /// First open time of the breaker, in milliseconds (100 to 600000).
    #[arg(long, env = "BREAKER_OPEN_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub breaker_open_ms: u64,

    /// Sagas of the backlog woken per second after the breaker has closed (1 to 1000000).
    #[arg(long, env = "RELAY_DRAIN_RATE", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub drain_rate: u32,

    /// Maximum finished orders that the leader compares with inventory per second (0 to 100; 0: off).
    #[arg(long, env = "RELAY_RECONCILE_PER_S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub reconcile_per_s: u32,

    /// Age from which an order is compared with inventory, in seconds (1 to 86400).
    #[arg(long, env = "RELAY_RECONCILE_AFTER_S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub reconcile_after_s: u64,

    /// Days that finished orders are kept, with their keys and journals (0 to 36500; 0: for ever).
    #[arg(long, env = "ORDER_RETENTION_DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(0..=36_500))]
    pub order_retention_days: u32,

    /// Orders examined in one batch of their removal (2 to 5000).
    #[arg(long, env = "ORDER_RETENTION_ROWS_MAX", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    pub order_retention_rows_max: u32,

    /// Pause between two batches, over all relays, in milliseconds (10 to 60000).
    #[arg(long, env = "ORDER_RETENTION_PAUSE_MS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    pub order_retention_pause_ms: u32,

    /// Whether to use inventory's batch call if inventory offers it.
    #[arg(long, env = "RELAY_BATCH_CALLS", default_value_t = BatchCalls::Auto)]
    pub batch_calls: BatchCalls,
}

/// How reservations travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BatchCalls {
    /// In batches. For a minute one by one where inventory answers that it does not know the call.
    Auto,
    /// One call for each reservation: the published contract.
    Off,
}

impl std::fmt::Display for BatchCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Off => "off",
        })
    }
}

/// Settings that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Every other relay would take this one for dead between two of its heartbeats.
    #[error(
        "RELAY_HEARTBEAT_MS ({heartbeat_ms}) is more than half of RELAY_STALE_MS ({stale_ms}): one late heartbeat, and other \
         relays take this one for dead; set RELAY_STALE_MS to at least twice the heartbeat"
    )]
    HeartbeatTooSlow {
        /// As set.
        heartbeat_ms: u64,
        /// As set.
        stale_ms: u64,
    },
}

impl Config {
    /// Whether the settings work together. Each is within its own bounds already.
    pub fn check(&self) -> Result<(), SettingsError> {
        let Self { heartbeat_ms, stale_ms, .. } = *self;
        if heartbeat_ms * 2 > stale_ms {
            return Err(SettingsError::HeartbeatTooSlow { heartbeat_ms, stale_ms });
        }
        Ok(())
    }

    /// The call timeout.
    pub fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    /// Time between two heartbeats.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    /// The same where there is nothing to do: as seldom as it may be.
    pub fn idle_heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.max(self.stale_ms * 3 / 5))
    }

    /// Age from which an order is compared with inventory.
    pub fn reconcile_after(&self) -> Duration {
        Duration::from_secs(self.reconcile_after_s)
    }

    /// What may be removed; `None`: nothing ever.
    pub fn retention(&self) -> Option<Terms> {
        let (rows_max, pause_ms) = (self.order_retention_rows_max, self.order_retention_pause_ms);
        Terms::new(self.order_retention_days, rows_max, pause_ms)
    }

    /// What the schedule of its looks needs to know.
    pub fn schedule(&self) -> ScheduleConfig {
        ScheduleConfig { claim_max: self.claim_max, stale_ms: self.stale_ms }
    }

    /// The gate's configuration: breaker, retry budget and paced drain.
    pub fn gate(&self) -> GateConfig {
        let breaker = BreakerConfig::default();
        GateConfig {
            breaker: BreakerConfig {
                open_ms: self.breaker_open_ms,
                open_max_ms: breaker.open_max_ms.max(self.breaker_open_ms),
                slow_call_ms: self.call_timeout_ms.min(breaker.slow_call_ms),
                ..breaker
            },
            retry_budget: RetryBudgetConfig::default(),
            drain: DrainConfig { rate_per_second: self.drain_rate, ..DrainConfig::default() },
        }
    }
}

#[cfg(test)]
mod tests;
