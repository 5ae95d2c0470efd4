//! Failpoints of what goes to the database: they fail as a lost connection does.

use failpoints::{Moment, Site};

/// Passes this point.
pub(crate) async fn strike(site: Site, moment: Moment) -> Result<(), sqlx::Error> {
    failpoints::strike(site, moment).await.map_err(|struck| sqlx::Error::Io(struck.into()))
}
