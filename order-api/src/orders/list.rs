//! GET /api/orders: newest first, in pages, narrowed by filters.

use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use edge::{Caller, Problem, StrictQuery};
use http::{HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use saga::StateName;
use schema_orders::orders::OrderFilter;
use serde::{Deserialize, Serialize};

use crate::orders::order_answer::OrderAnswer;
use crate::{OrderApi, cursor, db_problem};

const LIMIT_MAX: u32 = 100;
const ITEM_ID_BYTES_MAX: usize = 400;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    status: Option<String>,
    item_id: Option<String>,
    created_after: Option<DateTime<Utc>>,
    created_before: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Page {
    items: Vec<OrderAnswer>,
    next_cursor: Option<String>,
}

pub(crate) async fn list_orders(
    State(api): State<Arc<OrderApi>>,
    StrictQuery(query): StrictQuery<ListQuery>,
    caller: Caller,
) -> Result<Response, Problem> {
    query.check()?;
    let filters = query.filters();
    // a cursor is also bound to its tenant, which the query does not name
    let bound_to = format!("{}\n{filters}", caller.tenant());
    let before = query.cursor.as_deref().map(|text| cursor::decode(text, &bound_to)).transpose()?;
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    let filter = query.into_filter(caller.tenant());
    let page = api.db.read(move |connection| {
        Box::pin(async move {
            let limit = i64::from(limit);
            schema_orders::orders::list_orders(connection, &filter, before, limit).await
        })
    });
    let page = page.await.map_err(|error| db_problem::problem_of(&error))?;
    let next_cursor = page.next_before.map(|before| cursor::encode(before, &bound_to));
    let link = next_cursor.as_deref().map(|cursor| next_link(limit, &filters, cursor));
    let items = page.orders.into_iter().map(OrderAnswer::from).collect();
    let mut response = Json(Page { items, next_cursor }).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

impl ListQuery {
    fn check(&self) -> Result<(), Problem> {
        if self.limit.is_some_and(|limit| limit == 0 || limit > LIMIT_MAX) {
            return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
        }
        if self.status.as_deref().is_some_and(|status| StateName::parse(status).is_none()) {
            let known = format!("one of {}", StateName::listed());
            return Err(Problem::invalid("status", "unknown-value", known));
        }
        if self.item_id.as_ref().is_some_and(|item| item.len() > ITEM_ID_BYTES_MAX) {
            return Err(Problem::invalid("item_id", "out-of-range", "1 to 100 characters"));
        }
        for (name, at) in
            [("created_after", self.created_after), ("created_before", self.created_before)]
        {
            // what RFC 3339 can write; chrono reads more than Postgres can hold
            if at.is_some_and(|at| !(0..=9999).contains(&at.year())) {
                return Err(Problem::invalid(name, "out-of-range", "years 0000 to 9999"));
            }
        }
        Ok(())
    }

    /// The filters in one spelling, as a query string.
    fn filters(&self) -> String {
        let rfc3339 = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let given = [
            ("status", self.status.clone()),
            ("item_id", self.item_id.clone()),
            ("created_after", self.created_after.map(rfc3339)),
            ("created_before", self.created_before.map(rfc3339)),
        ];
        let mut text = String::new();
        for (name, value) in given {
            if let Some(value) = value {
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                write!(text, "&{name}={value}").expect("writing to a string cannot fail");
            }
        }
        text
    }

    fn into_filter(self, tenant: &str) -> OrderFilter {
        OrderFilter {
            tenant: Some(tenant.to_owned()),
            state: self.status,
            item_id: self.item_id,
            created_after: self.created_after,
            created_before: self.created_before,
        }
    }
}

fn next_link(limit: u32, filters: &str, cursor: &str) -> HeaderValue {
    let link = format!("</api/orders?limit={limit}{filters}&cursor={cursor}>; rel=\"next\"");
    HeaderValue::try_from(link).expect("an encoded query is a header value")
}
