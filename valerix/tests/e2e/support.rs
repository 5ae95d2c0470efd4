//! What every test here needs: a system of processes, a load on it, and the check that both databases agree.

mod collector;
mod consistency;
mod load;
mod orders;
mod process;
mod system;

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

pub(crate) use collector::{Collector, Told};
pub(crate) use consistency::check_consistency;
pub(crate) use load::Load;
pub(crate) use orders::Api;
pub(crate) use process::{Ended, Process, Signal, free_port, send};
pub(crate) use system::{Apart, Up};

/// Nothing beside it: a second system would take the time that is being measured.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    ONE_AT_A_TIME.lock().await
}

/// Waits until this is so.
pub(crate) async fn until(mut expected: impl AsyncFnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(30);
    const POLL: Duration = Duration::from_millis(10);
    let began = Instant::now();
    while !expected().await {
        assert!(began.elapsed() < PATIENCE, "it never comes to that");
        sleep(POLL).await;
    }
}
