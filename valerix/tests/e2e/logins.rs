//! Each service with a login that may do no more than it needs (`deploy/postgres/`).

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::{Apart, alone, check_consistency};

const ROLES: &str = include_str!("../../../deploy/postgres/roles.sql");
const GRANTS_ORDERS: &str = include_str!("../../../deploy/postgres/grants-orders.sql");
const GRANTS_INVENTORY: &str = include_str!("../../../deploy/postgres/grants-inventory.sql");
const READY_MAX: Duration = Duration::from_secs(20);
const SETTLED_MAX: Duration = Duration::from_secs(20);
/// insufficient_privilege
const DENIED: &str = "42501";

/// The same database for another login.
fn as_login(url: &str, login: &str) -> String {
    assert!(url.contains("user=postgres") || url.contains("//postgres@"), "{url}");
    url.replace("user=postgres", &format!("user={login}"))
        .replace("//postgres@", &format!("//{login}@"))
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("it may connect");
    connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("it may do this");
    connection.close().await.expect("closed");
}

async fn is_denied(url: &str, sql: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("it may connect");
    let Err(error) = connection.execute(AssertSqlSafe(sql.to_owned())).await else { return false };
    let denied = error.into_database_error().and_then(|error| Some(error.code()? == DENIED));
    denied == Some(true)
}

#[tokio::test]
async fn every_service_works_with_a_login_that_may_do_no_more_than_it_needs() {
    let _alone = alone().await;
    let mut system = Apart::new();
    let (orders, inventory) =
        (system.subject.orders_url.clone(), system.subject.inventory_url.clone());
    for _ in 0..2 {
        run(&orders, ROLES).await;
    }
    let owner = [as_login(&orders, "valerix_owner"), as_login(&inventory, "valerix_owner")];
    assert_eq!(system.tool_at(&["migrate"], &owner[0], &owner[1]), Some(0));
    for _ in 0..2 {
        run(&owner[0], GRANTS_ORDERS).await;
        run(&owner[1], GRANTS_INVENTORY).await;
    }

    system.set("INVENTORY_DATABASE_URL", &as_login(&inventory, "valerix_inventory"));
    let stock = system.inventory_api_with_gremlin();
    system.set("ORDER_DATABASE_URL", &as_login(&orders, "valerix_order_service"));
    let taking = system.order_api();
    system.set("ORDER_DATABASE_URL", &as_login(&orders, "valerix_relay"));
    let (relay, _) = system.relay();

    system.orders.ready(READY_MAX).await;
    system.inventory.ready(READY_MAX).await;
    system.inventory.stock("ps5", 10).await;
    let order = |quantity: u32| json!({"item_id": "ps5", "quantity": quantity});
    let confirmed = system.orders.order(Some("first"), &order(1)).await;
    assert_eq!(confirmed.status(), 201);
    let failed = system.orders.order(Some("second"), &order(100)).await;
    assert_eq!(failed.status(), 422);
    system.orders.settled(SETTLED_MAX).await;
    let id = confirmed.json::<serde_json::Value>().await.expect("JSON")["id"].clone();
    let id = id.as_str().expect("an id");
    system.orders.act(id, &json!({"type": "note", "reason": "seen"})).await;
    assert_eq!(system.orders.get("/health/ready").await.status(), 200);
    for service in [stock, taking, relay] {
        let (status, _, log) = service.interrupt();
        assert!(status.success(), "{log}");
        assert!(!log.contains("permission denied"), "{log}");
    }
    assert_eq!(check_consistency(&system.subject, &[]).await.confirmed, 1);

    let append_only = [
        (&orders, "valerix_order_service", "update saga_steps set took_ms = 0"),
        (&orders, "valerix_order_service", "delete from saga_steps"),
        (&orders, "valerix_order_service", "update staff_actions set reason = 'none'"),
        (&orders, "valerix_order_service", "delete from staff_actions"),
        (&orders, "valerix_order_service", "delete from orders"),
        (&orders, "valerix_relay", "update saga_steps set took_ms = 0"),
        (&orders, "valerix_relay", "update orders set lines = '[]'"),
        (&orders, "valerix_relay", "delete from staff_actions"),
        (&inventory, "valerix_inventory", "update inventory_transactions set reason = null"),
        (&inventory, "valerix_inventory", "delete from inventory_transactions"),
        (&orders, "valerix_reader", "delete from outbox"),
        (&inventory, "valerix_reader", "update stock set on_hand = 0"),
        (&orders, "valerix_relay", "create table mine ()"),
    ];
    for (url, login, sql) in append_only {
        assert!(is_denied(&as_login(url, login), sql).await, "{login}: {sql}");
    }
    let elsewhere = PgConnection::connect(&as_login(&inventory, "valerix_relay")).await;
    assert!(elsewhere.is_err(), "the relay asks inventory over HTTP alone");
    let drift = ["reconcile"];
    assert_eq!(system.tool_at(&drift, &owner[0], &owner[1]), Some(0));
    system.stop();
}
