//! Where clients write down what happened: ledger, histograms, timeline, live counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use uuid::Uuid;

use super::control::Live;
use super::plan::Plan;
use super::results::{Results, Slice};
use checker::ledger::{Conflict, Entry, Ledger, Outcome};

/// Longer latencies are recorded as this: ten minutes, in microseconds.
const LATENCY_MAX_US: u64 = 600_000_000;

/// One order under way.
pub(super) struct Order {
    pub(super) index: usize,
    pub(super) id: Uuid,
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) tries: u16,
    pub(super) repeated: bool,
    intended: Instant,
    settled: Option<Instant>,
}

impl Order {
    pub(super) fn key(&self, run: u64) -> String {
        format!("{run:016x}-{:08x}", self.index)
    }

    /// Stops the clock: what comes now is not part of its latency.
    pub(super) fn settle(&mut self) {
        self.settled.get_or_insert_with(Instant::now);
    }
}

/// Shared by all clients of the one load thread.
#[derive(Clone)]
pub(super) struct Recorder {
    inner: Rc<RefCell<Inner>>,
    live: Arc<Live>,
}

struct Inner {
    started: Instant,
    stopped: Option<Instant>,
    warm_up: Duration,
    orders_max: usize,
    ledger: Ledger,
    latency: Histogram<u64>,
    answers: Histogram<u64>,
    settled: u64,
    width: Duration,
    slice: Slice,
    slice_latency: Histogram<u64>,
    slices: Vec<Slice>,
}

impl Recorder {
    pub(super) fn start(plan: &Plan, live: Arc<Live>) -> Self {
        let inner = Inner {
            started: Instant::now(),
            stopped: None,
            warm_up: plan.warm_up,
            orders_max: plan.orders_max.map_or(usize::MAX, |orders| orders as usize),
            ledger: Ledger::new(plan.run),
            latency: histogram(3),
            answers: histogram(3),
            settled: 0,
            width: plan.slice.max(Duration::from_millis(10)),
            slice: Slice::default(),
            slice_latency: histogram(2),
            slices: Vec::new(),
        };
        Self { inner: Rc::new(RefCell::new(inner)), live }
    }

    /// A new order, or `None` when there were enough.
    pub(super) fn begin(&self, intended: Instant) -> Option<Order> {
        let mut inner = self.inner.borrow_mut();
        if inner.ledger.entries().len() >= inner.orders_max {
            return None;
        }
        let started = intended.saturating_duration_since(inner.started);
        let index = inner.ledger.push(Entry::begun(milliseconds(started)));
        count(&self.live.begun);
        Some(Order {
            index,
            id: Uuid::nil(),
            outcome: Outcome::Unknown,
            status: 0,
            tries: 0,
            repeated: false,
            intended,
            settled: None,
        })
    }

    pub(super) fn requested(&self, tries: u16) {
        count(&self.live.requests);
        if tries > 1 {
            count(&self.live.retries);
            self.inner.borrow_mut().slice.retries += 1;
        }
    }

    /// One POST was answered, or given up, after this time.
    pub(super) fn answered(&self, took: Duration) {
        self.inner.borrow_mut().answers.saturating_record(microseconds(took));
    }

    /// An answer named the order and its state: both are held against what was said before.
    pub(super) fn stands(&self, order: &mut Order, id: Uuid, outcome: Outcome) {
        if !order.id.is_nil() && order.id != id {
            self.conflict(order, &format!("one key, two orders: {} and {id}", order.id));
        }
        if order.outcome.is_final() && order.outcome != outcome {
            self.conflict(order, &format!("was {:?}, became {outcome:?}", order.outcome));
        }
        order.id = id;
        order.outcome = outcome;
        // Known from here on, even when the load ends while the client still follows the order.
        let mut inner = self.inner.borrow_mut();
        let entry = inner.ledger.entry_mut(order.index);
        (entry.order_id, entry.outcome) = (id, outcome);
    }

    pub(super) fn conflict(&self, order: &Order, what: &str) {
        let mut inner = self.inner.borrow_mut();
        let key = inner.ledger.key(order.index);
        inner.ledger.push_conflict(Conflict { key, what: what.to_owned() });
    }

    pub(super) fn end(&self, order: &Order) {
        let ended = order.settled.unwrap_or_else(Instant::now);
        let took = ended.saturating_duration_since(order.intended);
        let mut inner = self.inner.borrow_mut();
        let entry = inner.ledger.entry_mut(order.index);
        entry.outcome = order.outcome;
        entry.status = order.status;
        entry.tries = order.tries;
        entry.took_ms = milliseconds(took);
        inner.count_end(order, ended, took);
        self.count_live(order.outcome);
    }

    /// The load was stopped: what ends from now on is not part of the throughput.
    pub(super) fn stop(&self) {
        self.inner.borrow_mut().stopped = Some(Instant::now());
    }

    pub(super) fn results(&self, now: Instant) -> Results {
        let mut inner = self.inner.borrow_mut();
        inner.close_slice();
        let measured_until = inner.stopped.unwrap_or(now);
        Results {
            measured_for: measured_until
                .saturating_duration_since(inner.started)
                .saturating_sub(inner.warm_up),
            elapsed: now.saturating_duration_since(inner.started),
            latency: inner.latency.clone(),
            answers: inner.answers.clone(),
            settled: inner.settled,
            slices: std::mem::take(&mut inner.slices),
            slice: inner.width,
            ledger: std::mem::take(&mut inner.ledger),
            cpu: None,
            live: self.live.clone(),
        }
    }

    fn count_live(&self, outcome: Outcome) {
        if outcome.is_acknowledged() {
            count(&self.live.acknowledged);
        }
        match outcome {
            Outcome::Unknown => count(&self.live.unknown),
            Outcome::Accepted => count(&self.live.unsettled),
            Outcome::Confirmed => count(&self.live.confirmed),
            Outcome::Failed | Outcome::Cancelled => count(&self.live.failed),
            Outcome::Refused => count(&self.live.refused),
        }
        count(&self.live.ended);
    }
}

impl Inner {
    fn count_end(&mut self, order: &Order, ended: Instant, took: Duration) {
        let at = ended.saturating_duration_since(self.started);
        let current = (at.as_nanos() / self.width.as_nanos()) as usize;
        while self.slices.len() < current {
            self.close_slice();
        }
        match order.outcome {
            Outcome::Confirmed => self.slice.confirmed += 1,
            Outcome::Failed | Outcome::Cancelled => self.slice.failed += 1,
            Outcome::Unknown | Outcome::Accepted | Outcome::Refused => {
                self.slice.open += 1;
                return;
            }
        }
        let micros = microseconds(took);
        self.slice_latency.saturating_record(micros);
        let began = order.intended.saturating_duration_since(self.started);
        if began >= self.warm_up {
            self.latency.saturating_record(micros);
        }
        if at >= self.warm_up && self.stopped.is_none() {
            self.settled += 1;
        }
    }

    fn close_slice(&mut self) {
        if !self.slice_latency.is_empty() {
            self.slice.p50_us = self.slice_latency.value_at_quantile(0.5);
            self.slice.p99_us = self.slice_latency.value_at_quantile(0.99);
            self.slice.max_us = self.slice_latency.max();
            self.slice_latency.reset();
        }
        self.slices.push(std::mem::take(&mut self.slice));
    }
}

fn histogram(significant_digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, significant_digits)
        .expect("the bounds are in order and the digits at most five")
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
