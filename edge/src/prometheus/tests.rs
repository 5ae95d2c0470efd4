use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::{Shell, wrap};

async fn get_text(router: &Router, path: &str) -> String {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn shows_requests_by_matched_route_and_the_process_itself() {
    let handle = install_prometheus().unwrap();
    install_prometheus().expect("again is the same");
    let refresh = || metrics::gauge!("looked_at").set(1.0);
    let router = Router::new()
        .route("/metrics", metrics_route(handle, refresh))
        .route("/things/{id}", get(async || "thing"));
    let router = wrap(router, Shell::new("prometheus-test"));
    for id in 0..3 {
        get_text(&router, &format!("/things/{id}")).await;
    }
    get_text(&router, "/nowhere/at/all").await;
    let text = get_text(&router, "/metrics").await;
    let series = |labels: &str| {
        format!(
            "http_request_duration_seconds_count{{service=\"prometheus-test\",method=\"GET\",{labels}}}"
        )
    };
    let expected = [
        series("route=\"/things/{id}\",status=\"200\"") + " 3",
        series("route=\"unmatched\",status=\"404\"") + " 1",
        "looked_at 1".to_owned(),
        "process_resident_memory_bytes ".to_owned(),
        "process_cpu_seconds_total ".to_owned(),
        "# TYPE process_cpu_seconds_total counter".to_owned(),
    ];
    for line in expected {
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn whichever_face_is_read_all_services_of_the_process_bring_theirs_up_to_date() {
    let handle = install_prometheus().unwrap();
    let face = |name: &'static str| {
        let looked =
            move || metrics::counter!("faces_looked_at_total", "face" => name).increment(1);
        Router::new().route("/metrics", metrics_route(handle.clone(), looked))
    };
    let (one, other) = (face("one"), face("other"));
    let text = get_text(&one, "/metrics").await;
    assert!(text.contains("faces_looked_at_total{face=\"other\"} 1"), "{text}");
    drop(other);
    let text = get_text(&one, "/metrics").await;
    assert!(text.contains("faces_looked_at_total{face=\"one\"} 2"), "{text}");
    assert!(text.contains("faces_looked_at_total{face=\"other\"} 1"), "it has gone: {text}");
}
