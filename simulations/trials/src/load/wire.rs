//! As much of HTTP/1.1 as the generator needs: requests written by hand, the head of an answer read by `httparse`.
//!
//! An answer is understood only with a `content-length`, which is what our services send.

use std::time::Duration;

use saga::StateName;
use uuid::Uuid;

/// Heads longer than this are refused.
const HEAD_MAX: usize = 16 * 1024;
/// Heads with more headers than this are refused.
const HEADERS_MAX: usize = 64;
/// Bodies longer than this are refused.
const BODY_MAX: usize = 1024 * 1024;

/// What an answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// From `Location`, else from the body.
    pub(super) order_id: Option<Uuid>,
    pub(super) state: Option<OrderState>,
    pub(super) replayed: bool,
    pub(super) retry_after: Option<Duration>,
    /// The server will close the connection.
    pub(super) closes: bool,
}

/// The `status` of an order, as far as clients care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderState {
    Unsettled,
    Confirmed,
    Failed,
    Cancelled,
}

/// How far an answer has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Incomplete,
    /// The answer and its length in bytes.
    Complete(Answer, usize),
    /// Not an answer this reader understands.
    Broken,
}

/// The unchanging part of a POST to `host`, up to the value of the idempotency key.
pub(super) fn post_head(host: &str, authorization: Option<&str>) -> Vec<u8> {
    let authorization =
        authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    format!(
        "POST /api/orders HTTP/1.1\r\nhost: {host}\r\n{authorization}\
         content-type: application/json\r\nidempotency-key: "
    )
    .into_bytes()
}

/// Puts a whole POST into `request`.
pub(super) fn write_post(request: &mut Vec<u8>, head: &[u8], key: &str, body: &[u8]) {
    request.clear();
    request.extend_from_slice(head);
    request.extend_from_slice(key.as_bytes());
    request.extend_from_slice(b"\r\ncontent-length: ");
    request.extend_from_slice(body.len().to_string().as_bytes());
    request.extend_from_slice(b"\r\n\r\n");
    request.extend_from_slice(body);
}

/// A GET that waits up to `wait_s` seconds for the order to settle.
pub(super) fn get(host: &str, authorization: Option<&str>, id: Uuid, wait_s: u64) -> Vec<u8> {
    let authorization =
        authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    format!("GET /api/orders/{id}?wait={wait_s} HTTP/1.1\r\nhost: {host}\r\n{authorization}\r\n")
        .into_bytes()
}

/// Reads the answer at the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some((mut answer, head_length, body_length)) = (match parse_head(bytes) {
        Ok(head) => head,
        Err(Malformed) => return Parsed::Broken,
    }) else {
        return if bytes.len() > HEAD_MAX { Parsed::Broken } else { Parsed::Incomplete };
    };
    let Some(body) = bytes[head_length..].get(..body_length) else {
        return Parsed::Incomplete;
    };
    answer.state = field(body, br#""status":""#).and_then(order_state);
    if answer.order_id.is_none() {
        answer.order_id =
            field(body, br#""id":""#).and_then(|id| Uuid::try_parse_ascii(id.get(..36)?).ok());
    }
    Parsed::Complete(answer, head_length + body_length)
}

struct Malformed;

/// The answer without its body, the length of the head, the length of the body. `None`: not all of
/// the head is here yet.
fn parse_head(bytes: &[u8]) -> Result<Option<(Answer, usize, usize)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed),
    };
    let mut answer = Answer {
        status: head.code.filter(|_| head.version == Some(1)).ok_or(Malformed)?,
        order_id: None,
        state: None,
        replayed: false,
        retry_after: None,
        closes: false,
    };
    let mut body_length = None;
    for httparse::Header { name, value } in head.headers {
        // Names are told apart by length first: most headers are of no interest.
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => {
                body_length = Some(number(value).ok_or(Malformed)?);
            }
            8 if name.eq_ignore_ascii_case("location") => {
                let id = value.len().checked_sub(36).and_then(|start| value.get(start..));
                answer.order_id = id.and_then(|id| Uuid::try_parse_ascii(id).ok());
            }
            19 if name.eq_ignore_ascii_case("idempotent-replayed") => {
                answer.replayed = *value == b"true";
            }
            11 if name.eq_ignore_ascii_case("retry-after") => {
                answer.retry_after = number(value).map(|s| Duration::from_secs(s as u64));
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                answer.closes = value.eq_ignore_ascii_case(b"close");
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => return Err(Malformed),
            _ => {}
        }
    }
    let body_length = match (answer.status, body_length) {
        (204 | 304, _) => 0,
        (_, Some(length)) if length <= BODY_MAX => length,
        _ => return Err(Malformed),
    };
    Ok(Some((answer, length, body_length)))
}

fn number(digits: &[u8]) -> Option<usize> {
    str::from_utf8(digits).ok()?.parse().ok()
}

/// What follows `name` in a JSON text, up to its end.
fn field<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = body.windows(name.len()).position(|window| window == name)?;
    Some(&body[at + name.len()..])
}

fn order_state(text: &[u8]) -> Option<OrderState> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    Some(match StateName::parse(str::from_utf8(&text[..end]).ok()?)? {
        StateName::Confirmed => OrderState::Confirmed,
        StateName::Failed => OrderState::Failed,
        StateName::Cancelled => OrderState::Cancelled,
        StateName::Pending
        | StateName::Reserving
        | StateName::Queued
        | StateName::Releasing
        | StateName::Parked => OrderState::Unsettled,
    })
}

#[cfg(test)]
mod tests;
