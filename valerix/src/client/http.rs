//! The client, and what a refusal means to a script.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value;

/// Longer than the longest wait a request may ask for.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Where the services are, and how answers are printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// The order service.
    #[arg(long, env = "VALERIX_URL", default_value = "http://127.0.0.1:3001")]
    url: String,
    /// The inventory service.
    #[arg(long, env = "VALERIX_INVENTORY_URL", default_value = "http://127.0.0.1:3002")]
    inventory_url: String,
    /// Bearer token, if one is needed.
    #[arg(long, env = "VALERIX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Output format.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// The service's answer, as JSON.
    Json,
    /// One line per item.
    Ndjson,
}

/// Which of the two services.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Orders,
    Inventory,
}

/// Why a call did not do what it was to do. The exit code is part of the contract with scripts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Exit code 3.
    #[error("{0}")]
    NotFound(String),
    /// The service said no, and will say it again. Exit code 4.
    #[error("{0}")]
    Refused(String),
    /// The service cannot be reached or is failing. Try again. Exit code 5.
    #[error("{0}")]
    Unavailable(String),
}

impl CallError {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            CallError::NotFound(_) => 3,
            CallError::Refused(_) => 4,
            CallError::Unavailable(_) => 5,
        }
    }
}

/// A request to be sent.
pub(super) struct Call {
    request: reqwest::RequestBuilder,
    url: String,
}

impl Remote {
    pub(super) fn get(&self, of: Of, path: &str) -> anyhow::Result<Call> {
        self.call(reqwest::Method::GET, of, path)
    }

    pub(super) fn post(&self, of: Of, path: &str, body: &Value) -> anyhow::Result<Call> {
        let call = self.call(reqwest::Method::POST, of, path)?;
        Ok(Call { request: call.request.json(body), ..call })
    }

    pub(super) fn delete(&self, of: Of, path: &str) -> anyhow::Result<Call> {
        self.call(reqwest::Method::DELETE, of, path)
    }

    /// A call whose answer goes on as long as there is something to tell.
    pub(super) fn stream(&self, of: Of, path: &str) -> anyhow::Result<Call> {
        let http = reqwest::Client::builder().read_timeout(TIMEOUT).no_proxy().build()?;
        self.call_by(&http, reqwest::Method::GET, of, path)
    }

    fn call(&self, method: reqwest::Method, of: Of, path: &str) -> anyhow::Result<Call> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        self.call_by(&http, method, of, path)
    }

    fn call_by(
        &self,
        http: &reqwest::Client,
        method: reqwest::Method,
        of: Of,
        path: &str,
    ) -> anyhow::Result<Call> {
        let base = match of {
            Of::Orders => &self.url,
            Of::Inventory => &self.inventory_url,
        };
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let parsed = reqwest::Url::parse(&url).with_context(|| format!("{base:?} is not a URL"))?;
        let mut request = http.request(method, parsed);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Ok(Call { request, url })
    }
}

impl Call {
    pub(super) fn header(self, name: &'static str, value: &str) -> Self {
        Call { request: self.request.header(name, value), ..self }
    }

    /// The answer, whatever a health check says; anything else that is no success is an error.
    pub(super) async fn send_for_health(self) -> anyhow::Result<(bool, Value)> {
        let (status, body) = self.exchange().await?;
        Ok((status.is_success(), body))
    }

    /// The answer of a call that succeeded.
    pub(super) async fn send(self) -> anyhow::Result<Value> {
        let url = self.url.clone();
        let (status, body) = self.exchange().await?;
        if status.is_success() { Ok(body) } else { Err(refused(status, &body, &url).into()) }
    }

    /// The same for an answer that is no JSON.
    pub(super) async fn send_for_text(self) -> anyhow::Result<String> {
        let body = self.send().await?;
        Ok(body.as_str().map_or_else(|| body.to_string(), str::to_owned))
    }

    /// The beginning of a stream; `None` where there is none just now.
    pub(super) async fn send_for_stream(self) -> anyhow::Result<Option<reqwest::Response>> {
        let Call { request, url } = self;
        let Ok(response) = request.send().await else { return Ok(None) };
        let status = response.status();
        match status.as_u16() {
            200 => Ok(Some(response)),
            400..500 if status.as_u16() != 429 => {
                let text = response.text().await.unwrap_or_default();
                let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
                Err(refused(status, &body, &url).into())
            }
            _ => Ok(None),
        }
    }

    async fn exchange(self) -> anyhow::Result<(reqwest::StatusCode, Value)> {
        let Call { request, url } = self;
        let unreachable = |error: reqwest::Error| {
            let why = if error.is_connect() { "cannot connect" } else { "no answer in time" };
            CallError::Unavailable(format!("{url}: {why}; is it running? (VALERIX_URL, --url)"))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

fn refused(status: reqwest::StatusCode, body: &Value, url: &str) -> CallError {
    let text = in_words(status, body, url);
    match status.as_u16() {
        403 => CallError::Refused(format!(
            "{text}; run it on the machine of the service, with --url http://127.0.0.1:…"
        )),
        404 => CallError::NotFound(text),
        412 => CallError::Refused(format!("{text}; look again: valerix sagas show")),
        429 | 500.. => CallError::Unavailable(text),
        _ => CallError::Refused(text),
    }
}

/// A problem (RFC 9457) as one line.
fn in_words(status: reqwest::StatusCode, problem: &Value, url: &str) -> String {
    let Some(title) = problem["title"].as_str() else { return format!("{url} answered {status}") };
    let mut parts = vec![title.to_owned()];
    parts.extend(problem["detail"].as_str().map(str::to_owned));
    for error in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| error[name].as_str().unwrap_or_default();
        parts.push(format!("{} {}", part("pointer"), part("detail")));
    }
    parts.join(": ")
}
