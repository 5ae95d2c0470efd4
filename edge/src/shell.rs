//! What happens around every request: trace id, limit, metrics, security headers, panics.
//!
//! One layer instead of a stack: each further axum layer costs boxed clones per request. The
//! future is written by hand for the same reason. Start at [`wrap`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::request_metrics::{CLIENT_LEFT, RequestMetrics};
use crate::{Caller, Problem, RateLimit, Span, SpanKind, TraceContext};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a service wants around its requests.
#[derive(Clone)]
pub struct Shell(Arc<Inner>);

struct Inner {
    service: &'static str,
    metrics: RequestMetrics,
    limit: Option<RateLimit>,
}

impl Shell {
    /// `service` is the metrics label: `order-api`, `inventory-api`, `relay`.
    pub fn new(service: &'static str) -> Shell {
        Shell::with(service, None)
    }

    /// The same with a limit per caller.
    pub fn limited(service: &'static str, limit: RateLimit) -> Shell {
        Shell::with(service, Some(limit))
    }

    fn with(service: &'static str, limit: Option<RateLimit>) -> Shell {
        Shell(Arc::new(Inner { service, metrics: RequestMetrics::new(service), limit }))
    }
}

/// Puts the shell around every route, and problems in place of axum's empty 404 and 405.
pub fn wrap(router: Router, shell: Shell) -> Router {
    router
        .fallback(async || Problem::not_found("no such path"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this path does not know that method",
            )
        })
        .layer(shell)
}

impl<S> Layer<S> for Shell {
    type Service = Shelled<S>;

    fn layer(&self, inner: S) -> Shelled<S> {
        Shelled { inner, shell: self.clone() }
    }
}

/// A route inside the shell.
#[derive(Clone)]
pub struct Shelled<S> {
    inner: S,
    shell: Shell,
}

impl<S> Service<Request> for Shelled<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ShellFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> ShellFuture<S::Future> {
        let context = TraceContext::from_headers(request.headers());
        let seen = Seen {
            shell: self.shell.clone(),
            context,
            started: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
        };
        let verdict =
            self.shell.0.limit.as_ref().and_then(|limit| {
                limit.check(&Caller::of(request.extensions()), request.uri().path())
            });
        let (work, limit_headers) = match verdict {
            Some(Err(problem)) => {
                let refusal = context.enter(|| problem.into_response());
                (Work::Refused { response: Some(refusal) }, None)
            }
            Some(Ok(headers)) => (Work::Run { inner: self.inner.call(request) }, Some(headers)),
            None => (Work::Run { inner: self.inner.call(request) }, None),
        };
        ShellFuture { work, limit_headers, seen: Some(seen) }
    }
}

/// What is known of a request before it is answered.
struct Seen {
    shell: Shell,
    context: TraceContext,
    started: Instant,
    method: Method,
    route: Option<MatchedPath>,
}

impl Seen {
    fn record(&self, status: u16) {
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let took = self.started.elapsed();
        self.shell.0.metrics.record(&self.method, route, status, took);
        if !is_probe(route)
            && let Some(span) = Span::of(self.context, self.shell.0.service, SpanKind::Server)
        {
            self.tell(span, route, status).end(took);
        }
    }

    /// Names and attributes: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
    fn tell(&self, span: Span, route: &str, status: u16) -> Span {
        let span = span
            .named(format!("{} {route}", self.method))
            .with("http.request.method", self.method.to_string())
            .with("http.route", route.to_owned())
            .with("http.response.status_code", i64::from(status));
        if status >= 500 { span.failed(status.to_string()) } else { span }
    }
}

pin_project! {
    /// The answer being made.
    pub struct ShellFuture<F> {
        #[pin]
        work: Work<F>,
        limit_headers: Option<[(HeaderName, HeaderValue); 2]>,
        // taken when the answer is there; still here at drop: the client has left
        seen: Option<Seen>,
    }

    impl<F> PinnedDrop for ShellFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(seen) = this.project().seen.take() {
                seen.record(CLIENT_LEFT);
            }
        }
    }
}

pin_project! {
    #[project = WorkProjection]
    enum Work<F> {
        Run { #[pin] inner: F },
        Refused { response: Option<Response> },
    }
}

impl<F, E> Future for ShellFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let context = this.seen.as_ref().expect("not polled after it was ready").context;
        let mut response = match this.work.project() {
            WorkProjection::Run { inner } => ready!(context.enter(|| poll_catching(inner, cx)))?,
            WorkProjection::Refused { response } => response.take().expect("polled once"),
        };
        let headers = response.headers_mut();
        add_standard_headers(headers, context);
        for (name, value) in this.limit_headers.take().into_iter().flatten() {
            headers.insert(name, value);
        }
        let seen = this.seen.take().expect("taken only here");
        seen.record(response.status().as_u16());
        Poll::Ready(Ok(response))
    }
}

/// Those who ask all the time whether we are well would fill every trace with it.
fn is_probe(route: &str) -> bool {
    route == "/metrics" || route.starts_with("/health")
}

/// A handler that panics answers 500 instead of cutting the connection.
fn poll_catching<F, E>(inner: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Result<Response, E>>
where
    F: Future<Output = Result<Response, E>>,
{
    catch_unwind(AssertUnwindSafe(|| inner.poll(cx))).unwrap_or_else(|_| {
        let trace_id = TraceContext::current().map(|context| context.trace_id_hex());
        tracing::error!(trace_id, "a request handler panicked");
        Poll::Ready(Ok(Problem::internal().into_response()))
    })
}

/// A page may bring its own policy and caching; everything else gets the strictest.
fn add_standard_headers(headers: &mut HeaderMap, context: TraceContext) {
    const STRICTEST: [(HeaderName, HeaderValue); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    headers.reserve(STRICTEST.len() + 3);
    for (name, value) in STRICTEST {
        headers.entry(name).or_insert(value);
    }
    let id = HeaderValue::try_from(context.trace_id_hex()).expect("hex digits are a header value");
    headers.insert(REQUEST_ID, id);
}

#[cfg(test)]
mod tests;
