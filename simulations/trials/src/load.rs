//! A load generator that costs little: many keep-alive clients on one thread, over plain sockets.
//!
//! It drives the order API as real clients do: each order has its own idempotency key, and a lost
//! connection, a timeout or a 503 is answered by sending the same key again (except by the share of
//! clients that never retry). Two shapes: a *closed loop*, where each client places its next order
//! when the last one is settled, and an *open loop* of Poisson arrivals, where latency counts from
//! the moment the order was meant to be sent, so a stalled server cannot hide its own queue.
//!
//! Every answer goes into a [`checker::ledger::Ledger`], which the invariant checker holds against the databases.
//! The generator must never be what is measured: it counts its own processor time. Start at
//! [`start`].

mod arrivals;
mod basket;
mod client;
mod connection;
mod control;
mod plan;
mod recorder;
mod results;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

pub use basket::{Basket, item_id};
pub use control::{Control, Live, Phase};
pub use plan::{Pace, Patience, Plan};
pub use results::{Results, Slice};

use arrivals::Arrivals;
use client::Client;
use recorder::Recorder;

/// Clients at most: each one holds a socket.
pub const CLIENTS_MAX: usize = 20_000;

/// A load that is under way.
pub struct Running {
    /// Pause, resume, stop, change the rate.
    pub control: Control,
    /// Counts so far, for a progress bar.
    pub live: Arc<Live>,
    thread: JoinHandle<Results>,
}

/// Starts the load on a thread of its own.
///
/// # Errors
/// When the thread or its runtime cannot be made. A server that is not there is no error: its
/// clients keep trying, as clients do.
pub fn start(plan: Plan) -> io::Result<Running> {
    let control = Control::new(&plan.pace);
    let live = Arc::new(Live::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("load".to_owned()).spawn({
        let (control, live) = (control.clone(), live.clone());
        move || runtime.block_on(LocalSet::new().run_until(drive(plan, control, live)))
    })?;
    Ok(Running { control, live, thread })
}

impl Running {
    /// Waits until the load has ended by its own deadline or by [`Control::stop`].
    ///
    /// Blocks: from async code call it through `spawn_blocking`.
    pub fn finish(self) -> Results {
        self.thread.join().expect("the load thread does not panic")
    }

    /// True when [`Running::finish`] would not wait.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

async fn drive(plan: Plan, control: Control, live: Arc<Live>) -> Results {
    let plan = Rc::new(plan);
    let recorder = Recorder::start(&plan, live);
    let arrivals = match plan.pace {
        Pace::Closed => None,
        Pace::Open { .. } => Some(Arrivals::start(&plan, &control)),
    };
    let mut clients = JoinSet::new();
    for number in 0..plan.clients.min(CLIENTS_MAX) {
        let target = target(&plan.targets, number);
        let client = Client::new(number, target, plan.clone(), recorder.clone(), control.clone());
        clients.spawn_local(client.run(arrivals.clone()));
    }
    if let Some(after) = plan.stop_after {
        let control = control.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            control.stop();
        });
    }
    control.stopped().await;
    recorder.stop();
    // What is under way gets its time; what is still open then stays unknown in the ledger.
    let _ = tokio::time::timeout(plan.patience.drain, async {
        while clients.join_next().await.is_some() {}
    })
    .await;
    clients.shutdown().await;
    let clock_cpu = arrivals.map(|arrivals| arrivals.cpu()).unwrap_or_default();
    Results { cpu: thread_cpu().map(|cpu| cpu + clock_cpu), ..recorder.results(Instant::now()) }
}

fn target(targets: &[SocketAddr], number: usize) -> SocketAddr {
    assert!(!targets.is_empty(), "a load needs a target");
    targets[number % targets.len()]
}

/// Processor time of the calling thread, from the kernel's scheduler statistics (Linux only).
fn thread_cpu() -> Option<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedstat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests;
