use http::{HeaderMap, HeaderValue};

use super::{BYTES_MAX, HEADER, check_idempotency_key, idempotency_key};

const INVALID: Result<String, &str> = Err("idempotency-key-invalid");

fn find(header: &[u8]) -> Result<String, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_bytes(header).unwrap());
    let found = idempotency_key(&headers).map_err(|problem| problem.code());
    found.map(|key| key.expect("the header is there"))
}

#[test]
fn reads_a_key_quoted_or_bare() {
    for header in [r#""k-1""#, "k-1", "  k-1 ", r#" "k-1" "#] {
        assert_eq!(find(header.as_bytes()).as_deref(), Ok("k-1"), "{header}");
    }
    assert_eq!(find(br#""a\"b\\c""#).as_deref(), Ok(r#"a"b\c"#));
    assert_eq!(find(br"a\b").as_deref(), Ok(r"a\b"));
    assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
}

#[test]
fn refuses_what_is_no_key() {
    let long = "k".repeat(BYTES_MAX + 1);
    let bad = [
        "",
        "\"\"",
        "\"a",
        "a\"b",
        "\"a\"b",
        "\"a\";b=1",
        "\"a\", \"b\"",
        r#""a\n""#,
        "a b",
        "\"a b\"",
        "schl\u{fc}ssel",
        &long,
    ];
    for header in bad {
        assert_eq!(find(header.as_bytes()), INVALID, "{header}");
    }
    let mut twice = HeaderMap::new();
    twice.append(HEADER, HeaderValue::from_static("a"));
    twice.append(HEADER, HeaderValue::from_static("a"));
    assert_eq!(idempotency_key(&twice).unwrap_err().code(), "idempotency-key-invalid");
    for key in ["", "a b", "\u{0}", "\u{fc}"] {
        assert!(check_idempotency_key(key.to_owned()).is_err(), "{key:?}");
    }
}

#[test]
fn takes_a_key_of_full_length() {
    let key = "k".repeat(BYTES_MAX);
    assert_eq!(find(key.as_bytes()), Ok(key));
}
