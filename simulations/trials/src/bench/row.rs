//! One measured load as figures: a row of the table, an object in the JSON.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use schema_pg::lab::Counters;
use serde::Serialize;

use super::reference::Limit;
use super::sampler::Samples;
use super::shape::Shape;
use crate::load::{Results, Slice};

const MIB: f64 = 1024.0 * 1024.0;

/// Figures of one load.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub label: String,
    /// Connections.
    pub clients: usize,
    /// Lines of each order.
    pub lines_per_order: u32,
    /// What was measured, after the warm-up.
    pub seconds: f64,
    /// Settled in that time.
    pub orders: u64,
    /// Settled per second.
    pub orders_per_s: f64,
    /// As a share of the limit, one order at a time.
    pub ratio_one: Option<f64>,
    /// As a share of the limit in batches.
    pub ratio_b100: Option<f64>,
    /// Processor time per order, all our processes together, as a multiple of what the limit in batches
    /// takes. Unlike the shares it does not depend on what else the machine does.
    pub cpu_times_b100: Option<f64>,
    /// The limit, measured before and after.
    pub limit: Option<Limit>,
    /// From (intended) submission to settled, milliseconds.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// Requests that sent a key again.
    pub retries: u64,
    /// Of one core, what the load generator itself took.
    pub generator_share: Option<f64>,
    /// Cores that were busy with something else meanwhile.
    pub others_cores: f64,
    /// Microseconds of processor time per order, by process.
    pub cpu_us_per_order: BTreeMap<String, f64>,
    /// Of one core, by process.
    pub cpu_share: BTreeMap<String, f64>,
    /// Most memory, MiB, by process. Of Postgres: of its first process.
    pub peak_mib: BTreeMap<String, f64>,
    /// Memory at the end.
    pub last_mib: BTreeMap<String, f64>,
    /// Of both databases; read-only ones count too.
    pub commits_per_order: f64,
    /// Of the whole server.
    pub wal_bytes_per_order: f64,
    /// Rows updated or deleted.
    pub dead_rows_per_order: f64,
    /// Share of the updates that touched no index.
    pub hot_share: f64,
    /// Throughput and latency over time.
    pub timeline: Vec<Point>,
}

/// A moment of a load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Since the load began.
    pub at_s: f64,
    pub orders_per_s: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

impl Row {
    pub(super) fn new(shape: &Shape, results: &Results, samples: &Samples) -> Self {
        let seconds = results.measured_for.as_secs_f64();
        let orders = results.settled.max(1) as f64;
        let counted_s = samples.counted_for.as_secs_f64().max(f64::EPSILON);
        // What was used in the time that was sampled, for the orders of that time.
        let orders_counted = orders * counted_s / seconds.max(f64::EPSILON);
        let generator_share =
            results.cpu.map(|cpu| cpu.as_secs_f64() / results.elapsed.as_secs_f64());
        let ours: f64 = samples.used.values().map(|used| used.cpu.as_secs_f64()).sum();
        let ours = ours + generator_share.unwrap_or(0.0) * counted_s;
        let by_process = |figure: &dyn Fn(&super::sampler::Used) -> f64| {
            samples.used.iter().map(|(name, used)| (name.clone(), figure(used))).collect()
        };
        Self {
            label: shape.label.clone(),
            clients: shape.clients,
            lines_per_order: shape.basket.lines(),
            seconds,
            orders: results.settled,
            orders_per_s: results.orders_per_s(),
            ratio_one: None,
            ratio_b100: None,
            cpu_times_b100: None,
            limit: None,
            p50_ms: results.latency_ms(0.5),
            p90_ms: results.latency_ms(0.9),
            p99_ms: results.latency_ms(0.99),
            p999_ms: results.latency_ms(0.999),
            max_ms: results.latency.max() as f64 / 1_000.0,
            retries: results.live.retries.load(Relaxed),
            generator_share,
            others_cores: (samples.machine_cpu.as_secs_f64() - ours).max(0.0) / counted_s,
            cpu_us_per_order: by_process(&|used| used.cpu.as_micros() as f64 / orders_counted),
            cpu_share: by_process(&|used| used.cpu.as_secs_f64() / counted_s),
            peak_mib: by_process(&|used| used.peak_bytes as f64 / MIB),
            last_mib: by_process(&|used| used.last_bytes as f64 / MIB),
            commits_per_order: 0.0,
            wal_bytes_per_order: 0.0,
            dead_rows_per_order: 0.0,
            hot_share: 0.0,
            timeline: timeline(results),
        }
    }

    pub(super) fn set_limit(&mut self, limit: Limit) {
        self.limit = Some(limit);
        self.ratio_one = Some(self.orders_per_s / limit.one_per_s);
        self.ratio_b100 = Some(self.orders_per_s / limit.b100_per_s);
        let cpu_us: f64 = self.cpu_us_per_order.values().sum();
        self.cpu_times_b100 = Some(cpu_us / limit.b100_cpu_us.max(f64::EPSILON));
    }

    /// Counts of both databases from before the warm-up to well after the last of `orders`.
    pub(super) fn set_counts(&mut self, counts: &[Counters], wal_bytes: i64, orders: u64) {
        let orders = orders.max(1) as f64;
        let sum = |figure: fn(&Counters) -> i64| counts.iter().map(figure).sum::<i64>() as f64;
        self.commits_per_order = sum(|c| c.commits) / orders;
        self.dead_rows_per_order = sum(Counters::died) / orders;
        self.hot_share = sum(|c| c.hot_updated) / sum(|c| c.updated).max(1.0);
        self.wal_bytes_per_order = wal_bytes as f64 / orders;
    }

    /// Orders per second in a part of the run, seconds since its begin.
    pub(super) fn orders_per_s_between(&self, from_s: f64, to_s: f64) -> f64 {
        let part: Vec<f64> = self
            .timeline
            .iter()
            .filter(|point| point.at_s >= from_s && point.at_s < to_s)
            .map(|point| point.orders_per_s)
            .collect();
        part.iter().sum::<f64>() / part.len().max(1) as f64
    }
}

fn timeline(results: &Results) -> Vec<Point> {
    let width_s = results.slice.as_secs_f64();
    let point = |(index, slice): (usize, &Slice)| Point {
        at_s: index as f64 * width_s,
        orders_per_s: slice.confirmed as f64 / width_s,
        p50_ms: slice.p50_us as f64 / 1_000.0,
        p99_ms: slice.p99_us as f64 / 1_000.0,
    };
    // The last slice is not full.
    let full = results.slices.len().saturating_sub(1);
    results.slices.iter().take(full).enumerate().map(point).collect()
}
