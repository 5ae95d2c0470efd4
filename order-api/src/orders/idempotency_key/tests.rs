use http::HeaderValue;

use super::*;

fn find(header: &[u8], body: Option<&str>) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_bytes(header).unwrap());
    find_key(&headers, body.map(str::to_owned)).map_err(|problem| problem.code())
}

#[test]
fn reads_a_key_quoted_or_bare() {
    for header in [r#""k-1""#, "k-1", "  k-1 ", r#" "k-1" "#] {
        assert_eq!(find(header.as_bytes(), None).as_deref(), Ok("k-1"), "{header}");
    }
    assert_eq!(find(br#""a\"b\\c""#, None).as_deref(), Ok(r#"a"b\c"#));
}

#[test]
fn reads_a_key_from_the_body() {
    assert_eq!(find_key(&HeaderMap::new(), Some("k-1".into())).unwrap(), "k-1");
    assert_eq!(find(b"k-1", Some("k-1")).as_deref(), Ok("k-1"));
    assert_eq!(find(b"k-1", Some("k-2")), Err("idempotency-key-invalid"));
}

#[test]
fn asks_for_a_key() {
    let problem = find_key(&HeaderMap::new(), None).unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (400, "idempotency-key-required"));
}

#[test]
fn refuses_what_is_no_key() {
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let bad =
        ["", "\"\"", "\"a", "a\"b", "\"a\"b", r#""a\n""#, "a b", "\"a b\"", "schlüssel", &long];
    for header in bad {
        assert_eq!(find(header.as_bytes(), None), Err("idempotency-key-invalid"), "{header}");
    }
    for body in ["", "a b", "\u{0}", "ü"] {
        let found = find_key(&HeaderMap::new(), Some(body.into()));
        assert_eq!(found.unwrap_err().code(), "idempotency-key-invalid", "{body:?}");
    }
    let mut twice = HeaderMap::new();
    twice.append(HEADER, HeaderValue::from_static("a"));
    twice.append(HEADER, HeaderValue::from_static("a"));
    assert_eq!(find_key(&twice, None).unwrap_err().code(), "idempotency-key-invalid");
}

#[test]
fn takes_a_key_of_full_length() {
    let key = "k".repeat(KEY_BYTES_MAX);
    assert_eq!(find(key.as_bytes(), None), Ok(key));
}
