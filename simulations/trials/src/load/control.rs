//! The handles a load is held by while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::watch;

use super::Pace;

/// What the load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Orders are placed.
    Running,
    /// Nothing new is placed; what is under way goes on.
    Paused,
    /// Nothing new will be placed.
    Stopped,
}

/// Pauses, resumes, stops and paces a load. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    phase: Arc<watch::Sender<Phase>>,
    orders_per_s: Arc<AtomicU64>,
}

impl Control {
    pub(super) fn new(pace: &Pace) -> Self {
        let control = Self {
            phase: Arc::new(watch::channel(Phase::Running).0),
            orders_per_s: Arc::default(),
        };
        match *pace {
            Pace::Closed => {}
            Pace::Open { orders_per_s } => control.set_rate(orders_per_s),
        }
        control
    }

    /// Places nothing new until [`Control::resume`].
    pub fn pause(&self) {
        self.leave_unless_stopped(Phase::Paused);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.leave_unless_stopped(Phase::Running);
    }

    /// Places nothing new any more.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// Changes the mean arrivals per second of an open loop.
    pub fn set_rate(&self, orders_per_s: f64) {
        self.orders_per_s.store(orders_per_s.to_bits(), Relaxed);
    }

    /// What the load is doing.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(super) fn rate(&self) -> f64 {
        f64::from_bits(self.orders_per_s.load(Relaxed))
    }

    /// Waits out a pause; true when orders may be placed.
    pub(super) async fn may_go_on(&self) -> bool {
        match self.phase() {
            Phase::Running => true,
            Phase::Stopped => false,
            Phase::Paused => {
                let mut phases = self.phase.subscribe();
                let after = phases.wait_for(|phase| *phase != Phase::Paused).await;
                *after.expect("the sender is held by self") == Phase::Running
            }
        }
    }

    /// Waits until it is stopped, by whomever.
    pub async fn stopped(&self) {
        let mut phases = self.phase.subscribe();
        let stopped = phases.wait_for(|phase| *phase == Phase::Stopped).await;
        stopped.expect("the sender is held by self");
    }

    fn leave_unless_stopped(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let changes = *phase != Phase::Stopped && *phase != to;
            if changes {
                *phase = to;
            }
            changes
        });
    }
}

/// Counts so far. Orders, except for `requests` and `retries`.
#[derive(Debug, Default)]
pub struct Live {
    /// Begun.
    pub begun: AtomicU64,
    /// Ended, one way or another.
    pub ended: AtomicU64,
    /// Answered with a definitive outcome or a promise (any 2xx).
    pub acknowledged: AtomicU64,
    /// Seen confirmed.
    pub confirmed: AtomicU64,
    /// Seen failed for a business reason.
    pub failed: AtomicU64,
    /// Accepted, and not settled while the client looked.
    pub unsettled: AtomicU64,
    /// Given up without an answer that says what happened.
    pub unknown: AtomicU64,
    /// Refused as invalid.
    pub refused: AtomicU64,
    /// HTTP requests sent.
    pub requests: AtomicU64,
    /// Requests that sent a key again because the last try was not answered.
    pub retries: AtomicU64,
}

impl Live {
    /// Orders begun and not ended.
    pub fn under_way(&self) -> u64 {
        let ended = self.ended.load(Relaxed);
        self.begun.load(Relaxed).saturating_sub(ended)
    }
}
