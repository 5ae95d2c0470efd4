//! Poisson arrivals for the open loop.
//!
//! A thread of its own keeps the clock: the runtime's timer counts whole milliseconds, which would
//! show up as latency.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Notify, mpsc};

use super::control::{Control, Phase};
use super::plan::Plan;
use super::thread_cpu;

/// Arrivals that come closer together are handed over together.
const TICK: Duration = Duration::from_micros(200);
/// How often a pause or a stop is looked for.
const GLANCE: Duration = Duration::from_millis(20);
/// No wait is longer, whatever the rate.
const GAP_MAX: Duration = Duration::from_mins(1);
/// Orders that wait for a free client at most. What arrives beyond is begun late, never dropped:
/// the clock waits, and its orders keep their intended times.
const WAITING_MAX: usize = 100_000;
/// Arrivals on their way from the clock to the queue at most.
const DUE_MAX: usize = 10_000;

/// The queue that clients take arrivals from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Arrivals {
    queue: Rc<Queue>,
}

struct Queue {
    waiting: RefCell<VecDeque<Instant>>,
    more: Notify,
    control: Control,
    clock_cpu: Arc<OnceLock<Duration>>,
}

impl Arrivals {
    pub(super) fn start(plan: &Plan, control: &Control) -> Self {
        let (due, arriving) = mpsc::channel(DUE_MAX);
        let (clock_control, seed) = (control.clone(), plan.seed);
        let clock_cpu = Arc::new(OnceLock::new());
        let cpu = clock_cpu.clone();
        thread::Builder::new()
            .name("arrivals".to_owned())
            .spawn(move || {
                keep_time(seed, &clock_control, &due);
                cpu.get_or_init(|| thread_cpu().unwrap_or_default());
            })
            .expect("a thread for the clock");
        let queue = Rc::new(Queue {
            waiting: RefCell::default(),
            more: Notify::new(),
            control: control.clone(),
            clock_cpu,
        });
        tokio::task::spawn_local(hand_over(arriving, queue.clone()));
        Self { queue }
    }

    /// Processor time of the clock's thread; zero until it has ended.
    pub(super) fn cpu(&self) -> Duration {
        self.queue.clock_cpu.get().copied().unwrap_or_default()
    }

    /// When the next order was meant to be placed; `None` after the stop.
    pub(super) async fn next(&self) -> Option<Instant> {
        loop {
            let more = self.queue.more.notified();
            if self.queue.control.phase() == Phase::Stopped {
                return None;
            }
            if let Some(intended) = self.queue.waiting.borrow_mut().pop_front() {
                return Some(intended);
            }
            more.await;
        }
    }
}

async fn hand_over(mut arriving: mpsc::Receiver<Instant>, queue: Rc<Queue>) {
    let mut batch = Vec::new();
    // The clock closes the channel when the load is stopped.
    while arriving.recv_many(&mut batch, DUE_MAX).await > 0 {
        while queue.waiting.borrow().len() >= WAITING_MAX {
            tokio::time::sleep(GLANCE).await;
        }
        for intended in batch.drain(..) {
            queue.waiting.borrow_mut().push_back(intended);
            queue.more.notify_one();
        }
    }
    queue.more.notify_waiters();
}

fn keep_time(seed: u64, control: &Control, due: &mpsc::Sender<Instant>) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        match control.phase() {
            Phase::Stopped => return,
            Phase::Running if control.rate() > 0.0 => {}
            Phase::Running | Phase::Paused => {
                thread::sleep(GLANCE);
                next = Instant::now();
                continue;
            }
        }
        while next <= now {
            if due.blocking_send(next).is_err() {
                return;
            }
            next += gap(control.rate(), &mut random);
        }
        thread::sleep((next - now).clamp(TICK, GLANCE));
    }
}

/// An exponentially distributed wait.
fn gap(orders_per_s: f64, random: &mut SmallRng) -> Duration {
    let uniform: f64 = random.random();
    let seconds = -(1.0 - uniform).ln() / orders_per_s.max(f64::MIN_POSITIVE);
    Duration::try_from_secs_f64(seconds).unwrap_or(GAP_MAX).min(GAP_MAX)
}
