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

/// Its connections stay open and are never answered again: whoever waits for them waits for ever.
#[test]
fn a_postgres_that_falls_silent_is_given_up_and_found_again() {
    let report = simulate_with("silent-postgres", 2);
    for kind in report["faults_by_kind"].as_array().expect("a list") {
        assert_eq!(kind["recovery"]["missing"], 0, "{report:#}");
    }
}

/// Where no disk can be mounted the scenario says so, and has nothing to report.
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let report = simulate_with("disk-full", 1);
    let is_skipped = report["skipped"].as_str().is_some_and(|why| why.contains("mounted"));
    assert!(is_skipped || report["faults_by_kind"][0]["kind"] == "disk full", "{report:#}");
}

/// A few faults under a light load; the seed makes them the same ones every time.
fn simulate(scenario: &str) -> Value {
    simulate_with(scenario, 3)
}

fn simulate_with(scenario: &str, faults: usize) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_valerix"))
        .args(["simulate", "run", scenario, "--json", "--log-filter", "warn"])
        .args(["--seed", "7", "--faults", &faults.to_string(), "--rate", "50", "--minutes", "1"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    if report["skipped"].is_string() {
        return report;
    }
    assert_eq!(report["faults"].as_array().map(Vec::len), Some(faults), "{report:#}");
    assert!(report["acknowledged"].as_u64().is_some_and(|orders| orders > 0), "{report:#}");
    for count in ["lost", "doubled", "stuck", "parked"] {
        assert_eq!(report[count], 0, "{count}: {report:#}");
    }
    report
}
