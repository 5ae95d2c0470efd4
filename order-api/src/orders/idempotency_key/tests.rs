use http::{HeaderMap, HeaderValue};

use super::find_key;

fn find(header: Option<&'static str>, body: Option<&str>) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("idempotency-key", HeaderValue::from_static(header));
    }
    find_key(&headers, body.map(str::to_owned)).map_err(|problem| problem.code())
}

#[test]
fn reads_a_key_from_header_or_body() {
    assert_eq!(find(Some("\"k-1\""), None).as_deref(), Ok("k-1"));
    assert_eq!(find(None, Some("k-1")).as_deref(), Ok("k-1"));
    assert_eq!(find(Some("k-1"), Some("k-1")).as_deref(), Ok("k-1"));
}

#[test]
fn refuses_two_keys_and_none_and_what_is_no_key() {
    assert_eq!(find(Some("k-1"), Some("k-2")), Err("idempotency-key-invalid"));
    assert_eq!(find(None, None), Err("idempotency-key-required"));
    for body in ["", "a b", "\u{0}", "\u{fc}"] {
        assert_eq!(find(None, Some(body)), Err("idempotency-key-invalid"), "{body:?}");
    }
    assert_eq!(find(Some("a b"), Some("a b")), Err("idempotency-key-invalid"));
}
