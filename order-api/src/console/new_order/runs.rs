//! Orders placed at a rate by a form, remembered for as long as this process lives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge::Problem;
use uuid::Uuid;

/// Runs that are remembered; the oldest is forgotten.
const RUNS_MAX: usize = 20;
/// Runs at the same time.
const RUNNING_MAX: usize = 3;

/// All runs that are remembered.
#[derive(Default)]
pub(crate) struct Runs(Mutex<VecDeque<Run>>);

#[derive(Clone)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) count: u32,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    orders: Mutex<Vec<Uuid>>,
    refused: AtomicU32,
    done: AtomicU32,
}

impl Runs {
    /// Remembers a run of `count` orders that begins now, unless too many are under way.
    pub(super) fn begin(&self, count: u32) -> Result<Run, Problem> {
        let run = Run { id: Uuid::now_v7().simple().to_string(), count, progress: Arc::default() };
        let mut runs = lock(&self.0);
        if runs.iter().filter(|run| !run.is_done()).count() >= RUNNING_MAX {
            return Err(Problem::unavailable("three runs are under way already", 5));
        }
        runs.push_back(run.clone());
        if runs.len() > RUNS_MAX {
            runs.pop_front();
        }
        Ok(run)
    }

    pub(super) fn find(&self, id: &str) -> Option<Run> {
        lock(&self.0).iter().find(|run| run.id == id).cloned()
    }
}

impl Run {
    pub(super) fn orders(&self) -> Vec<Uuid> {
        lock(&self.progress.orders).clone()
    }

    pub(super) fn refused(&self) -> u32 {
        self.progress.refused.load(Ordering::Relaxed)
    }

    fn is_done(&self) -> bool {
        self.progress.done.load(Ordering::Relaxed) >= self.count
    }

    /// One of its orders was placed; `None`: it was refused.
    pub(super) fn count(&self, placed: Option<Uuid>) {
        match placed {
            Some(order_id) => lock(&self.progress.orders).push(order_id),
            None => {
                self.progress.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
