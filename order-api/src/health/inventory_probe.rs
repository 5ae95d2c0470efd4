//! Asks inventory whether it is ready, for `/health/deep`.

use std::time::Duration;

use reqwest::redirect::Policy;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct InventoryProbe {
    client: reqwest::Client,
    url: String,
}

impl InventoryProbe {
    /// `base` is what `INVENTORY_SERVICE_URL` says. Redirects and proxies are off, as in the relay.
    pub(crate) fn new(base: &str) -> InventoryProbe {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS or cookies needs nothing that can be missing");
        InventoryProbe { client, url: format!("{}/health/ready", base.trim_end_matches('/')) }
    }

    /// `Err` is for people: it names no address.
    pub(crate) async fn ask(&self) -> Result<(), String> {
        match self.client.get(&self.url).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("inventory answers {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => {
                Err(format!("inventory has not answered within {} s", TIMEOUT.as_secs()))
            }
            Err(_) => Err("inventory cannot be reached".to_owned()),
        }
    }
}
