//! The stream is lost, which is said; it is back, and the page is live again.

use super::browser::Browser;
use crate::support::{Up, alone};

#[tokio::test]
async fn a_lost_stream_is_said_and_found_again() {
    let _alone = alone().await;
    let system = Up::new();
    let mut process = system.start();
    let browser = Browser::open(&system.orders).await;
    browser.go("/console").await;
    browser.sees(".verdict", "Everything is healthy").await;
    assert!(!browser.is_shown("#lost").await);
    process.kill();
    browser.comes_to_be(true, "#lost").await;
    let _process = system.start();
    browser.comes_to_be(false, "#lost").await;
    system.orders.place("after-the-loss", "ps5").await;
    browser.sees(".tiles li:nth-child(6)", "1").await;
    browser.close().await;
}
