use super::*;

const ID: &str = "01936f6e-2c5f-7a3b-9d53-0242ac120002";

fn answer(bytes: &str) -> Answer {
    match parse(bytes.as_bytes()) {
        Parsed::Complete(answer, length) => {
            assert_eq!(length, bytes.len());
            answer
        }
        incomplete @ (Parsed::Incomplete | Parsed::Broken) => panic!("{incomplete:?}: {bytes}"),
    }
}

#[test]
fn reads_a_confirmed_order() {
    let body = format!(r#"{{"id":"{ID}","status":"confirmed","lines":[]}}"#);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 201 Created\r\nLocation: /api/orders/{ID}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answer = answer(&text);
    assert_eq!((answer.status, answer.state), (201, Some(OrderState::Confirmed)));
    assert_eq!(answer.order_id, Some(ID.parse().unwrap()));
    assert!(!answer.replayed && !answer.closes);
    for cut in 0..text.len() {
        assert_eq!(parse(&text.as_bytes()[..cut]), Parsed::Incomplete, "cut at {cut}");
    }
}

#[test]
fn takes_the_id_from_the_body_where_there_is_no_location() {
    let body = format!(r#"{{"id":"{ID}","status":"queued"}}"#);
    let answer = answer(&format!(
        "HTTP/1.1 202 Accepted\r\nContent-Length: {}\r\nRetry-After: 2\r\nIdempotent-Replayed: true\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.order_id, Some(ID.parse().unwrap()));
    assert_eq!(answer.state, Some(OrderState::Unsettled));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(2)));
    assert!(answer.replayed);
}

#[test]
fn a_problem_has_no_order_state() {
    let body = r#"{"type":"about:blank","status":422,"code":"insufficient-stock"}"#;
    let answer = answer(&format!(
        "HTTP/1.1 422 Unprocessable Entity\r\nlocation: /api/orders/{ID}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.order_id, Some(ID.parse().unwrap()));
    assert_eq!(answer.state, None);
    assert!(answer.closes);
}

#[test]
fn refuses_what_it_does_not_understand() {
    let broken = [
        "SMTP\r\n\r\n",
        "HTTP/1.1 2x1 Created\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    ];
    for text in broken {
        assert_eq!(parse(text.as_bytes()), Parsed::Broken, "{text:?}");
    }
}

#[test]
fn writes_a_request_that_says_what_it_carries() {
    let mut request = Vec::new();
    let head = post_head("127.0.0.1:3001", Some("Bearer x"));
    write_post(&mut request, &head, "key-1", br#"{"item_id":"ps5","quantity":2}"#);
    let text = String::from_utf8(request).unwrap();
    assert_eq!(
        text,
        "POST /api/orders HTTP/1.1\r\nhost: 127.0.0.1:3001\r\nauthorization: Bearer x\r\n\
         content-type: application/json\r\nidempotency-key: key-1\r\ncontent-length: 30\r\n\r\n\
         {\"item_id\":\"ps5\",\"quantity\":2}"
    );
}
