//! Commits that Postgres answers with a warning: they are not known to be committed.
//!
//! A commit waits until a synchronous standby has it. Where somebody cancels that wait (`pg_cancel_backend`), Postgres
//! answers success and sends a warning beside it: the commit is on this server, and lost if another one takes over
//! (<https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION-HA>). Its words are in the server's
//! language and its code is not handed on, so any warning while a commit is under way counts; an ordinary commit has
//! none.
//!
//! The driver hands warnings on as events of `tracing` only, from within the poll that reads them. So a layer counts
//! them per thread, and whoever polls a commit looks whether the count has changed.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{BoxFuture, poll_fn};
use sqlx::PgConnection;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::classify::commit_error;

const NOTICES: &str = "sqlx::postgres::notice";

thread_local! {
    static WARNINGS: Cell<u64> = const { Cell::new(0) };
}

/// What a process's logging must contain, whatever it logs: without it, warnings are not heard.
pub fn watch_commits<S>() -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    Watch.with_filter(Targets::new().with_target(NOTICES, Level::WARN))
}

struct Watch;

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        WARNINGS.set(WARNINGS.get() + 1);
    }
}

/// What comes of `work`, and whether the server warned meanwhile.
pub(crate) async fn heed<T>(work: impl Future<Output = T>) -> (T, bool) {
    let mut work = pin!(work);
    let mut is_warned = false;
    poll_fn(move |context| {
        let before = WARNINGS.get();
        let polled = work.as_mut().poll(context);
        is_warned |= WARNINGS.get() != before;
        match polled {
            Poll::Ready(value) => Poll::Ready((value, is_warned)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The error of a commit that was answered with a warning.
pub(crate) fn warned() -> sqlx::Error {
    let why = "Postgres warned of this commit: its wait for a standby was cancelled, or a pooler took it away";
    commit_error(sqlx::Error::Io(io::Error::other(why)))
}

/// `work`, which is one statement that commits by itself, and is unknown where the server warned.
pub(crate) fn heeding<T, E, F>(
    work: F,
) -> impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static
where
    F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    move |connection| {
        Box::pin(async move {
            match heed(work(connection)).await {
                (Ok(_), true) => Err(warned().into()),
                (ended, _) => ended,
            }
        })
    }
}

/// Waits until whatever was committed before is on a synchronous standby, where the server has one: a commit waits for
/// all that came before it. Without one, nothing is done.
///
/// # Errors
/// It is not known to be there.
pub async fn await_standby(connection: &mut PgConnection) -> sqlx::Result<()> {
    let waits = sqlx::query(
        "select pg_logical_emit_message(true, 'valerix', '')
         where current_setting('synchronous_standby_names') <> ''",
    );
    match heed(waits.execute(connection)).await {
        (Ok(_), false) => Ok(()),
        (Ok(_), true) => Err(warned()),
        (Err(error), _) => Err(error),
    }
}
