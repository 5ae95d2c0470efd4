//! A collector of spans, as OpenTelemetry's protocol describes it (OTLP over HTTP, protobuf).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(20);

/// A span, and which process told of it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) span: Span,
}

/// Keeps what it is sent.
#[derive(Clone)]
pub(crate) struct Collector {
    told: Arc<Mutex<Vec<Told>>>,
    pub(crate) url: String,
}

impl Collector {
    pub(crate) async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let collector = Collector { told: Arc::default(), url };
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// The spans of this trace so far.
    pub(crate) fn of(&self, trace_id: &[u8]) -> Vec<Told> {
        let told = self.told.lock().expect("nobody panics with it");
        told.iter().filter(|told| told.span.trace_id == trace_id).cloned().collect()
    }

    /// Waits until the spans of this trace have what is wanted of them.
    pub(crate) async fn until<T>(
        &self,
        trace_id: &[u8],
        patience: Duration,
        wanted: impl Fn(&[Told]) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            let told = self.of(trace_id);
            if let Some(found) = wanted(&told) {
                return found;
            }
            assert!(began.elapsed() < patience, "{told:#?}");
            sleep(POLL).await;
        }
    }
}

impl Told {
    /// The text under this key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let Value::StringValue(text) = text_of(&self.span.attributes, key)? else { return None };
        Some(text)
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut kept = collector.told.lock().expect("nobody panics with it");
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        let service = match text_of(&attributes, "service.name") {
            Some(Value::StringValue(name)) => name.clone(),
            _ => String::new(),
        };
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        kept.extend(spans.map(|span| Told { service: service.clone(), span }));
    }
    StatusCode::OK
}

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let AnyValue { value } = found.value.as_ref()?;
    value.as_ref()
}
