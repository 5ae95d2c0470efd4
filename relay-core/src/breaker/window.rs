//! What the breaker remembers of a generation: ten one-second buckets that slide.

use super::Outcome;
use serde::Serialize;

/// Buckets in the window.
pub const BUCKETS: u64 = 10;
/// Length of a bucket in milliseconds.
pub const BUCKET_MS: u64 = 1_000;

/// Sums over the window or over one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Counts {
    /// Times a permit came back with a result. A batch lost as a whole is one answer.
    pub answers: u64,
    /// Calls those answers stood for.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that were slow, failed or not.
    pub slow: u64,
}

/// One second of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BucketStatistics {
    /// 0 is the running second.
    pub seconds_ago: u64,
    /// What ended in it.
    #[serde(flatten)]
    pub counts: Counts,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    buckets: [Bucket; BUCKETS as usize],
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Which second it holds; a slot is reused when its second has left the window.
    tick: u64,
    counts: Counts,
}

impl Window {
    pub(super) fn record(&mut self, calls: u32, outcome: Outcome, slow: bool, now_ms: u64) {
        let tick = now_ms / BUCKET_MS;
        let bucket = &mut self.buckets[(tick % BUCKETS) as usize];
        if bucket.tick != tick {
            *bucket = Bucket { tick, counts: Counts::default() };
        }
        let calls = u64::from(calls);
        bucket.counts.answers += 1;
        bucket.counts.calls += calls;
        bucket.counts.failed += if outcome == Outcome::Failed { calls } else { 0 };
        bucket.counts.slow += if slow { calls } else { 0 };
    }

    pub(super) fn counts(&self, now_ms: u64) -> Counts {
        self.live(now_ms).fold(Counts::default(), |sum, bucket| Counts {
            answers: sum.answers + bucket.counts.answers,
            calls: sum.calls + bucket.counts.calls,
            failed: sum.failed + bucket.counts.failed,
            slow: sum.slow + bucket.counts.slow,
        })
    }

    /// Oldest first, empty seconds left out.
    pub(super) fn buckets(&self, now_ms: u64) -> Vec<BucketStatistics> {
        let mut buckets: Vec<BucketStatistics> = self
            .live(now_ms)
            .filter(|bucket| bucket.counts.answers > 0)
            .map(|bucket| BucketStatistics {
                seconds_ago: now_ms / BUCKET_MS - bucket.tick,
                counts: bucket.counts,
            })
            .collect();
        buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.seconds_ago));
        buckets
    }

    fn live(&self, now_ms: u64) -> impl Iterator<Item = &Bucket> {
        let tick = now_ms / BUCKET_MS;
        self.buckets.iter().filter(move |bucket| bucket.tick + BUCKETS > tick)
    }
}
