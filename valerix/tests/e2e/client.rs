//! The commands that talk to running services, as a person and as a script use them.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ended, Up, alone};

const PATIENCE: Duration = Duration::from_secs(30);

fn json(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.output).unwrap_or_else(|_| panic!("not JSON: {ended:?}"))
}

fn id_of(order: &Value) -> String {
    order["id"].as_str().expect("an id").to_owned()
}

/// Until a command says what is waited for.
fn until(system: &Up, arguments: &[&str], said: &str) {
    let began = Instant::now();
    while !system.client(arguments).output.contains(said) {
        assert!(began.elapsed() < PATIENCE, "`{}` never says {said:?}", arguments.join(" "));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn an_order_is_followed_drawn_repaired_and_audited_from_the_command_line() {
    let _alone = alone().await;
    let system = Up::new();
    let running = system.start();

    let id = id_of(&json(&system.client(&["orders", "create", "ps5=2", "-o", "json"])));
    let watched = system.client(&["orders", "watch", &id]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let states: Vec<&str> =
        watched.output.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(states, ["pending", "reserving", "confirmed"], "{watched:?}");
    assert_eq!(system.client(&["orders", "watch", &id, "-o", "ndjson"]).output.lines().count(), 3);

    let drawn = system.client(&["sagas", "timeline", &id]);
    assert!(drawn.output.contains("1. reserve stock: done"), "{drawn:?}");
    let picture = system.path("timeline.svg");
    let kept = system.client(&["sagas", "timeline", &id, "--svg", &picture]);
    assert_eq!((kept.code, kept.output.as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(&picture).expect("written").starts_with("<svg "));

    let past = system.client(&["sagas", "retry", &id, "--reason", "why not"]);
    assert_eq!(past.code, Some(4), "{past:?}");
    let noted = system.client(&["sagas", "note", &id, "--reason", "called the customer"]);
    assert_eq!(noted.code, Some(0), "{noted:?}");
    let audit = system.client(&["audit", "--order", &id, "--by", "Zoe", "-o", "ndjson"]);
    assert_eq!(audit.output.lines().count(), 2, "{audit:?}");
    assert_eq!(system.client(&["sagas", "show", &uuid::Uuid::nil().to_string()]).code, Some(3));

    repairs_what_waits_for_the_breaker(&system);

    let script = system.client(&["completions", "bash"]);
    assert!(script.output.contains("valerix") && script.output.contains("timeline"), "{script:?}");
    assert!(running.interrupt().0.success());
    let gone = system.client(&["orders", "get", &id]);
    assert_eq!(gone.code, Some(5));
    assert!(gone.errors.contains("VALERIX_URL"), "it says what to look at: {gone:?}");
}

fn repairs_what_waits_for_the_breaker(system: &Up) {
    let isolated = system.client(&["breaker", "isolate", "--reason", "the warehouse moves"]);
    assert_eq!(isolated.code, Some(0), "{isolated:?}");
    until(system, &["breaker", "list"], "isolated");
    let id = id_of(&json(&system.client(&["orders", "create", "ps5=1", "-o", "json"])));
    until(system, &["sagas", "show", &id], "queued");

    let dry = system.client(&["sagas", "cancel", &id, "--reason", "what if", "--dry-run"]);
    assert!(dry.code == Some(0) && dry.output.contains("would_apply"), "{dry:?}");
    let old = system.client(&["sagas", "cancel", &id, "--reason", "late", "--if-version", "1"]);
    assert_eq!(old.code, Some(4), "{old:?}");

    let bulk = ["sagas", "bulk", "note", "--state", "queued", "--reason", "we know"];
    let asked = system.client(&bulk);
    assert_eq!(asked.code, Some(4), "{asked:?}");
    assert!(asked.errors.contains("--expect 1"), "{asked:?}");
    let wrong = system.client(&[&bulk[..], &["--expect", "7"]].concat());
    assert_eq!(wrong.code, Some(4), "{wrong:?}");
    let done = json(&system.client(&[&bulk[..], &["--expect", "1", "-o", "json"]].concat()));
    assert_eq!((&done["state"], &done["results"]["applied"]), (&"done".into(), &1.into()));

    let closed = system.client(&["breaker", "close", "--reason", "it has moved"]);
    assert_eq!(closed.code, Some(0), "{closed:?}");
    let watched = system.client(&["orders", "watch", &id]);
    assert!(watched.code == Some(0) && watched.output.contains("confirmed"), "{watched:?}");
}
