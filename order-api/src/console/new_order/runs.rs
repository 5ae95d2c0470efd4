//! Orders placed at a rate by a form: a task of its own, remembered for as long as this process lives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edge::Problem;
use tokio::task::JoinSet;
use tokio::time::interval;
use uuid::Uuid;

use crate::OrderApi;
use crate::orders::create::place;
use crate::orders::order_request::Basket;

/// Runs that are remembered; the oldest is forgotten.
const RUNS_MAX: usize = 20;
/// Runs at the same time.
const RUNNING_MAX: usize = 3;

/// All runs that are remembered.
#[derive(Default)]
pub(crate) struct Runs(Mutex<VecDeque<Run>>);

/// One run.
#[derive(Clone)]
pub(super) struct Run {
    id: String,
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
    /// Starts placing `count` orders, `rate` a second; the run's id.
    pub(super) fn begin(
        &self,
        api: Arc<OrderApi>,
        tenant: &str,
        key: &str,
        basket: Basket,
        (count, rate): (u32, u32),
    ) -> Result<String, Problem> {
        let run = Run { id: Uuid::now_v7().simple().to_string(), count, progress: Arc::default() };
        {
            let mut runs = lock(&self.0);
            if runs.iter().filter(|run| !run.is_done()).count() >= RUNNING_MAX {
                return Err(Problem::unavailable("three runs are under way already", 5));
            }
            runs.push_back(run.clone());
            if runs.len() > RUNS_MAX {
                runs.pop_front();
            }
        }
        let id = run.id.clone();
        let (tenant, key) = (tenant.to_owned(), key.to_owned());
        let closing = api.console.streams.closing.clone();
        let work = async move { run.work(&api, &tenant, &key, &basket, rate).await };
        tokio::spawn(closing.run_until_cancelled_owned(work));
        Ok(id)
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

    /// Each order under a key of its own, which the first's key begins.
    async fn work(&self, api: &Arc<OrderApi>, tenant: &str, key: &str, basket: &Basket, rate: u32) {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        let mut under_way = JoinSet::new();
        for number in 1..=self.count {
            ticks.tick().await;
            let (api, run, basket) = (api.clone(), self.clone(), basket.clone());
            let (tenant, key) = (tenant.to_owned(), format!("{key}-{number}"));
            under_way.spawn(async move { run.place_one(&api, &tenant, key, basket).await });
            while under_way.try_join_next().is_some() {}
        }
        under_way.join_all().await;
    }

    /// As a customer would, who waits for an answer and is measured.
    async fn place_one(&self, api: &OrderApi, tenant: &str, key: String, basket: Basket) {
        let _timing = api.window.time();
        match place(api, tenant, key, basket, (Instant::now(), api.config.wait())).await {
            Ok((order, _)) => lock(&self.progress.orders).push(order.id),
            Err(_) => {
                self.progress.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
