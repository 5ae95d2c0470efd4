//! How many spans were sent, and how many were lost.

const SENT: &str = "trace_spans_sent_total";
const DROPPED: &str = "trace_spans_dropped_total";

/// Why spans were dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dropped {
    /// They came faster than they were taken.
    QueueFull,
    /// The collector did not take them.
    NotTaken,
}

pub(super) fn count_sent(spans: usize) {
    metrics::counter!(SENT).increment(spans as u64);
}

pub(super) fn count_dropped(why: Dropped, spans: usize) {
    metrics::counter!(DROPPED, "reason" => why.name()).increment(spans as u64);
}

pub(super) fn describe() {
    metrics::describe_counter!(SENT, "spans that a collector has taken");
    metrics::describe_counter!(DROPPED, "spans that were lost, by reason; no order waits for them");
    metrics::counter!(SENT).increment(0);
    for why in [Dropped::QueueFull, Dropped::NotTaken] {
        count_dropped(why, 0);
    }
}

impl Dropped {
    fn name(self) -> &'static str {
        match self {
            Dropped::QueueFull => "queue_full",
            Dropped::NotTaken => "not_taken",
        }
    }
}
