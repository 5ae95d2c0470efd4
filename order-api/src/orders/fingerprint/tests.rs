use crate::orders::order_request::OrderRequest;

use super::*;

fn of(body: &str) -> [u8; 32] {
    fingerprint(&edge::parse_strict::<OrderRequest>(body.as_bytes()).unwrap().check().unwrap())
}

#[test]
fn is_the_same_for_the_same_request_however_it_is_written() {
    let plain = of(r#"{"item_id":"ps5","quantity":2,"metadata":{"a":1,"b":[2]}}"#);
    let other_ways = [
        r#"{"metadata":{"b":[2],"a":1},"quantity":2,"item_id":"ps5"}"#,
        r#" { "item_id" : "\u0070s5", "quantity" : 2, "metadata" : {"a":1,"b":[2]} } "#,
        r#"{"lines":[{"quantity":2,"item_id":"ps5"}],"metadata":{"a":1,"b":[2]}}"#,
        r#"{"item_id":"ps5","quantity":2,"metadata":{"a":1,"b":[2]},"idempotency_key":"k"}"#,
    ];
    for body in other_ways {
        assert_eq!(of(body), plain, "{body}");
    }
}

#[test]
fn is_the_same_for_every_spelling_of_a_number() {
    let spelled = |number: &str| {
        of(&format!(r#"{{"item_id":"a","quantity":1,"metadata":{{"n":[{number}]}}}}"#))
    };
    for (number, others) in
        [("100", ["100.0", "1e2"]), ("0", ["-0.0", "0e5"]), ("-2.5", ["-25e-1", "-2.50"])]
    {
        for other in others {
            assert_eq!(spelled(number), spelled(other), "{number} {other}");
        }
    }
    assert_ne!(spelled("9007199254740992"), spelled("9007199254740993"));
}

#[test]
fn differs_for_another_request() {
    let bodies = [
        r#"{"item_id":"ps5","quantity":2}"#,
        r#"{"item_id":"ps5","quantity":3}"#,
        r#"{"item_id":"ps4","quantity":2}"#,
        r#"{"item_id":"ps5","quantity":2,"metadata":{}}"#,
        r#"{"item_id":"ps5","quantity":2,"gremlin":true}"#,
        r#"{"lines":[{"item_id":"ps5","quantity":1},{"item_id":"ps5","quantity":1}]}"#,
        r#"{"lines":[{"item_id":"a","quantity":1},{"item_id":"b","quantity":2}]}"#,
        r#"{"lines":[{"item_id":"b","quantity":2},{"item_id":"a","quantity":1}]}"#,
    ];
    let mut seen = bodies.map(of).to_vec();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), bodies.len());
}

/// Stored fingerprints outlive a release: this value must never change.
#[test]
fn stays_the_same_from_release_to_release() {
    let stored = of(r#"{"item_id":"ps5","quantity":2,"metadata":{"b":1,"a":[true,null]}}"#);
    let hex = stored.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex, "6ac0b2d42c25aa498f0a1733c1124dc32e98fb1b1cb43a41c7c48ba3a4bee661");
}
