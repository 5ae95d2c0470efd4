//! Asks a relay for its gate: briefly, and believing neither its size nor its shape.

use std::time::Duration;

use reqwest::redirect::Policy;
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(1);
const BYTES_MAX: usize = 64 * 1024;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct GateProbe {
    client: reqwest::Client,
}

impl Default for GateProbe {
    fn default() -> GateProbe {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS or cookies needs nothing that can be missing");
        GateProbe { client }
    }
}

impl GateProbe {
    /// `base` is what the relay has registered. `None`: no answer, or none that can be read.
    pub(crate) async fn ask(&self, base: &str) -> Option<Value> {
        let url = format!("{}/api/gate", base.trim_end_matches('/'));
        let mut answer = self.client.get(url).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            if body.len() + chunk.len() > BYTES_MAX {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).ok()
    }
}
