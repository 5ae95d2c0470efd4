//! What the console keeps between requests: little, and nothing that a restart must not lose.

use std::sync::Mutex;
use std::time::Instant;

use edge::Vitals;

use super::inventory::Inventory;
use super::live_streams::Streams;
use super::new_order::runs::Runs;

/// Shared by all pages.
pub(crate) struct Console {
    pub(super) inventory: Inventory,
    pub(super) runs: Runs,
    pub(super) streams: Streams,
    started: Instant,
    cpu: Mutex<Option<(Instant, f64)>>,
}

impl Console {
    pub(crate) fn new(inventory_url: Option<&str>) -> Console {
        Console {
            inventory: Inventory::new(inventory_url),
            runs: Runs::default(),
            streams: Streams::default(),
            started: Instant::now(),
            cpu: Mutex::new(None),
        }
    }

    /// The service begins to stop: streams have no end of their own, and would hold up its drain.
    pub(crate) fn close(&self) {
        self.streams.closing.cancel();
    }

    /// How long this process has served, in milliseconds.
    pub(super) fn uptime_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The share of one core since the last look, or since the start.
    pub(super) fn cpu_share(&self, vitals: &Vitals) -> Option<f64> {
        /// Shorter spans say nothing: the system counts in hundredths of a second.
        const SPAN_S: f64 = 0.5;
        let cpu_s = vitals.cpu_s?;
        let mut last = self.cpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (since, before) = last.unwrap_or((self.started, 0.0));
        let passed = since.elapsed().as_secs_f64();
        if passed > SPAN_S {
            *last = Some((Instant::now(), cpu_s));
        }
        (passed > 0.0).then(|| (cpu_s - before) / passed)
    }
}
