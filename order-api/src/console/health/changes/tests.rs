use chrono::TimeDelta;
use serde_json::json;

use super::super::super::inventory::ChaosEvents;
use super::*;

fn relay(id: i64, changes: &Value) -> OfRelay {
    OfRelay { id, name: format!("relay-{id}"), gate: Some(json!({"changes": changes})) }
}

fn told(changes: &[Change]) -> Vec<(i64, &'static str)> {
    changes.iter().map(|change| (change.ago_ms, change.text)).collect()
}

#[test]
fn what_several_relays_see_at_once_is_told_once_and_newest_first() {
    let relays = [
        relay(
            1,
            &json!([{"state": "half_open", "ago_ms": 100}, {"state": "open", "ago_ms": 5_000}]),
        ),
        relay(2, &json!([{"state": "open", "ago_ms": 5_700}, {"state": "open", "ago_ms": 9_000}])),
        OfRelay { id: 3, name: "silent".to_owned(), gate: None },
        relay(4, &json!("nonsense")),
    ];
    let changes = changes_of(&relays, None, Utc::now());
    let expected = [(100, "breaker half open"), (5_000, "breaker open"), (9_000, "breaker open")];
    assert_eq!(told(&changes), expected);
}

#[test]
fn the_gremlin_came_and_went_when_inventory_says_so() {
    let now = Utc::now();
    let mut chaos = Chaos {
        allowed: true,
        enabled: true,
        left_ms: 55_000,
        began_at: Some(now - TimeDelta::seconds(5)),
        ends_at: Some(now + TimeDelta::seconds(55)),
        settings: None,
        calls: 0,
        events: ChaosEvents { delayed: 0, crashed: 0, lost: 0 },
    };
    assert_eq!(told(&changes_of(&[], Some(&chaos), now)), [(5_000, "gremlin on")]);
    (chaos.enabled, chaos.ends_at) = (false, Some(now - TimeDelta::seconds(2)));
    let changes = changes_of(&[], Some(&chaos), now);
    assert_eq!(told(&changes), [(2_000, "gremlin off"), (5_000, "gremlin on")]);
}
