//! GET /api/sagas: newest order first, in pages, narrowed by filters.
//!
//! A page looks at a bounded number of sagas. A rare filter therefore gets pages that are not full, or
//! empty ones with a cursor: "nothing among the newest few hundred, go on?"

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use http::{HeaderValue, header};
use schema_orders::inspection::{Counted, SagaPage, find_among, find_sagas};
use serde::{Deserialize, Serialize};

use super::SagaAnswer;
use super::query::SagaQuery;
use crate::{OrderApi, cursor};

const LIMIT_MAX: u32 = 100;
/// Matches that are counted when a count is asked for …
const TOTAL_MAX: usize = 1_000;
/// … among so many sagas.
const TOTAL_SCAN_MAX: usize = 2_000;

/// The filters of [`SagaQuery`], a page, and whether to count.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    count: Option<bool>,
    state: Option<String>,
    reason: Option<String>,
    in_doubt: Option<bool>,
    stuck: Option<bool>,
    error: Option<String>,
    item_id: Option<String>,
    min_attempts: Option<u32>,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
    q: Option<String>,
}

/// Which page, and whether all that match are counted.
pub(crate) struct Asked {
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
    pub(crate) wants_total: bool,
}

#[derive(Serialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<SagaAnswer>,
    pub(crate) next_cursor: Option<String>,
    /// What a bulk action on this list refers to.
    pub(crate) as_of: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<Total>,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) struct Total {
    pub(crate) count: usize,
    pub(crate) counted: Counted,
}

pub(crate) async fn list_sagas(
    State(api): State<Arc<OrderApi>>,
    StrictQuery(query): StrictQuery<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
    }
    let (cursor, wants_total) = (query.cursor.clone(), query.count == Some(true));
    let wanted = query.into_filters();
    let filters = wanted.canonical();
    let asked = Asked { limit, cursor, wants_total };
    let page = find_page(&api, wanted, asked).await?;
    let link = page.next_cursor.as_deref().map(|cursor| next_link(limit, &filters, cursor));
    let mut response = Json(page).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// One page of what is `wanted`, also for the console.
pub(crate) async fn find_page(
    api: &OrderApi,
    wanted: SagaQuery,
    asked: Asked,
) -> Result<Page, Problem> {
    wanted.check()?;
    let Asked { limit, cursor, wants_total } = asked;
    let filters = wanted.canonical();
    let bound_to = format!("sagas\n{filters}");
    let before = cursor.as_deref().map(|text| cursor::decode(text, &bound_to)).transpose()?;
    let read = api.staff_reads.run(move |connection| {
        Box::pin(async move {
            let as_of = schema_orders::consistency::now(&mut *connection).await?;
            let filter = wanted.resolve(&mut *connection).await?;
            let page = find_sagas(&mut *connection, &filter, before, limit as usize).await?;
            let total = if wants_total {
                let most = TOTAL_MAX + 1;
                Some(find_among(connection, &filter, None, most, TOTAL_SCAN_MAX).await?)
            } else {
                None
            };
            Ok((as_of, page, total))
        })
    });
    let (as_of, page, total) = read.await?;
    let next_cursor = page.next_before.map(|before| cursor::encode(before, &bound_to));
    let items = page.sagas.into_iter().map(SagaAnswer::from).collect();
    let total = total.map(|page| Total::of(&page));
    Ok(Page { items, next_cursor, as_of, total })
}

impl ListQuery {
    fn into_filters(self) -> SagaQuery {
        SagaQuery {
            state: self.state,
            reason: self.reason,
            in_doubt: self.in_doubt,
            stuck: self.stuck,
            error: self.error,
            item_id: self.item_id,
            min_attempts: self.min_attempts,
            created_after: self.created_after,
            created_before: self.created_before,
            q: self.q,
        }
    }
}

impl Total {
    fn of(page: &SagaPage) -> Total {
        let is_all = page.next_before.is_none();
        let counted = if is_all { Counted::Exact } else { Counted::AtLeast };
        Total { count: page.sagas.len().min(TOTAL_MAX), counted }
    }
}

fn next_link(limit: u32, filters: &str, cursor: &str) -> HeaderValue {
    let link = format!("</api/sagas?limit={limit}{filters}&cursor={cursor}>; rel=\"next\"");
    HeaderValue::try_from(link).expect("an encoded query is a header value")
}
