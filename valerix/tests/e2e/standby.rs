//! A server whose commits wait for a standby, and somebody who cancels the waiting.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::sleep;

use crate::support::{Apart, alone, check_consistency, until};

const READY_MAX: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

async fn name_standbys(admin: &mut PgConnection, names: &str) {
    let sql = format!("alter system set synchronous_standby_names = '{names}'");
    admin.execute(AssertSqlSafe(sql)).await.expect("set");
    admin.execute("select pg_reload_conf()").await.expect("reloaded");
    until(async || {
        let row = admin.fetch_one("select current_setting('synchronous_standby_names')").await;
        sqlx::Row::get::<String, _>(&row.expect("read"), 0) == names
    })
    .await;
}

/// The answer to an order while whatever waits for a standby is cancelled.
async fn order_while_cancelling(system: &Apart, admin: &mut PgConnection, key: &str) -> u16 {
    let body = json!({"item_id": "ps5", "quantity": 1});
    let ordering = system.orders.order(Some(key), &body);
    let cancelling = async {
        loop {
            let cancel =
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
            admin.execute(cancel).await.expect("asked");
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        answer = ordering => answer.status().as_u16(),
        never = cancelling => never,
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_whose_wait_for_a_standby_was_cancelled() {
    let _alone = alone().await;
    let system = Apart::new();
    let services = [system.order_api(), system.inventory_api(), system.relay().0];
    system.orders.ready(READY_MAX).await;
    system.inventory.ready(READY_MAX).await;
    system.inventory.stock("ps5", 10).await;
    let mut admin = PgConnection::connect(&system.subject.orders_url).await.expect("there");
    admin.execute("set synchronous_commit = local").await.expect("set");

    name_standbys(&mut admin, "ghost").await;
    for _ in 0..3 {
        let status = order_while_cancelling(&system, &mut admin, "first").await;
        assert_eq!(status, 503, "it would be lost if the standby took over");
    }
    name_standbys(&mut admin, "").await;

    let body = json!({"item_id": "ps5", "quantity": 1});
    let answer = system.orders.order(Some("first"), &body).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(
        answer.headers().get("idempotent-replayed").map(reqwest::header::HeaderValue::as_bytes),
        Some(&b"true"[..])
    );
    let order: Value = answer.json().await.expect("JSON");
    assert_eq!(order["lines"][0]["item_id"], "ps5");
    system.orders.settled(Duration::from_secs(30)).await;
    admin.close().await.expect("closed");
    for service in services {
        assert!(service.interrupt().0.success());
    }
    assert_eq!(check_consistency(&system.subject, &[]).await.confirmed, 1);
    system.stop();
}
