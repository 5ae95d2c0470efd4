use serde_json::json;

use super::*;

fn body_of(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.to_body()).unwrap()
}

#[test]
fn has_the_members_of_the_contract() {
    let problem = Problem::invalid("/lines/0/quantity", "out-of-range", "1 to 10000")
        .with_member("order_id", "o1");
    assert_eq!(
        body_of(&problem),
        json!({
            "type": "https://valerix.dev/problems/invalid-request",
            "title": "the request is not valid",
            "status": 400,
            "code": "invalid-request",
            "retryable": false,
            "errors": [{"pointer": "/lines/0/quantity", "code": "out-of-range", "detail": "1 to 10000"}],
            "order_id": "o1",
        })
    );
}

#[test]
fn names_the_trace_of_the_request() {
    let context = TraceContext::mint();
    let body = context.enter(|| body_of(&Problem::internal()));
    assert_eq!(body["trace_id"], context.trace_id_hex());
}

#[test]
fn says_when_to_try_again() {
    let response = Problem::unavailable("the database does not answer", 2).into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
}

#[test]
fn does_not_echo_a_whole_body() {
    let problem = Problem::invalid("/x", "invalid-value", "é".repeat(60_000));
    assert!(problem.to_body().len() < 2_000);
}
