//! Without JavaScript: everything but live updates works, and a conflict stands beside the button that met it.

use serde_json::json;

use super::browser::Browser;
use crate::support::{Up, alone};

#[tokio::test]
async fn a_conflict_is_told_beside_its_button_and_nothing_needs_scripts() {
    let _alone = alone().await;
    let system = Up::new();
    let _process = system.start();
    system.orders.isolate(true).await;
    let browser = Browser::open(&system.orders).await;
    browser.without_scripts().await;

    browser.go("/console/new").await;
    browser.type_into("#key", "without-scripts").await;
    browser.click("form.wide button[type=submit]").await;
    browser.sees(".verdict", "queued").await;
    browser.click(".again button").await;
    browser.sees(".verdict", "No stock was reserved a second time").await;
    browser.click(".verdict a").await;
    let path = browser.path().await;
    let id = path.rsplit('/').next().expect("a path has an end").to_owned();

    system.orders.act(&id, &json!({"type": "retry", "reason": "somebody else"})).await;
    browser.type_into("#reason-cancel", "no longer wanted").await;
    browser.click("#form-cancel button").await;
    browser.sees("#form-cancel .said", "has moved on since you looked").await;
    let kept = browser.one("#reason-cancel").await.prop("value").await.expect("a value");
    assert_eq!(kept.as_deref(), Some("no longer wanted"));
    browser.click("#form-cancel button").await;
    browser.sees(".notice", "Cancelled").await;

    browser.click("#form-note button").await; // the browser itself asks for a reason
    browser.type_into("#reason-note", "told the customer").await;
    browser.click("#form-note button").await;
    browser.sees(".audit", "told the customer").await;
    browser.close().await;
}
