//! What somebody reads whose start fails: one line that says what to do.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Up, alone, free_port};

/// Whatever cannot work may not take longer to say so.
const SAID_WITHIN: Duration = Duration::from_secs(15);
const NOBODY: &str = "postgres://me:s3cret@127.0.0.1:1/orders";

/// The last line of a start that must fail, with these settings beside its own.
fn complaint(arguments: &[&str], settings: &[(&'static str, &str)]) -> String {
    let mut system = Up::new();
    system.set(settings);
    let began = Instant::now();
    let mut process = system.process(arguments);
    assert!(!process.wait().success(), "{arguments:?} {settings:?}");
    assert!(began.elapsed() < SAID_WITHIN, "{:?}", began.elapsed());
    let log = process.log();
    assert!(!log.contains("s3cret"), "{log}");
    let mut complaints = log.lines().skip_while(|line| !line.starts_with("error: "));
    let complaint = complaints.next().unwrap_or_else(|| panic!("no complaint\n{log}")).to_owned();
    let is_a_list = arguments.is_empty() && complaint.contains("no PostgreSQL server");
    assert!(is_a_list || complaints.next().is_none(), "one line: {log}");
    complaint
}

#[tokio::test]
async fn a_start_that_cannot_work_says_in_one_line_what_to_do() {
    let _alone = alone().await;
    let check = |arguments: &[&str], settings: &[(&'static str, &str)], parts: &[&str]| {
        let text = complaint(arguments, settings);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    let listen = [("ORDER_API_LISTEN", taken.as_str())];
    check(&[], &listen, &[&taken, "ORDER_API_LISTEN", "stop that process or choose another"]);

    check(&["order-api"], &[], &["ORDER_DATABASE_URL is not set", "`valerix postgres`"]);
    let one = [("ORDER_DATABASE_URL", NOBODY)];
    check(&[], &one, &["INVENTORY_DATABASE_URL is not: set both"]);
    let wrong = [("ORDER_DATABASE_URL", "mysql://me:s3cret@127.0.0.1/orders")];
    check(&["relay"], &wrong, &["ORDER_DATABASE_URL", "does not start with postgres://"]);

    let nowhere = [("ORDER_DATABASE_URL", NOBODY), ("INVENTORY_DATABASE_URL", NOBODY)];
    check(&[], &nowhere, &["no Postgres answers at 127.0.0.1:1", "start it, or correct"]);
    check(&["migrate"], &nowhere, &["no Postgres answers at 127.0.0.1:1"]);

    let no_programs = [("VALERIX_PG_BIN", "/nonexistent")];
    check(&[], &no_programs, &["VALERIX_PG_BIN=/nonexistent", "name a directory that has both"]);
}

/// An empty database in the place of the real one would take the same order a second time.
#[tokio::test]
async fn storage_that_cannot_be_used_is_never_replaced_by_an_empty_database() {
    let _alone = alone().await;
    let system = Up::new();
    let one = json!({"item_id": "ps5", "quantity": 1});
    let running = system.start();
    let first: Value = system.orders.order(Some("once"), &one).await.json().await.expect("JSON");
    assert!(running.interrupt().0.success());

    let (directory, aside) = (system.path("data/postgres"), system.path("aside"));
    let refused = |part: &str| {
        let mut process = system.process(&[]);
        assert!(!process.wait().success(), "it may not start");
        let log = process.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("error: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(part), "{part:?} is not in {log}");
    };
    fs::rename(&directory, &aside).expect("it is there");
    fs::write(&directory, "").expect("its place is free");
    refused("data/postgres/data: Not a directory");
    fs::remove_file(&directory).expect("it is there");
    fs::rename(&aside, &directory).expect("its place is free");

    let data = system.path("data/postgres/data");
    fs::rename(&data, &aside).expect("they are there");
    refused("data/postgres/data has gone");
    fs::rename(&aside, &data).expect("their place is free");

    let running = system.start();
    let again = system.orders.order(Some("once"), &one).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.expect("JSON")["id"], first["id"]);
    assert!(running.interrupt().0.success());
}

#[tokio::test]
async fn blanks_in_its_path_and_what_the_shell_has_set_for_other_databases_do_not_matter() {
    let _alone = alone().await;
    let mut system = Up::new();
    let directory = system.path("it's my \"däta\"");
    system.set(&[
        ("VALERIX_DATA_DIR", &directory),
        ("PGSSLMODE", "require"),
        ("PGHOST", "nowhere.invalid"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGDATABASE", "nothing"),
        ("LC_ALL", "tr_TR.UTF-8"),
    ]);
    let mut running = system.start();
    let one = json!({"item_id": "ps5", "quantity": 1});
    assert_eq!(system.orders.order(Some("once"), &one).await.status(), 201);
    running.kill();
    let running = system.start();
    let again = system.orders.order(Some("once"), &one).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert!(running.interrupt().0.success());
}

#[tokio::test]
async fn two_on_one_directory_and_the_second_says_so() {
    let _alone = alone().await;
    let mut system = Up::new();
    let running = system.start();
    for variable in ["ORDER_API_LISTEN", "INVENTORY_API_LISTEN", "RELAY_LISTEN"] {
        system.set(&[(variable, &format!("127.0.0.1:{}", free_port()))]);
    }
    let mut second = system.process(&[]);
    assert!(!second.wait().success());
    let log = second.log();
    assert!(log.contains("is in use by another process"), "{log}");
    assert!(running.interrupt().0.success());
}

#[tokio::test]
async fn a_service_that_starts_before_its_database_waits_and_says_so() {
    let _alone = alone().await;
    let mut system = Up::new();
    system.set(&[("ORDER_DATABASE_URL", NOBODY)]);
    let waiting = system.process(&["order-api"]);
    waiting.line(SAID_WITHIN, |line| line.contains("listens on").then_some(()));
    let live = system.orders.get("/health/live").await;
    assert_eq!(live.status(), 200);
    assert_eq!(system.orders.get("/health/ready").await.status(), 503);
    let answer = system.orders.get("/api/orders").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let (status, took, log) = waiting.interrupt();
    assert!(status.success() && took < Duration::from_secs(2), "{status} {took:?}");
    assert!(log.contains("waiting for the orders database"), "{log}");
    assert!(log.contains("ORDER_DATABASE_URL=postgres://me@127.0.0.1:1/orders"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn config_check_shows_every_setting_and_what_cannot_work() {
    let _alone = alone().await;
    let mut system = Up::new();
    let mut fine = system.process(&["config", "check"]);
    assert!(fine.wait().success(), "{}", fine.log());
    fine.line(SAID_WITHIN, |line| {
        (line.starts_with("ORDER_API_WAIT_MS") && line.ends_with("2000  (default)")).then_some(())
    });
    fine.line(SAID_WITHIN, |line| line.starts_with("ok      no database URLs").then_some(()));

    system.set(&[("ORDER_DATABASE_URL", NOBODY), ("INVENTORY_DATABASE_URL", NOBODY)]);
    let mut failing = system.process(&["config", "check"]);
    assert!(!failing.wait().success());
    let shown =
        |line: &str| line.starts_with("FAILED  ORDER_DATABASE_URL").then(|| line.to_owned());
    let line = failing.line(SAID_WITHIN, shown);
    assert!(line.contains("no Postgres answers at 127.0.0.1:1"), "{line}");
}
