//! The four calls, and what was answered.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

const PROBLEMS: &str = "https://valerix.dev/problems/";
/// Calls of a saga carry the trace of their order; who knows nothing of traces overlooks it.
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Calls one inventory service.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    address: String,
}

/// A reservation as a check sees it: its id, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reservation {
    pub(super) id: Uuid,
    pub(super) order_id: Uuid,
}

/// What a reserve asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) lines: Vec<(&'a str, u32)>,
    pub(super) epoch: i64,
    pub(super) deadline_ms: u64,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A status, our problem code where the body is one, and the body.
    Answer { status: u16, code: Option<String>, body: String },
    /// Nothing that could be read.
    Nothing(String),
}

impl Reservation {
    pub(super) fn new() -> Reservation {
        Reservation { id: Uuid::now_v7(), order_id: Uuid::now_v7() }
    }
}

impl Client {
    /// `None`: the URL is not one.
    pub fn new(url: &str, timeout: Duration) -> Option<Client> {
        let parsed = reqwest::Url::parse(url).ok()?;
        let address = format!("{}:{}", parsed.host_str()?, parsed.port_or_known_default()?);
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .ok()?;
        Some(Client { http, base: url.trim_end_matches('/').to_owned(), address })
    }

    /// The pieces available, where the service tells.
    pub(super) async fn available(&self, item: &str) -> Result<u32, String> {
        let url = format!("{}/api/inventory/{item}", self.base);
        let response = self.http.get(url).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|_| format!("it answered {status}"))?;
        let available = body["available"].as_u64().ok_or(format!("it answered {status}"))?;
        // More than this would not fit into one line of an order.
        Ok(u32::try_from(available).unwrap_or(u32::MAX))
    }

    pub(super) async fn reserve(&self, reservation: Reservation, ask: &Ask<'_>) -> Told {
        let request = self
            .http
            .put(self.url(reservation.id))
            .header("Saga-Epoch", ask.epoch)
            .header("Saga-Deadline-Ms", ask.deadline_ms)
            .header("traceparent", TRACEPARENT)
            .json(&body(reservation, ask));
        told(request).await
    }

    pub(super) async fn release(&self, reservation: Reservation, epoch: i64) -> Told {
        let url = format!("{}?order_id={}", self.url(reservation.id), reservation.order_id);
        told(self.http.delete(url).header("Saga-Epoch", epoch)).await
    }

    pub(super) async fn look_up(&self, reservation: Reservation) -> Told {
        told(self.http.get(self.url(reservation.id))).await
    }

    pub(super) async fn commit(&self, reservation: Reservation, epoch: i64) -> Told {
        let url = format!("{}/commit", self.url(reservation.id));
        told(self.http.post(url).header("Saga-Epoch", epoch)).await
    }

    pub(super) async fn put_text(&self, id: Uuid, text: &'static str) -> Told {
        let request = self.http.put(self.url(id)).header("Saga-Epoch", 1);
        told(request.header("content-type", "application/json").body(text)).await
    }

    /// Sends a reserve and goes away before the answer.
    pub(super) async fn reserve_and_leave(
        &self,
        reservation: Reservation,
        ask: &Ask<'_>,
    ) -> Result<(), String> {
        let body = body(reservation, ask).to_string();
        let head = format!(
            "PUT /api/inventory/reservations/{} HTTP/1.1\r\nhost: {}\r\nsaga-epoch: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            reservation.id,
            self.address,
            ask.epoch,
            body.len(),
        );
        let sent = async {
            let mut socket = tokio::net::TcpStream::connect(&self.address).await?;
            socket.write_all(head.as_bytes()).await?;
            socket.shutdown().await
        };
        sent.await.map_err(|error: std::io::Error| error.to_string())
    }

    fn url(&self, id: Uuid) -> String {
        format!("{}/api/inventory/reservations/{id}", self.base)
    }
}

fn body(reservation: Reservation, ask: &Ask<'_>) -> Value {
    let line = |(item, quantity): &(&str, u32)| json!({"item_id": item, "quantity": quantity});
    let lines: Vec<Value> = ask.lines.iter().map(line).collect();
    json!({"order_id": reservation.order_id, "lines": lines})
}

async fn told(request: reqwest::RequestBuilder) -> Told {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Told::Nothing(error.to_string()),
    };
    let status = response.status().as_u16();
    match response.text().await {
        Ok(body) => {
            let problem: Value = serde_json::from_str(&body).unwrap_or_default();
            let code = problem["type"].as_str().and_then(|kind| kind.strip_prefix(PROBLEMS));
            Told::Answer { status, code: code.map(str::to_owned), body }
        }
        Err(error) => Told::Nothing(error.to_string()),
    }
}

impl Told {
    /// 200 or 201 with a body that names this reservation in this state.
    pub(super) fn is(&self, reservation: Reservation, state: &str) -> Result<(), String> {
        let Told::Answer { status: 200 | 201, body, .. } = self else {
            return Err(format!("expected 200 or 201 with state {state:?}, got {self}"));
        };
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let names = body["reservation_id"].as_str().and_then(|id| id.parse().ok());
        if names == Some(reservation.id) && body["state"] == state {
            return Ok(());
        }
        let id = reservation.id;
        Err(format!("expected reservation_id {id} and state {state:?} in the body, got {self}"))
    }

    /// A problem of the contract.
    pub(super) fn is_problem(&self, expected: u16, expected_code: &str) -> Result<(), String> {
        match self {
            Told::Answer { status, code: Some(code), .. }
                if *status == expected && code == expected_code =>
            {
                Ok(())
            }
            Told::Answer { .. } | Told::Nothing(_) => {
                Err(format!("expected {expected} with type {PROBLEMS}{expected_code}, got {self}"))
            }
        }
    }

    /// Any status of this class.
    pub(super) fn is_between(&self, lowest: u16, highest: u16) -> Result<(), String> {
        match self {
            Told::Answer { status, .. } if (lowest..=highest).contains(status) => Ok(()),
            Told::Answer { .. } | Told::Nothing(_) => {
                Err(format!("expected a status from {lowest} to {highest}, got {self}"))
            }
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Answer { status, body, .. } => {
                let start: String = body.chars().take(200).collect();
                write!(f, "{status} {start}")
            }
            Told::Nothing(why) => write!(f, "no answer ({why})"),
        }
    }
}
