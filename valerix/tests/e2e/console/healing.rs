//! The walk of the README: the warehouse blinks, orders wait, it heals, and all of it is seen without a reload.

use std::time::Duration;

use serde_json::json;

use super::browser::Browser;
use crate::support::{Up, alone, until};

/// The health light is to be red by then.
const RED_MAX: Duration = Duration::from_secs(30);
const HEALED_MAX: Duration = Duration::from_mins(1);
const ORDERS: &str = "60";

#[tokio::test]
async fn the_warehouse_blinks_health_turns_red_and_every_order_heals() {
    let _alone = alone().await;
    let mut system = Up::new();
    // long enough to be seen open
    system.set(&[("BREAKER_OPEN_MS", "3000")]);
    let _process = system.start();
    let (watch, act) = tokio::join!(Browser::open(&system.orders), Browser::open(&system.orders));

    act.go("/console/chaos").await;
    act.click("button[value=extreme]").await;
    act.sees(".notice", "Fault injection is on").await;
    watch.go("/console/health").await;

    act.go("/console/new").await;
    act.type_into("#count", ORDERS).await;
    act.type_into("#rate", "6").await;
    act.click("form.wide button[type=submit]").await;
    let red = watch.sees_within(RED_MAX, "[data-live=light]", "red").await;
    watch.go("/console/orders?view=breaker").await;
    let queued = "/api/sagas?state=queued&limit=1";
    until(async || system.orders.json(queued).await["items"] != json!([])).await;
    watch.go("/console/health").await;
    watch.sees("[data-live=breaker]", "calls are paused").await;

    watch.go("/console/chaos").await;
    watch.sees("[data-live=since]", "Accepted").await;
    watch.click("button[value=off]").await;
    watch.sees(".notice", "Fault injection is off").await;
    let all = format!("confirmed {ORDERS}");
    let healed = act.sees_within(HEALED_MAX, "[data-live=run]", &all).await;
    eprintln!("red after {red:?}; all confirmed, live, {healed:?} after the gremlin had gone");
    watch.sees("[data-live=since]", "no order was confirmed twice").await;

    act.click(".squares a").await;
    act.sees(".verdict", "exactly once").await;
    assert!(act.is_shown(".drawing svg").await);
    tokio::join!(watch.close(), act.close());
}
