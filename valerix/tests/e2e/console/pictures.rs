//! Every screen, in light and dark, wide and 360 pixels wide, with little and without data: checked, and
//! photographed. `VALERIX_PICTURES=docs/console` keeps those that the documentation shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::access::{check, check_width};
use super::browser::Browser;
use crate::support::{Api, Up, alone};

const DIRECTORY: &str = "VALERIX_PICTURES";
const SCREENS: [(&str, &str); 8] = [
    ("overview", "/console"),
    ("orders", "/console/orders"),
    ("health", "/console/health"),
    ("chaos", "/console/chaos"),
    ("stock", "/console/stock"),
    ("new-order", "/console/new"),
    ("simulations", "/console/simulations"),
    ("audit", "/console/audit"),
];

#[tokio::test]
async fn every_screen_is_accessible_in_both_themes_and_fits_a_telephone() {
    let _alone = alone().await;
    let system = Up::new();
    let _process = system.start();
    let browser = Browser::open(&system.orders).await;
    look_at(&browser, "empty", &SCREENS).await;

    let id = fill(&system.orders, &system.inventory).await;
    let (saga, item) = (format!("/console/orders/{id}"), "/console/stock/ps5");
    let further = [("saga", saga.as_str()), ("item", item)];
    look_at(&browser, "some", &[SCREENS.as_slice(), &further].concat()).await;

    browser.emulate("light", "print").await;
    browser.go(&saga).await;
    assert!(browser.is_shown(".verdict").await && browser.is_shown(".drawing svg").await);
    assert!(!browser.is_shown(".top nav").await && !browser.is_shown("#form-note").await);
    photograph(&browser, "print-saga").await;
    browser.close().await;
}

/// Orders of several kinds, one of which has come through trouble; its id.
async fn fill(orders: &Api, inventory: &Api) -> String {
    let body = |item: &str, quantity: u32| json!({"item_id": item, "quantity": quantity});
    for number in 0..4 {
        orders.order(Some(&format!("small-{number}")), &body("ps5", 1 + number)).await;
    }
    orders.order(Some("unknown"), &body("unicorn", 1)).await;
    let settings = json!({"crash_rate": 1.0, "crash_kinds": ["503"], "ttl_s": 300});
    inventory.gremlin(Some(&settings)).await;
    let answer = orders.order(Some("troubled"), &body("ps5", 2)).await;
    let troubled: serde_json::Value = answer.json().await.expect("JSON");
    inventory.gremlin(None).await;
    orders.settled(Duration::from_secs(30)).await;
    orders.isolate(true).await;
    orders.order(Some("waiting"), &body("ps5", 1)).await;
    let id = troubled["id"].as_str().expect("an order has an id").to_owned();
    orders.act(&id, &json!({"type": "note", "reason": "the customer was told"})).await;
    id
}

async fn look_at(browser: &Browser, data: &str, screens: &[(&str, &str)]) {
    for (name, path) in screens {
        for scheme in ["light", "dark"] {
            browser.emulate(scheme, "screen").await;
            for width in [1280, 360] {
                let what = format!("{data}-{name}-{scheme}-{width}");
                browser.resize(width, 900).await;
                browser.go(path).await;
                check_width(browser, &what).await;
                check(browser, &what).await;
                photograph(browser, &what).await;
            }
        }
    }
}

async fn photograph(browser: &Browser, name: &str) {
    let directory = std::env::var_os(DIRECTORY).map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("console"),
        |given| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(given),
    );
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    let picture = browser.driver.screenshot_as_png().await.expect("a picture can be taken");
    std::fs::write(directory.join(format!("{name}.png")), picture).expect("it can be kept");
}
