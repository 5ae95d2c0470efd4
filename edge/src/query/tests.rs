use axum::extract::Request;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    item_id: Option<String>,
}

async fn read(query: &str) -> Result<Page, u16> {
    let request = Request::builder().uri(format!("/orders?{query}")).body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    let read = StrictQuery::<Page>::from_request_parts(&mut parts, &()).await;
    read.map(|StrictQuery(page)| page).map_err(|problem| problem.status().as_u16())
}

#[tokio::test]
async fn refuses_what_it_does_not_know_twice_or_cannot_read() {
    let page = Page { limit: Some(5), item_id: Some("a b".into()) };
    assert_eq!(read("limit=5&item_id=a%20b").await, Ok(page));
    for bad in ["limit=x", "limit=-1", "limit=1&limit=2", "color=red"] {
        assert_eq!(read(bad).await, Err(400), "{bad}");
    }
    for unstorable in ["item_id=%00", "item_id=a%1Fb", "item_id=%7f"] {
        assert_eq!(read(unstorable).await, Err(422), "{unstorable}");
    }
}
