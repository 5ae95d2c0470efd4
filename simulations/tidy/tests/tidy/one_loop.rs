//! The product's relay and those of the simulations run the same decisions.

use super::{is_test, read, root, sources};

/// What a relay looks for next is decided in one place, for the product and for every world
/// (`relay-core/src/schedule.rs`).
#[test]
fn no_relay_has_a_loop_of_its_own() {
    let decided_there =
        ["INNOCENT", "SUSPECT", ".probes_without(", ".backlog_places(", ".reopened("];
    let mut relays = 0;
    for source in sources().into_iter().filter(|path| !is_test(path)) {
        if source.starts_with(root().join("relay-core")) || source.ends_with("tidy/one_loop.rs") {
            continue;
        }
        let text = read(&source);
        for decision in decided_there {
            assert!(!text.contains(decision), "{} decides: {decision}", source.display());
        }
        if text.contains("schedule.next(") {
            assert!(text.contains("Look::Claim {"), "{} claims otherwise", source.display());
            relays += 1;
        }
    }
    assert_eq!(relays, 3, "the product's relay, and those of tiers 1 and 2");
}
