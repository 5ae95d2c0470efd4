//! `valerix simulate` end to end, in its shortest form: real processes, real kills, nothing lost.

use std::process::Command;

use serde_json::Value;

#[test]
fn killed_relays_lose_nothing_and_are_taken_over_from() {
    let report = simulate("relay-crash-loop");
    let kills = &report["faults_by_kind"][0];
    assert_eq!(kills["kind"], "kill -9 relay", "{report:#}");
    assert_eq!(kills["recovery"]["missing"], 0, "{report:#}");
}

#[test]
fn a_killed_postgres_loses_nothing_that_was_acknowledged() {
    simulate("postgres-crash-loop");
}

#[test]
fn answers_that_never_arrive_are_found_out_by_replaying() {
    simulate("schrodingers-warehouse");
}

/// A few faults under a light load; the seed makes them the same ones every time.
fn simulate(scenario: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_valerix"))
        .args(["simulate", "run", scenario, "--json", "--log-filter", "warn"])
        .args(["--seed", "7", "--faults", "3", "--rate", "50", "--minutes", "1"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["faults"].as_array().map(Vec::len), Some(3), "{report:#}");
    assert!(report["acknowledged"].as_u64().is_some_and(|orders| orders > 0), "{report:#}");
    for count in ["lost", "doubled", "stuck", "parked"] {
        assert_eq!(report[count], 0, "{count}: {report:#}");
    }
    report
}
