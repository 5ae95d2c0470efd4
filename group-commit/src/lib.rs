//! Group commit: concurrent requests share one flush, each still gets its own answer.
//!
//! A batch is what gathered while the flushes before it ran: an idle system flushes a lone request at
//! once, a busy one fills its batches by itself. Where each flush costs much besides its rows, a pace
//! keeps a half-busy system from making many small ones. Requests keep the order
//! they came in, within a batch and from batch to batch (flushes may overlap up to `flushes_max`).
//!
//! A request that was taken in is flushed even when its caller has gone. A flush that panics or
//! answers too few is answered [`BatchError::Lost`] to everyone in it: whether their rows were
//! written is unknown, and asking again with the same key finds out. The batcher lives on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

/// The bounds of one batcher.
#[derive(Clone, Copy, Debug)]
pub struct BatchConfig {
    /// Label of its metrics.
    pub name: &'static str,
    /// Requests per flush at most.
    pub rows_max: usize,
    /// Least time from the beginning of one flush to that of the next, in whole milliseconds; zero: none.
    /// Who comes later than that after a flush is not kept waiting.
    pub pace: Duration,
    /// Flushes running at the same time at most. One keeps strict order between batches.
    pub flushes_max: usize,
    /// Requests waiting at most; more are refused as [`BatchError::Overloaded`].
    pub queue_max: usize,
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The queue is full; nothing was done.
    #[error("too much is waiting already")]
    Overloaded,
    /// The flush it was in came to nothing; whether it was written is unknown.
    #[error("the flush ended without an answer")]
    Lost,
}

/// Gathers `Req`s and hands them to a flush function. Cheap to clone; it ends with its last clone,
/// after everything taken in has been flushed.
pub struct Batcher<Req, Res> {
    queue: mpsc::Sender<Waiting<Req, Res>>,
}

struct Waiting<Req, Res> {
    request: Req,
    answer: oneshot::Sender<Res>,
}

type Flush<Req, Res> = Arc<dyn Fn(Vec<Req>) -> BoxFuture<'static, Vec<Res>> + Send + Sync>;

impl<Req: Send + 'static, Res: Send + 'static> Batcher<Req, Res> {
    /// Starts the gathering task. `flush` answers one `Res` per `Req`, in the same order.
    pub fn start(
        config: BatchConfig,
        flush: impl Fn(Vec<Req>) -> BoxFuture<'static, Vec<Res>> + Send + Sync + 'static,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(config.queue_max);
        tokio::spawn(gather(config, waiting, Arc::new(flush)));
        Self { queue }
    }

    /// Takes the request in and waits for its answer. Dropping this future does not take it back.
    pub async fn submit(&self, request: Req) -> Result<Res, BatchError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { request, answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => BatchError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => BatchError::Lost,
        })?;
        answered.await.map_err(|_| BatchError::Lost)
    }

    /// Requests taken in and not yet handed to a flush.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl<Req, Res> Clone for Batcher<Req, Res> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

async fn gather<Req: Send + 'static, Res: Send + 'static>(
    config: BatchConfig,
    mut waiting: mpsc::Receiver<Waiting<Req, Res>>,
    flush: Flush<Req, Res>,
) {
    let slots = Arc::new(Semaphore::new(config.flushes_max));
    let mut next_at = Instant::now();
    loop {
        let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, config.rows_max).await == 0 {
            return; // the last clone has gone, and all of its requests are flushed
        }
        if Instant::now() < next_at {
            sleep_until(next_at).await;
        }
        // Callers that became ready together run now, and join this batch instead of the next.
        tokio::task::yield_now().await;
        while batch.len() < config.rows_max {
            match waiting.try_recv() {
                Ok(one) => batch.push(one),
                Err(_) => break,
            }
        }
        next_at = Instant::now() + config.pace;
        let full = std::mem::take(&mut batch);
        let span =
            tracing::info_span!(parent: None, "flush", batcher = config.name, rows = full.len());
        tokio::spawn(run_flush(config.name, full, flush.clone(), slot).instrument(span));
    }
}

/// One flush. When it panics, the waiters' senders drop with it, and the slot is free again.
async fn run_flush<Req, Res>(
    name: &'static str,
    batch: Vec<Waiting<Req, Res>>,
    flush: Flush<Req, Res>,
    _slot: OwnedSemaphorePermit,
) {
    metrics::histogram!("batch_rows", "batcher" => name).record(batch.len() as f64);
    let (requests, senders): (Vec<Req>, Vec<oneshot::Sender<Res>>) =
        batch.into_iter().map(|w| (w.request, w.answer)).unzip();
    let rows = requests.len();
    let answers = flush(requests).await;
    if answers.len() != rows {
        tracing::error!(rows, answers = answers.len(), "a flush must answer each of its requests");
        return;
    }
    for (sender, answer) in senders.into_iter().zip(answers) {
        // A caller that has gone needs no answer.
        let _ = sender.send(answer);
    }
}

#[cfg(test)]
mod tests;
