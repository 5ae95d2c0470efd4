//! `http_request_duration_seconds{service, method, route, status}`, the histogram of the reference API.
//!
//! The route is the matched pattern, never the path, and unknown methods share one label, so that
//! the number of series is bounded. Handles are kept: looking one up in the recorder for every
//! request would build and hash a key of four labels each time.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::Method;
use metrics::Histogram;

/// The status under which a request counts whose client went away before the answer.
pub(crate) const CLIENT_LEFT: u16 = 499;

pub(crate) struct RequestMetrics {
    service: &'static str,
    /// By route; few entries each, so a scan beats hashing.
    handles: RwLock<HashMap<String, Vec<Known>>>,
}

struct Known {
    method: &'static str,
    status: u16,
    histogram: Histogram,
}

impl RequestMetrics {
    pub(crate) fn new(service: &'static str) -> RequestMetrics {
        RequestMetrics { service, handles: RwLock::default() }
    }

    pub(crate) fn record(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = label(method);
        {
            let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
            let mut known = handles.get(route).into_iter().flatten();
            if let Some(known) = known.find(|k| (k.method, k.status) == (method, status)) {
                known.histogram.record(took);
                return;
            }
        }
        self.register(method, route, status).record(took);
    }

    fn register(&self, method: &'static str, route: &str, status: u16) -> Histogram {
        let histogram = metrics::histogram!(
            "http_request_duration_seconds",
            "service" => self.service,
            "method" => method,
            "route" => route.to_owned(),
            "status" => status.to_string(),
        );
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        handles.entry(route.to_owned()).or_default().push(Known {
            method,
            status,
            histogram: histogram.clone(),
        });
        histogram
    }
}

fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
