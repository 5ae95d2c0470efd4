//! kill -9 of everything at once, in mid-load, and again while it recovers.

use std::time::{Duration, Instant};

use crate::support::{Load, Up, alone, check_consistency};

/// From the banner of the next start: clients have come back by then too.
const SETTLE_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn killed_in_mid_load_and_started_again_every_acknowledged_order_settles() {
    let _alone = alone().await;
    let system = Up::new();
    let mut running = system.start();
    let load = Load::start(&system.orders, &system.inventory).await;
    load.confirms(200).await;
    running.kill();

    let mut running = system.start();
    load.confirms(50).await;
    running.kill();

    let began = Instant::now();
    let running = system.start();
    let started = began.elapsed();
    load.confirms(100).await;
    let results = load.finish().await;
    let settled = system.orders.settled(SETTLE_MAX).await;
    eprintln!("started again in {started:?}, the last order settled {settled:?} after the load");
    assert!(running.interrupt().0.success());

    let (postgres, subject) = system.databases();
    let counts = check_consistency(&subject, &[&results]).await;
    eprintln!("{counts:?}");
    assert!(counts.confirmed >= 350 && counts.unfinished == 0 && counts.parked == 0);
    assert!(postgres.interrupt().0.success());
}
