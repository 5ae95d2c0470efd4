//! The console's pages without a browser: who may, what they may do, and what a form comes to.

use axum::body::Body;
use edge::Caller;
use http::{Method, Request, StatusCode};
use order_api::router;

use super::world::{Answer, World, request, send};

fn form(path: &str, origin: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::post(path)
        .header("host", "localhost:3001")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(Caller::Own);
    request
}

async fn post(world: &World, path: &str, body: &str) -> Answer {
    send(&router(&world.api), form(path, Some("http://localhost:3001"), body)).await
}

#[tokio::test]
async fn every_screen_is_a_page_without_anything_from_elsewhere() {
    let world = World::new().await;
    let id = world.order("console-1").await;
    let paths =
        ["", "/orders", "/orders?view=attention", "/orders?view=failed", "/health", "/chaos"];
    let further = ["/stock", "/new", "/simulations", "/audit", &format!("/orders/{id}")];
    for path in paths.iter().chain(&further) {
        let page = world.get(&format!("/console{path}")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
        let text = page.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("src=\"http") && !text.contains("href=\"http"), "{path}");
        assert!(
            !text.contains("<style") && !text.contains(" style="),
            "{path}: the policy forbids it"
        );
    }
}

#[tokio::test]
async fn a_form_from_another_page_is_refused() {
    let world = World::new().await;
    let id = world.order("console-2").await;
    let path = format!("/console/orders/{id}/actions");
    for origin in [None, Some("http://elsewhere.example"), Some("null")] {
        let answer = send(&router(&world.api), form(&path, origin, "type=note&reason=x")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
        assert!(answer.text.contains("<h1>"), "it is a page");
    }
}

#[tokio::test]
async fn an_action_redirects_and_a_conflict_stays_on_the_page() {
    let world = World::new().await;
    let id = world.order("console-3").await;
    let path = format!("/console/orders/{id}/actions");
    let noted = post(&world, &path, "type=note&reason=%3Cb%3Ecalled%3C%2Fb%3E").await;
    assert_eq!(noted.status, StatusCode::SEE_OTHER);
    assert_eq!(noted.header("location"), Some(format!("/console/orders/{id}?done=note").as_str()));
    let page = world.get(&format!("/console/orders/{id}")).await;
    assert!(
        !page.text.contains("<b>called") && page.text.contains("b&#62;called"),
        "{}",
        page.text
    );

    let stale = post(&world, &path, "type=cancel&reason=late&version=99").await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert!(stale.text.contains("id=\"said-cancel\"") && stale.text.contains("value=\"late\""));
    let nameless = post(&world, &path, "type=cancel&reason=&version=1").await;
    assert_eq!(nameless.status, StatusCode::BAD_REQUEST);
    assert!(nameless.text.contains("Nothing was done"));
    let cancelled = post(&world, &path, "type=cancel&reason=now&version=1").await;
    assert_eq!(cancelled.status, StatusCode::SEE_OTHER, "{cancelled:?}");
}

#[tokio::test]
async fn the_audit_gets_the_name_that_was_chosen() {
    let world = World::new().await;
    let id = world.order("console-4").await;
    let chosen =
        post(&world, "/console/me", "actor=J%C3%BCrgen&back=%2F%2Felsewhere.example").await;
    assert_eq!(chosen.header("location"), Some("/console"), "never elsewhere");
    let cookie = chosen.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let path = format!("/console/orders/{id}/actions");
    let mut note = form(&path, Some("http://localhost:3001"), "type=note&reason=mine");
    note.headers_mut().insert("cookie", cookie.parse().unwrap());
    assert_eq!(send(&router(&world.api), note).await.status, StatusCode::SEE_OTHER);
    assert!(world.get("/console/audit").await.text.contains("Jürgen"));
}

#[tokio::test]
async fn an_id_in_the_search_box_leads_to_its_order_and_nonsense_to_a_page() {
    let world = World::new().await;
    let id = world.order("console-5").await;
    let found = world.get(&format!("/console/orders?q={id}")).await;
    assert_eq!(found.header("location"), Some(format!("/console/orders/{id}").as_str()));
    assert!(world.get("/console/orders?q=console-5").await.text.contains(&id.to_string()));
    assert!(world.get("/console/orders?q=nobody").await.text.contains("No order matches"));
    for path in ["/console/orders/nonsense", "/console/orders?view=x", "/console/orders?cursor=x"] {
        let answer = send(&router(&world.api), request(Method::GET, path)).await;
        assert!(
            answer.status.is_client_error() && answer.text.contains("<h1>"),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_is_open_to_the_network_has_no_console() {
    let world = World::with(&["--order-api-listen", "0.0.0.0:3001"]).await;
    let answer = world.get("/console").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("staff cannot log in here yet"), "{answer:?}");
}
