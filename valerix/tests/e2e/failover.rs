//! A primary that is killed under load, and its standby that is promoted: both databases go over together.

use std::time::{Duration, Instant};

use checker::Subject;
use schema_embedded::testing::TestServer;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::time::sleep;

use crate::support::{Apart, Load, Signal, alone, check_consistency, send, until};

const READY_MAX: Duration = Duration::from_secs(20);
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// The first order that is confirmed again, after the new primary takes writes. The aim is one second, on a quiet machine;
/// a breaker that waits for its own time needs ten.
const CONFIRMED_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

async fn is_true(server: &mut PgConnection, question: &'static str) -> bool {
    server.fetch_one(question).await.is_ok_and(|row| row.get(0))
}

/// Orders one after the other, each with a key of its own, until one is confirmed at once; every status on the way.
async fn until_confirmed(system: &Apart) -> (Duration, Vec<u16>) {
    let began = Instant::now();
    let mut statuses = Vec::new();
    loop {
        let key = format!("probe-{}", statuses.len());
        let body = json!({"item_id": "probe", "quantity": 1});
        let status = system.orders.order(Some(&key), &body).await.status().as_u16();
        statuses.push(status);
        if status == 201 {
            return (began.elapsed(), statuses);
        }
        sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn a_promoted_standby_has_every_acknowledged_order_and_goes_on_at_once() {
    let _alone = alone().await;
    let (first, second) = TestServer::start_pair(&["orders", "inventory"]).expect("two servers");
    let url = |database: &str| {
        let (a, b) = (first.socket_directory().display(), second.socket_directory().display());
        format!(
            "postgres:///{database}?user=postgres&port=5432&host={a},{b}&target_session_attrs=read-write"
        )
    };
    let subject = Subject { orders_url: url("orders"), inventory_url: url("inventory") };
    let mut system = Apart::on(subject);
    // The product's own default, which the other tests shorten.
    system.set("BREAKER_OPEN_MS", "10000");
    let services = [system.order_api(), system.inventory_api(), system.relay().0];
    system.orders.ready(READY_MAX).await;
    system.inventory.ready(READY_MAX).await;
    system.inventory.stock("probe", 1_000).await;
    let mut primary = PgConnection::connect(&first.url("orders")).await.expect("there");
    primary.execute("alter system set synchronous_standby_names = 'second'").await.expect("set");
    primary.execute("select pg_reload_conf()").await.expect("reloaded");
    let is_sync = "select exists (select from pg_stat_replication where sync_state = 'sync')";
    until(async || is_true(&mut primary, is_sync).await).await;

    let load = Load::start(&system.orders, &system.inventory).await;
    load.confirms(200).await;
    send(first.pid().expect("it runs"), Signal::Kill);
    let killed = Instant::now();
    // The breaker opens meanwhile, as inventory's database is the same server's.
    sleep(Duration::from_secs(2)).await;
    let mut standby = PgConnection::connect(&second.url("orders")).await.expect("there");
    standby.execute("select pg_promote()").await.expect("promoted");
    let took_over = killed.elapsed();
    let (confirmed, statuses) = until_confirmed(&system).await;
    eprintln!(
        "taking writes {took_over:?} after the kill, the first order confirmed {confirmed:?} later: {statuses:?}"
    );
    assert!(statuses.iter().all(|status| matches!(status, 201 | 202 | 503)), "{statuses:?}");
    assert!(confirmed < CONFIRMED_MAX, "{confirmed:?}");
    load.confirms(100).await;
    let failovers = system.orders.metric("database_failovers_total").await;
    assert!(failovers >= 1.0, "nobody noticed it");

    let results = load.finish().await;
    system.orders.settled(SETTLE_MAX).await;
    for service in services {
        let (status, _, log) = service.interrupt();
        assert!(status.success(), "{log}");
        assert!(!log.contains("ERROR"), "{log}");
    }
    let now = Subject { orders_url: second.url("orders"), inventory_url: second.url("inventory") };
    let counts = check_consistency(&now, &[&results]).await;
    assert!(counts.confirmed >= 300 && counts.unfinished == 0 && counts.parked == 0, "{counts:?}");
}
