//! `valerix bench` end to end, in its short form: that it measures and checks, not how fast anything is.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_short_benchmark_measures_and_checks_the_invariants() {
    let report = bench(&["w1", "--short", "--seconds", "1"]);
    assert_eq!(report["correct"], true, "{report:#}");
    assert!(report["orders_per_s"].as_f64().is_some_and(|speed| speed > 0.0), "{report:#}");
    assert!(report["ratio_b100"].as_f64().is_some_and(|ratio| ratio > 0.0), "{report:#}");
    let row = &report["rows"][0];
    assert!(row["p50_ms"].as_f64() <= row["p99_ms"].as_f64(), "{row:#}");
    assert!(row["wal_bytes_per_order"].as_f64().is_some_and(|bytes| bytes > 0.0), "{row:#}");
    let sagas = report["checker"]["counts"]["confirmed"].as_u64();
    assert!(sagas >= row["orders"].as_u64(), "{report:#}");
}

#[test]
fn an_outage_of_inventory_is_measured_on_processes_of_their_own() {
    let report = bench(&["w8", "--short", "--seconds", "1", "--no-reference", "--rate", "50"]);
    assert_eq!(report["correct"], true, "{report:#}");
    let goals = report["goals"].as_array().expect("a list of goals");
    let gone = goals.iter().find(|goal| goal["what"] == "backlog gone after");
    assert!(gone.is_some_and(|gone| gone["measured"].is_number()), "{report:#}");
}

fn bench(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_valerix"))
        .arg("bench")
        .args(arguments)
        .args(["--json", "--log-filter", "warn"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}
