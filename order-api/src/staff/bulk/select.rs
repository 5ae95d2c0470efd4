//! Which sagas are meant: all that match, or none. A part of what was seen is never acted on.

use chrono::{DateTime, Utc};
use edge::Problem;
use http::StatusCode;
use schema_orders::inspection::{SagaPage, SagaRow, find_among};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::OrderApi;
use crate::staff::sagas::SagaQuery;

/// Sagas of one bulk action.
pub(crate) const ITEMS_MAX: usize = 10_000;
/// Sagas that are looked at to find them.
const SCAN_MAX: usize = 50_000;
/// Sagas that are named one by one.
const IDS_MAX: usize = 1_000;

/// A filter, or sagas by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<SagaQuery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<Vec<Uuid>>,
}

/// What matches.
pub(crate) struct Selected {
    pub(crate) sagas: Vec<SagaRow>,
    pub(crate) as_of: DateTime<Utc>,
}

impl Selection {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match (&self.filter, &self.ids) {
            (None, None) => Err(Problem::invalid("/filter", "missing-field", "or ids")),
            (None, Some(ids)) if ids.is_empty() || ids.len() > IDS_MAX => {
                let detail = format!("1 to {IDS_MAX}");
                Err(Problem::invalid("/ids", "out-of-range", detail))
            }
            (None, Some(_)) => Ok(()),
            (Some(filter), _) => filter.check(),
        }
    }

    /// Everything that matches and has not moved after `as_of`; now, where that is not said.
    pub(crate) async fn resolve(
        &self,
        api: &OrderApi,
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Selected, Problem> {
        let Selection { filter, ids } = self.clone();
        let found = api.staff_reads.run(move |connection| {
            Box::pin(async move {
                let now = schema_orders::consistency::now(&mut *connection).await?;
                let as_of = as_of.unwrap_or(now);
                let mut filter = filter.unwrap_or_default().resolve(&mut *connection).await?;
                filter.ids = match (filter.ids, ids) {
                    (Some(found), Some(named)) => {
                        Some(named.into_iter().filter(|id| found.contains(id)).collect())
                    }
                    (found, named) => named.or(found),
                };
                filter.unmoved_since = Some(as_of);
                let most = ITEMS_MAX + 1;
                let page = find_among(connection, &filter, None, most, SCAN_MAX).await?;
                Ok((page, as_of))
            })
        });
        let (SagaPage { sagas, next_before }, as_of) = found.await?;
        if next_before.is_some() {
            let title = "too many sagas to act on at once";
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "selection-too-large",
                title,
            )
            .with_detail(format!("narrow the filter to at most {ITEMS_MAX}")));
        }
        Ok(Selected { sagas, as_of })
    }
}
