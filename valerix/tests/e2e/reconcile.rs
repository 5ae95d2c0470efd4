//! `valerix reconcile` as a script sees it: 0, 1 or 2.

use sqlx::{Connection, Executor, PgConnection};

use crate::support::{Apart, alone};

#[tokio::test]
async fn a_script_learns_whether_the_databases_agree_from_how_it_ends() {
    let _alone = alone().await;
    let mut system = Apart::new();
    assert_eq!(system.tool(&["migrate"]), Some(0));
    assert_eq!(system.tool(&["reconcile"]), Some(0));
    let mut inventory = PgConnection::connect(&system.subject.inventory_url).await.expect("there");
    let drift = "insert into stock (item_id, item_name, on_hand, reserved) values ('a', 'a', 5, 3)";
    inventory.execute(drift).await.expect("planted");
    assert_eq!(system.tool(&["reconcile", "--json"]), Some(1));
    assert_eq!(system.tool(&["reconcile", "--repair"]), Some(0));
    assert_eq!(system.tool(&["reconcile"]), Some(0));
    inventory.close().await.expect("closed");
    system.stop_databases();
    assert_eq!(system.tool(&["reconcile"]), Some(2), "no answer is not a no");
}
