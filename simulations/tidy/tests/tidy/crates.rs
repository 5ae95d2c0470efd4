//! Which crates there are, and which may use which.

use super::{dependencies, read, root};

/// Which of our crates a crate may use. Dependencies point one way; services never import each other.
pub(super) const MAY_USE: [(&str, &[&str]); 17] = [
    ("saga", &[]),
    ("relay-core", &["saga"]),
    ("failpoints", &[]),
    ("group-commit", &[]),
    ("edge", &[]),
    ("schema/embedded", &[]),
    ("schema/pg", &["failpoints", "schema-embedded"]),
    ("schema/orders", &["failpoints", "relay-core", "saga", "schema-pg"]),
    ("schema/inventory", &["failpoints", "schema-pg"]),
    ("in-process", &["schema-orders"]),
    ("timeline", &["saga", "schema-orders"]),
    (
        "order-api",
        &[
            "edge",
            "failpoints",
            "group-commit",
            "in-process",
            "saga",
            "schema-orders",
            "schema-pg",
            "timeline",
        ],
    ),
    ("inventory-api", &["edge", "failpoints", "group-commit", "schema-inventory", "schema-pg"]),
    (
        "outbox-relay",
        &[
            "edge",
            "failpoints",
            "group-commit",
            "in-process",
            "relay-core",
            "saga",
            "schema-orders",
            "schema-pg",
        ],
    ),
    (
        "simulations/checker",
        &["relay-core", "saga", "schema-inventory", "schema-orders", "schema-pg"],
    ),
    (
        "simulations/worlds",
        &["outbox-relay", "relay-core", "saga", "schema-inventory", "schema-orders"],
    ),
    (
        "simulations/trials",
        &[
            "checker",
            "failpoints",
            "saga",
            "schema-embedded",
            "schema-inventory",
            "schema-orders",
            "schema-pg",
            "timeline",
        ],
    ),
];

pub(super) const OURS: [&str; 18] = [
    "failpoints",
    "group-commit",
    "in-process",
    "saga",
    "relay-core",
    "edge",
    "schema-embedded",
    "schema-pg",
    "schema-orders",
    "schema-inventory",
    "order-api",
    "inventory-api",
    "outbox-relay",
    "timeline",
    "checker",
    "trials",
    "worlds",
    "valerix",
];

pub(super) const TOP_LEVEL: [&str; 16] = [
    "deploy",
    "docs",
    "edge",
    "failpoints",
    "group-commit",
    "in-process",
    "inventory-api",
    "order-api",
    "outbox-relay",
    "relay-core",
    "saga",
    "schema",
    "simulations",
    "target",
    "timeline",
    "valerix",
];

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in MAY_USE {
        for used in dependencies(&root().join(folder).join("Cargo.toml")) {
            let is_fine = !OURS.contains(&used.as_str()) || allowed.contains(&used.as_str());
            assert!(is_fine, "{folder} must not use {used}");
        }
    }
}

#[test]
fn every_crate_is_listed_where_crates_are_listed() {
    let (manifest, image) = (read(&root().join("Cargo.toml")), read(&root().join("Dockerfile")));
    let members = manifest.lines().skip_while(|line| *line != "members = [").skip(1);
    let members: Vec<&str> = members
        .take_while(|line| *line != "]")
        .map(|line| line.trim_matches([' ', '"', ',']))
        .collect();
    assert!(members.len() > MAY_USE.len(), "the members are not found");
    for member in members {
        let is_known = MAY_USE.iter().any(|(folder, _)| *folder == member)
            || ["simulations/tidy", "valerix"].contains(&member);
        assert!(is_known, "{member}: MAY_USE does not say what it may use");
        let copied = format!("COPY {member}/Cargo.toml {member}/\n");
        assert!(image.contains(&copied), "{member}: the Dockerfile does not copy its manifest");
    }
}
