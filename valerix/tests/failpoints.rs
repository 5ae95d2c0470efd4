//! Failpoints are in a binary that was built for crash runs, and in no other.

use std::fs;
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_valerix");
/// Names from the catalogue, and what is said when a point strikes.
const MARKS: [&str; 4] = [
    "failpoint struck: ",
    "relay.claim-sagas",
    "order-api.insert-orders",
    "inventory-api.apply-commands",
];

/// That the names would be seen if they were there is shown by
/// `their_names_can_be_seen_in_a_binary_that_has_them` (schema/pg), and by this test built with the feature.
#[test]
fn a_build_without_the_feature_holds_no_failpoint() {
    let binary = fs::read(BINARY).expect("the binary has been built");
    for mark in MARKS {
        let is_there = binary.windows(mark.len()).any(|window| window == mark.as_bytes());
        assert_eq!(is_there, cfg!(feature = "failpoints"), "{mark:?}");
    }
}

#[test]
fn a_failpoint_that_cannot_be_armed_is_refused_loudly() {
    let output = Command::new(BINARY)
        .arg("migrate")
        .env("FAILPOINTS", "relay.no-such-site.before=kill")
        .env("ORDER_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .env("INVENTORY_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let why = if cfg!(feature = "failpoints") { "no such point" } else { "without failpoints" };
    assert!(said.contains("FAILPOINTS") && said.contains(why), "{said}");
}

/// A few cells of the full sweep, other ones with every seed; CI prints it.
#[cfg(feature = "failpoints")]
#[test]
fn a_seeded_selection_of_the_sweep_is_clean() {
    let seed = std::env::var("VALERIX_SWEEP_SEED").unwrap_or_else(|_| "1".to_owned());
    let cells = std::env::var("VALERIX_SWEEP_CELLS").unwrap_or_else(|_| "8".to_owned());
    let output = Command::new(BINARY)
        .args(["simulate", "run", "full-sweep", "--log-filter", "error"])
        .args(["--seed", &seed, "--cells", &cells])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.contains(&format!("--seed {seed} --cells {cells}")),
        "it cannot be repeated: {said}"
    );
    println!("{said}");
}

/// Entry 7 of the track record: it used to go on claiming, while others took its sagas from it.
#[cfg(feature = "failpoints")]
#[test]
fn a_relay_whose_heartbeat_panics_ends_and_is_started_again() {
    sweep_only("relay.beat-relay.before=panic", 2);
}

/// Entry 8 of the track record: bulk actions used to stand still from then on.
#[cfg(feature = "failpoints")]
#[test]
fn bulk_actions_go_on_after_an_item_that_panics() {
    sweep_only("order-api.work-bulk-item.before=panic", 2);
}

#[cfg(feature = "failpoints")]
fn sweep_only(cell: &str, cells: usize) {
    let output = Command::new(BINARY)
        .args(["simulate", "run", "full-sweep", "--json", "--log-filter", "error", "--only", cell])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("\"struck\": true").count(), cells, "{said}");
}

#[cfg(not(feature = "failpoints"))]
#[test]
fn the_sweep_of_a_binary_without_failpoints_says_how_to_get_one() {
    let output = Command::new(BINARY)
        .args(["simulate", "run", "full-sweep"])
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--features failpoints"), "{said}");
}
