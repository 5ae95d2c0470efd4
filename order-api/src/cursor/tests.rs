use super::*;

#[test]
fn goes_on_where_the_last_page_ended() {
    let before = Uuid::now_v7();
    assert_eq!(decode(&encode(before, "status=failed"), "status=failed").unwrap(), before);
}

#[test]
fn is_refused_with_other_filters_or_when_made_up() {
    let cursor = encode(Uuid::now_v7(), "status=failed");
    assert!(decode(&cursor, "status=queued").is_err());
    for made_up in ["", "1", "x", &cursor[1..], &cursor[..40], "1zz", &format!("1ééé{cursor}")] {
        assert!(decode(made_up, "status=failed").is_err(), "{made_up}");
    }
}
