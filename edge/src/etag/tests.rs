use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{etag, with_etag};

#[test]
fn a_client_that_has_the_version_is_not_sent_it_again() {
    for (if_none_match, is_known) in [
        (None, false),
        (Some("\"7\""), true),
        (Some("W/\"7\""), true),
        (Some("\"6\", \"7\""), true),
        (Some("*"), true),
        (Some("\"8\""), false),
        (Some("7"), false),
        (Some(""), false),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(value) = if_none_match {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
        }
        let answer = with_etag(&headers, etag(7), HeaderValue::from_static("no-cache"), "seven");
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        assert_eq!(answer.status(), status, "{if_none_match:?}");
        assert_eq!(answer.headers()[header::ETAG], "\"7\"");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
    }
}
