//! What a load came to: counts, latency, and both over time.

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::control::Live;
use checker::ledger::Ledger;

/// What a load came to.
#[derive(Debug)]
pub struct Results {
    /// What the clients know.
    pub ledger: Ledger,
    /// From (intended) start to settled, in microseconds, of orders that began after the warm-up.
    pub latency: Histogram<u64>,
    /// From each POST to its answer, or to when it was given up, in microseconds.
    pub answers: Histogram<u64>,
    /// Orders settled after the warm-up and before the stop.
    pub settled: u64,
    /// The time those were settled in.
    pub measured_for: Duration,
    /// Throughput and latency over time.
    pub slices: Vec<Slice>,
    /// Width of a slice.
    pub slice: Duration,
    /// From start to the end of the last order.
    pub elapsed: Duration,
    /// Processor time of the generator, where the kernel tells.
    pub cpu: Option<Duration>,
    /// Final counts.
    pub live: Arc<Live>,
}

/// One slice of the timeline, by the time orders ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slice {
    /// Seen confirmed.
    pub confirmed: u64,
    /// Seen failed or cancelled.
    pub failed: u64,
    /// Ended accepted, unknown or refused.
    pub open: u64,
    /// Requests that sent a key again.
    pub retries: u64,
    /// Median latency, microseconds; 0 when nothing was settled.
    pub p50_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
}

impl Results {
    /// Settled orders per second, warm-up excluded.
    pub fn orders_per_s(&self) -> f64 {
        self.settled as f64 / self.measured_for.as_secs_f64().max(f64::EPSILON)
    }

    /// A latency quantile (0 to 1) in milliseconds.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }
}
