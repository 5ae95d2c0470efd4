use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::*;

async fn report_of(database: Result<(), String>, inventory: Result<(), String>) -> HealthReport {
    HealthReport::of([
        check("database", Need::Essential, async { database }).await,
        check("inventory", Need::Supporting, async { inventory }).await,
    ])
}

#[tokio::test]
async fn has_the_seeds_shape() {
    let failed = report_of(Ok(()), Err("no answer".into())).await;
    let body: Value = serde_json::to_value(&failed).unwrap();
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["services"]["database"]["status"], "healthy");
    assert_eq!(body["services"]["inventory"]["detail"], "no answer");
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(failed.into_response().status(), 503);
}

#[tokio::test]
async fn is_unhealthy_when_an_essential_check_fails() {
    assert_eq!(report_of(Err("down".into()), Err("down".into())).await.status, "unhealthy");
    assert_eq!(report_of(Ok(()), Ok(())).await.into_response().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn counts_a_check_that_hangs_or_panics_as_failed() {
    let hung = check("database", Need::Essential, std::future::pending()).await;
    assert_eq!(hung.detail.as_deref(), Some("no answer within 3 s"));
    let panicked = check("database", Need::Essential, async { panic!("on purpose") }).await;
    assert!(panicked.failed());
}

#[tokio::test]
async fn checks_once_for_all_who_ask_at_the_same_time() {
    let (cache, made) = (HealthCache::default(), AtomicU32::new(0));
    let ask = || {
        cache.get_or_make(|| async {
            made.fetch_add(1, Ordering::Relaxed);
            live()
        })
    };
    let _ = tokio::join!(ask(), ask(), ask());
    assert_eq!(made.load(Ordering::Relaxed), 1);
}
