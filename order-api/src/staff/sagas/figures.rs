//! GET /api/sagas/stats and /api/sagas/groups: made at most once a second, whoever asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use edge::Problem;
use schema_orders::inspection::{count_states, list_groups};

use super::groups::{GroupAnswer, GroupsAnswer};
use super::stats::StatsAnswer;
use crate::OrderApi;

pub(crate) async fn stats(
    State(api): State<Arc<OrderApi>>,
) -> Result<Json<Arc<StatsAnswer>>, Problem> {
    let measured = async || {
        let counts = api.staff_reads.run(|connection| Box::pin(count_states(connection)));
        Ok(Arc::new(StatsAnswer::from(counts.await?)))
    };
    api.stats.get_or_try_make(measured).await.map(Json)
}

pub(crate) async fn groups(
    State(api): State<Arc<OrderApi>>,
) -> Result<Json<Arc<GroupsAnswer>>, Problem> {
    let grouped = async || {
        let groups = api.staff_reads.run(|connection| Box::pin(list_groups(connection))).await?;
        let items = groups.into_iter().map(GroupAnswer::from).collect();
        Ok(Arc::new(GroupsAnswer { items, next_cursor: None }))
    };
    api.groups.get_or_try_make(grouped).await.map(Json)
}
