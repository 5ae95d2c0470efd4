use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::*;

const CONFIG: BatchConfig = BatchConfig {
    name: "test",
    rows_max: 100,
    pace: Duration::ZERO,
    flushes_max: 1,
    queue_max: 1_000,
};

fn doubling(config: BatchConfig) -> Batcher<u32, u32> {
    Batcher::start(config, |rows| Box::pin(async move { rows.iter().map(|r| r * 2).collect() }))
}

/// The batches a flush function was given.
type Seen = Arc<Mutex<Vec<Vec<u32>>>>;

/// A batcher whose flushes wait for the gate, and what they were given.
fn gated(config: BatchConfig) -> (Batcher<u32, u32>, Arc<Semaphore>, Seen) {
    let gate = Arc::new(Semaphore::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (open, record) = (gate.clone(), seen.clone());
    let batcher = Batcher::start(config, move |rows: Vec<u32>| {
        let open = open.clone();
        record.lock().expect("not poisoned").push(rows.clone());
        Box::pin(async move {
            open.acquire().await.expect("open").forget();
            rows
        })
    });
    (batcher, gate, seen)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answers_a_lone_request_at_once() {
    assert_eq!(doubling(CONFIG).submit(21).await, Ok(42));
}

#[tokio::test]
async fn gives_each_caller_its_own_answer() {
    let batcher = doubling(CONFIG);
    let calls = (0..500).map(|n| {
        let batcher = batcher.clone();
        tokio::spawn(async move { (n, batcher.submit(n).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (n, answer) = call.await.expect("joined");
        assert_eq!(answer, Ok(n * 2));
    }
}

#[tokio::test]
async fn gathers_in_order_what_came_while_a_flush_ran() {
    let (batcher, gate, seen) = gated(CONFIG);
    let call = |n| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.submit(n).await })
    };
    let first = call(0);
    until(|| seen.lock().expect("not poisoned").len() == 1).await;
    let later: Vec<_> = (1..=20).map(call).collect();
    until(|| batcher.queued() == 20).await;
    gate.add_permits(2);
    assert_eq!(first.await.expect("joined"), Ok(0));
    for (n, call) in (1..=20).zip(later) {
        assert_eq!(call.await.expect("joined"), Ok(n));
    }
    assert_eq!(*seen.lock().expect("not poisoned"), [vec![0], (1..=20).collect::<Vec<_>>()]);
}

#[tokio::test]
async fn refuses_more_than_its_queue_holds() {
    let config = BatchConfig { rows_max: 1, queue_max: 2, ..CONFIG };
    let (batcher, gate, seen) = gated(config);
    let call = |n| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.submit(n).await })
    };
    let mut calls = vec![call(0)];
    until(|| seen.lock().expect("not poisoned").len() == 1).await;
    calls.extend([call(1), call(2)]);
    until(|| batcher.queued() == 2).await;
    assert_eq!(batcher.submit(9).await, Err(BatchError::Overloaded));
    gate.add_permits(10);
    for call in calls {
        assert!(call.await.expect("joined").is_ok());
    }
}

#[tokio::test]
async fn runs_no_more_flushes_at_once_than_allowed() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (running.clone(), most.clone());
    let config = BatchConfig { rows_max: 5, flushes_max: 3, ..CONFIG };
    let batcher = Batcher::start(config, move |rows: Vec<u32>| {
        let (now, peak) = (now.clone(), peak.clone());
        Box::pin(async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            rows
        })
    });
    let calls = (0..200).map(|n| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.submit(n).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.expect("joined").is_ok());
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn answers_lost_when_a_flush_panics_and_lives_on() {
    let batcher = Batcher::start(CONFIG, |rows: Vec<u32>| {
        Box::pin(async move {
            assert!(!rows.contains(&13), "planted");
            rows
        })
    });
    assert_eq!(batcher.submit(13).await, Err(BatchError::Lost));
    assert_eq!(batcher.submit(14).await, Ok(14));
}

#[tokio::test]
async fn answers_lost_when_a_flush_answers_too_few() {
    let batcher = Batcher::start(CONFIG, |rows: Vec<u32>| {
        Box::pin(async move { if rows == [1] { vec![] } else { rows } })
    });
    assert_eq!(batcher.submit(1).await, Err(BatchError::Lost));
    assert_eq!(batcher.submit(2).await, Ok(2));
}

#[tokio::test]
async fn flushes_the_row_of_a_caller_that_has_gone() {
    let flushed = Arc::new(Notify::new());
    let tell = flushed.clone();
    let batcher = Batcher::start(CONFIG, move |rows: Vec<u32>| {
        tell.notify_one();
        Box::pin(async move { rows })
    });
    assert_eq!(batcher.submit(1).now_or_never(), None);
    flushed.notified().await;
}
