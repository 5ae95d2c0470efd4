use std::convert::Infallible;

use futures_util::stream;
use http_body_util::StreamBody;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Basket {
    lines: Vec<Line>,
    metadata: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Line {
    item_id: String,
    quantity: i64,
}

#[track_caller]
fn check(body: &str, status: u16, pointer: &str, code: &str) {
    let problem = parse_strict::<Basket>(body.as_bytes()).unwrap_err();
    let error = &problem.errors()[0];
    assert_eq!(
        (problem.status().as_u16(), error.pointer.as_str(), error.code),
        (status, pointer, code),
        "{body}: {}",
        error.detail
    );
}

#[test]
fn says_where_and_what_is_wrong() {
    check(r#"{"lines":[],"color":1}"#, 400, "/color", "unknown-field");
    check(r#"{"lines":[{"item_id":"a","quantity":1,"x":1}]}"#, 400, "/lines/0/x", "unknown-field");
    check(r#"{"lines":[{"item_id":"a"}]}"#, 400, "/lines/0/quantity", "missing-field");
    check(r#"{"lines":[{"item_id":1,"quantity":1}]}"#, 400, "/lines/0/item_id", "invalid-value");
    check(
        r#"{"lines":[{"item_id":"a","quantity":1.5}]}"#,
        400,
        "/lines/0/quantity",
        "invalid-value",
    );
    check(r#"{"lines":[],"lines":[]}"#, 400, "/lines", "repeated-field");
    check(r#"{"lines":[],"metadata":{"a":1,"a":2}}"#, 400, "/metadata/a", "repeated-field");
    check(r#"{"lines":[],"metadata":"\u0000"}"#, 422, "/metadata", "control-character");
    check(r#"{"lines":"#, 400, "", "malformed-json");
    check(r#"{"lines":[]} x"#, 400, "", "malformed-json");
    check("[]", 400, "", "invalid-value");
}

#[test]
fn reads_what_is_right() {
    let basket: Basket =
        parse_strict(r#"{"lines":[{"item_id":"ps5","quantity":2}]}"#.as_bytes()).unwrap();
    assert_eq!(basket.lines, [Line { item_id: "ps5".into(), quantity: 2 }]);
}

#[test]
fn accepts_json_media_types_only() {
    let status = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
        check_media_type(&headers).map_err(|problem| problem.status().as_u16())
    };
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/x+json"] {
        assert_eq!(status(good), Ok(()), "{good}");
    }
    for bad in
        ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        assert_eq!(status(bad), Err(415), "{bad}");
    }
}

#[tokio::test]
async fn joins_frames_up_to_the_limit() {
    let frames = |count: usize| {
        let frame = || Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(vec![b' '; 1024])));
        Body::new(StreamBody::new(stream::iter((0..count).map(move |_| frame()))))
    };
    assert_eq!(read_body(frames(64)).await.unwrap().len(), BODY_BYTES_MAX);
    assert_eq!(read_body(frames(65)).await.unwrap_err().status(), 413);
    assert_eq!(read_body(Body::from(vec![0; BODY_BYTES_MAX + 1])).await.unwrap_err().status(), 413);
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_body_that_does_not_arrive() {
    let never = stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
    let problem = read_body(Body::new(StreamBody::new(never))).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.code()), (408, "body-timeout"));
}
