use serde_json::json;

use super::*;

#[test]
fn a_table_has_a_line_per_item_and_reads_like_words() {
    let items = [
        json!({"id": "a", "lines": [{"item_id": "ps5", "quantity": 2}], "in_doubt": true}),
        json!({"id": "b", "lines": [], "in_doubt": false, "reason": null}),
    ];
    let columns =
        [("id", "/id"), ("lines", "/lines"), ("in doubt", "/in_doubt"), ("why", "/reason")];
    let printed = table(&items, &columns);
    let lines: Vec<Vec<&str>> = printed.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "LINES", "IN", "DOUBT", "WHY"]);
    assert_eq!(lines[1], ["a", "2", "x", "ps5", "yes"]);
    assert_eq!(lines[2], ["b", "no"]);
    assert_eq!(lines.len(), 3);
}
