//! What a database error means for the client. The one mapping of this service.

use edge::{FailureLog, Problem, TraceContext};
use http::StatusCode;
use schema_pg::{Class, DbError, classify};

const RETRY_AFTER_S: u64 = 1;
pub(crate) const RETRY_SLOWLY_AFTER_S: u64 = 5;

static SILENT: FailureLog = FailureLog::new("the database does not answer requests just now");
static UNABLE: FailureLog =
    FailureLog::alarm("the database cannot do its work, and somebody has to look");

/// For a request that failed at the database: logged here, a fault of the database once for all requests.
pub(crate) fn problem_of(error: &DbError) -> Problem {
    match classify(error) {
        Class::Retry | Class::DropConnection => {
            SILENT.failed(error);
            unavailable(RETRY_AFTER_S)
        }
        Class::RetryAlarm => {
            UNABLE.failed(error);
            unavailable(RETRY_SLOWLY_AFTER_S)
        }
        Class::BadInput => unstorable(),
        Class::Conflict | Class::Bug => {
            let trace_id = TraceContext::current().map(|context| context.trace_id_hex());
            tracing::error!(%error, trace_id, "a query failed");
            Problem::internal()
        }
    }
}

pub(crate) fn unavailable(retry_after_s: u64) -> Problem {
    Problem::unavailable("the database does not answer; try again", retry_after_s)
}

pub(crate) fn unstorable() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-text", "this text cannot be stored")
}
