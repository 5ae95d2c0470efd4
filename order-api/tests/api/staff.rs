//! The door of the staff routes.

use http::Method;
use order_api::router;

use crate::world::{World, request, send};

const STAFF: [(&str, Method); 14] = [
    ("/api/sagas", Method::GET),
    ("/api/sagas/stats", Method::GET),
    ("/api/sagas/groups", Method::GET),
    ("/api/sagas/018f0000-0000-7000-8000-000000000000", Method::GET),
    ("/api/sagas/018f0000-0000-7000-8000-000000000000/steps", Method::GET),
    ("/api/sagas/018f0000-0000-7000-8000-000000000000/actions", Method::GET),
    ("/api/sagas/018f0000-0000-7000-8000-000000000000/actions", Method::POST),
    ("/api/audit", Method::GET),
    ("/api/lookup", Method::GET),
    ("/api/relay", Method::GET),
    ("/api/breakers", Method::GET),
    ("/api/breakers/inventory/actions", Method::POST),
    ("/api/bulk-actions", Method::POST),
    ("/api/bulk-actions/018f0000-0000-7000-8000-000000000000", Method::GET),
];

#[tokio::test]
async fn nobody_gets_in_where_the_network_could() {
    let world = World::with(&["--order-api-listen=0.0.0.0:0"]).await;
    for (path, method) in STAFF {
        let answer = send(&router(&world.api), request(method, path)).await;
        assert_eq!(answer.problem(), (403, "forbidden".into()), "{path}");
    }
    assert_eq!(world.get("/api/orders").await.status, 200, "customers do");
}

#[tokio::test]
async fn a_browser_under_another_name_stays_outside() {
    let world = World::new().await;
    for (path, method) in STAFF {
        let mut asked = request(method, path);
        asked.headers_mut().insert("host", "rebound.example:3001".parse().unwrap());
        let answer = send(&router(&world.api), asked).await;
        assert_eq!(answer.problem(), (403, "forbidden".into()), "{path}");
    }
    let mut nameless = request(Method::GET, "/api/sagas");
    nameless.headers_mut().insert("valerix-actor", "a\tb".parse().unwrap());
    let answer = send(&router(&world.api), nameless).await;
    assert_eq!(answer.problem(), (400, "invalid-request".into()));
}
