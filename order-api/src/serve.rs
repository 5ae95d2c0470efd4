//! The service, from its configuration to a socket.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{Deps, OrderApi};
use crate::config::Config;
use crate::routes::router;

/// Serves on `listener` until `stop`, drains, and ends its tasks.
pub async fn serve(config: Config, deps: Deps, listener: TcpListener, stop: CancellationToken) {
    let serve_config = config.serve_config();
    let api = OrderApi::start(config, deps);
    // a stream would outlast any drain
    let end_streams = async {
        stop.cancelled().await;
        api.streams.close();
        api.console.close();
    };
    let serving = edge::serve(listener, router(&api), serve_config, stop.clone());
    tokio::join!(serving, end_streams);
    // only now: requests that drained were still waiting for their orders
    api.stop.cancel();
    api.tasks.wait().await;
}
