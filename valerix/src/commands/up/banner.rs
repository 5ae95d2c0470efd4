//! What somebody sees who has just started it: where everything is, and one line to try it with.

use std::env;
use std::path::Path;

use super::endpoints::Endpoints;

pub(crate) fn text(endpoints: &Endpoints) -> String {
    let Endpoints { order_api, inventory_api, relay, directory } = endpoints;
    let data = match directory {
        Some(directory) => format!("the embedded Postgres, in {}", shortened(directory)),
        None => "the databases that were given".to_owned(),
    };
    format!(
        "
Valerix is running. Ctrl-C stops it; orders stay in {data}.

  console    {order_api}/console
  orders     {order_api}/api/orders
  stock      {inventory_api}/api/inventory
  health     {order_api}/health/deep
  metrics    {order_api}/metrics
  relay      {relay}/health

Place an order. Send the same line again: it is the same order, and stock goes down once.

  curl -i {order_api}/api/orders -H 'Idempotency-Key: my-first-order' -H 'Content-Type: application/json' -d '{{\"item_id\":\"ps5\",\"quantity\":2}}'

"
    )
}

/// Relative to where we are, if it is below.
fn shortened(directory: &Path) -> String {
    let here = env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    directory.strip_prefix(here).unwrap_or(directory).display().to_string()
}
