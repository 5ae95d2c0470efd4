use serde_json::json;

use super::*;

fn read(body: &Value) -> Result<Basket, Problem> {
    edge::parse_strict::<OrderRequest>(body.to_string().as_bytes())?.check()
}

#[track_caller]
fn check_faults(body: &Value, expected: &[(&str, &str)]) {
    let problem = read(body).unwrap_err();
    let faults: Vec<_> = problem.errors().iter().map(|e| (e.pointer.as_str(), e.code)).collect();
    assert_eq!((problem.status().as_u16(), faults.as_slice()), (400, expected), "{body}");
}

#[test]
fn reads_both_shapes_as_lines() {
    let short = read(&json!({"item_id": "ps5", "quantity": 2})).unwrap();
    let long = read(&json!({"lines": [{"item_id": "ps5", "quantity": 2}]})).unwrap();
    assert_eq!(short, long);
    assert_eq!(short.lines, [Line { item_id: "ps5".into(), quantity: 2 }]);
}

#[test]
fn takes_two_lines_of_one_item_and_metadata() {
    let line = json!({"item_id": "ps5", "quantity": 1});
    let basket = read(&json!({"lines": [line, line], "metadata": {"cart": 7}})).unwrap();
    assert_eq!(basket.lines.len(), 2);
    assert_eq!(basket.metadata, Some(json!({"cart": 7})));
}

#[test]
fn the_wish_for_the_gremlin_is_kept_with_the_metadata() {
    let of = |more: Value| {
        let mut body = json!({"item_id": "ps5", "quantity": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&body).unwrap().metadata
    };
    assert_eq!(of(json!({"gremlin": true})), Some(json!({"gremlin": true})));
    let both = json!({"gremlin": true, "metadata": {"cart": 7}});
    assert_eq!(of(both), Some(json!({"cart": 7, "gremlin": true})));
    assert_eq!(of(json!({"gremlin": false})), None);
    let twice =
        json!({"item_id": "a", "quantity": 1, "gremlin": true, "metadata": {"gremlin": false}});
    check_faults(&twice, &[("/gremlin", "ambiguous")]);
}

#[test]
fn names_every_wrong_place() {
    check_faults(&json!({}), &[("/lines", "missing-field")]);
    check_faults(&json!({"item_id": "a"}), &[("/quantity", "missing-field")]);
    check_faults(&json!({"quantity": 1}), &[("/item_id", "missing-field")]);
    check_faults(&json!({"lines": []}), &[("/lines", "out-of-range")]);
    check_faults(&json!({"item_id": "a", "lines": []}), &[("/lines", "ambiguous")]);
    check_faults(
        &json!({"lines": [{"item_id": "", "quantity": 0}, {"item_id": "a\nb", "quantity": 1}]}),
        &[
            ("/lines/0/item_id", "out-of-range"),
            ("/lines/0/quantity", "out-of-range"),
            ("/lines/1/item_id", "invalid-value"),
        ],
    );
    let many = vec![json!({"item_id": "a", "quantity": 1}); LINES_MAX + 1];
    check_faults(&json!({"lines": many}), &[("/lines", "out-of-range")]);
    let large = json!({"item_id": "a", "quantity": 1, "metadata": {"x": "y".repeat(20_000)}});
    check_faults(&large, &[("/metadata", "out-of-range")]);
}

#[test]
fn bounds_the_quantity_whatever_the_number() {
    for quantity in [-1, 0, 10_001, i64::MIN, i64::MAX] {
        let body = json!({"item_id": "a", "quantity": quantity});
        check_faults(&body, &[("/quantity", "out-of-range")]);
    }
    for quantity in [json!(1.0), json!("1"), json!(u64::MAX), json!([1]), json!(true)] {
        let body = json!({"item_id": "a", "quantity": quantity});
        check_faults(&body, &[("/quantity", "invalid-value")]);
    }
    for quantity in [1, 10_000] {
        assert!(read(&json!({"item_id": "a", "quantity": quantity})).is_ok());
    }
}
