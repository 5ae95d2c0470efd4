//! The rolling average of response times: thirty one-second buckets, green, yellow, red.
//!
//! Orders are measured, not health checks: an average that probes can push down is no alarm. A
//! request counts when it ends, also when its client went away while it hung.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Length of the window in seconds, one bucket each.
pub const WINDOW_S: u64 = 30;
/// From here on the average is yellow.
const YELLOW_FROM: Duration = Duration::from_millis(500);
/// Above this it is red.
const RED_ABOVE: Duration = Duration::from_secs(1);

/// Response times of the last [`WINDOW_S`] seconds.
pub struct ResponseWindow {
    started: Instant,
    buckets: Mutex<[Bucket; WINDOW_S as usize]>,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    second: u64,
    count: u32,
    total: Duration,
}

/// What the average means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Light {
    /// Below 500 ms, or no request at all.
    Green,
    /// 500 to 1000 ms.
    Yellow,
    /// Above 1000 ms.
    Red,
}

/// The window as it is now.
#[derive(Clone, Debug, Serialize)]
pub struct WindowSnapshot {
    /// The colour of the average.
    pub status: Light,
    /// `null` while there was no request.
    pub average_ms: Option<f64>,
    /// Requests in the window.
    pub count: u32,
    /// Length of the window.
    pub window_s: u64,
    /// Oldest first, one per second, the running one last.
    pub buckets: Vec<BucketSnapshot>,
}

/// One second.
#[derive(Clone, Debug, Serialize)]
pub struct BucketSnapshot {
    /// How long ago this second was.
    pub seconds_ago: u64,
    /// Requests that ended in it.
    pub count: u32,
    /// Their average; `null` for none.
    pub average_ms: Option<f64>,
}

/// One request being timed; recorded when dropped.
pub struct Timing<'w> {
    window: &'w ResponseWindow,
    begun: Instant,
}

impl Default for ResponseWindow {
    fn default() -> ResponseWindow {
        ResponseWindow { started: Instant::now(), buckets: Mutex::default() }
    }
}

impl ResponseWindow {
    /// Times a request until the answer is dropped.
    pub fn time(&self) -> Timing<'_> {
        Timing { window: self, begun: Instant::now() }
    }

    /// The window as it is now.
    pub fn snapshot(&self) -> WindowSnapshot {
        self.snapshot_at(self.now_s())
    }

    fn now_s(&self) -> u64 {
        // second 0 is "never used", so that a new window is empty
        self.started.elapsed().as_secs() + WINDOW_S
    }

    fn record_at(&self, second: u64, took: Duration) {
        let mut buckets = self.lock();
        let bucket = &mut buckets[(second % WINDOW_S) as usize];
        if bucket.second != second {
            *bucket = Bucket { second, ..Bucket::default() };
        }
        bucket.count += 1;
        bucket.total += took;
    }

    fn snapshot_at(&self, now_s: u64) -> WindowSnapshot {
        let buckets = *self.lock();
        let in_order = (0..WINDOW_S).rev().map(|seconds_ago| {
            let second = now_s - seconds_ago;
            let bucket = buckets[(second % WINDOW_S) as usize];
            (seconds_ago, if bucket.second == second { bucket } else { Bucket::default() })
        });
        let in_order: Vec<(u64, Bucket)> = in_order.collect();
        let whole = in_order.iter().fold(Bucket::default(), |sum, (_, bucket)| Bucket {
            second: 0,
            count: sum.count + bucket.count,
            total: sum.total + bucket.total,
        });
        WindowSnapshot {
            status: light(whole),
            average_ms: average_ms(whole),
            count: whole.count,
            window_s: WINDOW_S,
            buckets: in_order
                .into_iter()
                .map(|(seconds_ago, bucket)| BucketSnapshot {
                    seconds_ago,
                    count: bucket.count,
                    average_ms: average_ms(bucket),
                })
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Bucket; WINDOW_S as usize]> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        self.window.record_at(self.window.now_s(), self.begun.elapsed());
    }
}

fn average(bucket: Bucket) -> Option<Duration> {
    bucket.total.checked_div(bucket.count)
}

fn average_ms(bucket: Bucket) -> Option<f64> {
    average(bucket).map(|average| average.as_micros() as f64 / 1000.0)
}

fn light(bucket: Bucket) -> Light {
    match average(bucket) {
        Some(average) if average > RED_ABOVE => Light::Red,
        Some(average) if average >= YELLOW_FROM => Light::Yellow,
        _ => Light::Green,
    }
}

#[cfg(test)]
mod tests;
