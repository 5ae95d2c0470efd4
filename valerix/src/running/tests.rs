use super::*;

#[tokio::test]
async fn a_service_that_is_asked_to_stop_tells_nothing() {
    let (ended, mut hear) = Ended::new();
    let service = Running::start("clock", ended, |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    service.stop().await;
    assert!(hear.recv().await.is_none());
}

#[tokio::test]
async fn a_service_that_fails_or_panics_or_just_ends_tells_why() {
    let (ended, mut hear) = Ended::new();
    let failing = Running::start("clock", ended.clone(), |_| async { Err(anyhow!("no spring")) });
    let why = hear.recv().await.expect("told");
    assert_eq!(crate::errors::describe(&why), "the clock failed: no spring");
    failing.stop().await;

    let panicking = Running::start("clock", ended.clone(), |_| async {
        panic!("it is meant to, in this test")
    });
    assert!(crate::errors::describe(&hear.recv().await.expect("told")).contains("panicked"));
    panicking.stop().await;

    let ending = Running::start("clock", ended, |_| async { Ok(()) });
    assert!(crate::errors::describe(&hear.recv().await.expect("told")).contains("by itself"));
    ending.stop().await;
}
