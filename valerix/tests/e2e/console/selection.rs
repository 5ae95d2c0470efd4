//! Bulk: exactly what was seen is acted on, and the result of each is told.

use serde_json::json;

use super::browser::Browser;
use crate::support::{Up, alone};

#[tokio::test]
async fn a_group_is_retried_exactly_as_it_was_seen() {
    let _alone = alone().await;
    let system = Up::new();
    let _process = system.start();
    for number in 0..3 {
        let body = json!({"item_id": "not-there-yet", "quantity": 1});
        let answer = system.orders.order(Some(&format!("group-{number}")), &body).await;
        assert_eq!(answer.status(), 422);
    }
    let browser = Browser::open(&system.orders).await;
    browser.go("/console/orders?state=failed").await;
    browser.sees("[data-live=total]", "3 orders").await;
    browser.script("document.querySelector('#bulk-scope').value = 'all'").await;

    // one more comes after the list was seen: it is shown as new, and is not among those that are acted on
    let body = json!({"item_id": "not-there-yet", "quantity": 1});
    system.orders.order(Some("group-late"), &body).await;
    browser.sees("#fresh", "1 new, show").await;
    let rows = browser.script("return document.querySelectorAll('[data-rows] > tr').length").await;
    assert_eq!(rows, json!(3), "rows never jump");
    browser.click("button[value=retry]").await;
    browser.sees("h1", "Retry 3 orders?").await;

    system.inventory.stock("not-there-yet", 100).await;
    browser.type_into("#reason", "the item exists now").await;
    browser.click("form.wide button").await;
    browser.sees(".verdict", "Done.").await;
    browser.sees(".verdict", "3 done").await;
    browser.sees("[data-live=items] tr:nth-child(3)", "confirmed").await;
    assert_eq!(system.inventory.available("not-there-yet").await, 97);

    browser.go("/console/audit").await;
    browser.sees("[data-live=audit]", "the item exists now").await;
    browser.go("/console").await;
    browser.sees("[data-live=groups]", "names an unknown item").await;
    browser.close().await;
}
