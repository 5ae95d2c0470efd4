//! Every screen, in light and dark, wide and 360 pixels wide, with little and without data: checked, and
//! photographed. `VALERIX_PICTURES=docs/console` keeps those that the documentation shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use schema_orders::testing::{insert_mixed_past, vacuum};
use schema_pg::{Db, PoolConfig};

use super::access::{check, check_width};
use super::browser::Browser;
use crate::support::{Apart, Api, Up, alone};

const DIRECTORY: &str = "VALERIX_PICTURES";
/// How many orders "many" are: 1,000,000 takes minutes.
const MANY: &str = "VALERIX_SAGAS";
const MANY_BY_DEFAULT: i64 = 20_000;
const LONG_MS: u32 = 600_000;
const START_MAX: Duration = Duration::from_secs(30);
const RUN_MAX: Duration = Duration::from_mins(3);
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
    let mut system = Up::new();
    let reports = system.path("simulations");
    system.set(&[("ORDER_API_SIMULATIONS_DIR", &reports)]);
    let _process = system.start();
    let browser = Browser::open(&system.orders).await;
    look_at(&browser, "empty", &SCREENS).await;

    let id = fill(&system.orders, &system.inventory).await;
    simulate(&system, &format!("{reports}/first"));
    let saga = format!("/console/orders/{id}");
    let (item, report) = ("/console/stock/ps5", "/console/simulations/first");
    let further = [("saga", saga.as_str()), ("item", item), ("report", report)];
    look_at(&browser, "some", &[SCREENS.as_slice(), &further].concat()).await;

    browser.go(report).await;
    browser.sees(".verdict", "every invariant holds").await;
    browser.go("/console/simulations").await;
    browser.sees("main", "every invariant holds").await;

    browser.emulate("light", "print").await;
    browser.go(&saga).await;
    assert!(browser.is_shown(".verdict").await && browser.is_shown(".drawing svg").await);
    assert!(!browser.is_shown(".top nav").await && !browser.is_shown("#form-note").await);
    photograph(&browser, "print-saga").await;
    browser.close().await;
}

/// A tenth of them waits for inventory, which staff has shut off.
#[tokio::test]
async fn every_screen_is_accessible_and_fits_with_a_great_many_orders() {
    let _alone = alone().await;
    let count = std::env::var(MANY).map_or(MANY_BY_DEFAULT, |count| count.parse().expect(MANY));
    let system = Apart::new();
    let _services = (system.order_api(), system.inventory_api(), system.relay());
    system.orders.ready(START_MAX).await;
    system.inventory.ready(START_MAX).await;
    system.orders.isolate(true).await;
    let pool = PoolConfig::new(&system.subject.orders_url, "test");
    let pool = PoolConfig { statement_timeout_ms: LONG_MS, ..pool };
    let past = Db::connect(&pool).await.expect("the orders database answers");
    insert_mixed_past(&past, count).await;
    vacuum(&past).await;
    past.pool().close().await;
    let browser = Browser::open(&system.orders).await;
    let found = ["attention", "breaker", "doubt", "failed"]
        .map(|view| (view, format!("/console/orders?view={view}")));
    let found = found.iter().map(|(name, path)| (*name, path.as_str()));
    look_at(&browser, "many", &SCREENS.into_iter().chain(found).collect::<Vec<_>>()).await;
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

/// A short crash run, whose report is kept there.
fn simulate(system: &Up, report: &str) {
    let run = ["simulate", "run", "relay-crash-loop", "--seed", "7", "--faults", "2"];
    let shortly = ["--rate", "20", "--minutes", "1", "--report", report];
    let mut running = system.process(&[run.as_slice(), &shortly].concat());
    assert!(running.wait_within(RUN_MAX).success(), "{}", running.log());
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
