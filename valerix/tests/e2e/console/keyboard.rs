//! Without a mouse: an order, its page, its cancellation.

use thirtyfour::Key;

use super::browser::Browser;
use crate::support::{Up, alone};

#[tokio::test]
async fn an_order_is_placed_found_and_cancelled_with_the_keyboard_alone() {
    let _alone = alone().await;
    let system = Up::new();
    let _process = system.start();
    system.orders.isolate(true).await;
    let browser = Browser::open(&system.orders).await;

    browser.go("/").await;
    assert_eq!(browser.path().await, "/console");
    browser.press("gn").await;
    browser.sees("h1", "New order").await;
    browser.tab_to("form.wide button[type=submit]").await;
    browser.press(Key::Enter.value().to_string()).await;
    browser.sees(".verdict", "queued").await;

    browser.press("gl").await;
    browser.sees("h1", "Orders").await;
    browser.press("j").await;
    browser.press(Key::Enter.value().to_string()).await;
    browser.sees(".verdict", "No stock is reserved yet").await;
    browser.tab_to("#reason-cancel").await;
    browser.press("the customer called").await;
    browser.press(Key::Enter.value().to_string()).await;
    browser.sees(".notice", "Cancelled").await;
    browser.sees(".audit", "the customer called").await;

    // inventory is let back in, and the page tells the end by itself
    system.orders.isolate(false).await;
    browser.sees(".verdict", "The order is cancelled.").await;

    browser.press("/").await;
    browser.press("no-such-key").await;
    browser.press(Key::Enter.value().to_string()).await;
    browser.sees(".empty", "No order matches").await;
    browser.press("?").await;
    browser.comes_to_be(true, "#keys").await;
    browser.close().await;
}
