//! One call in the gremlin's hands.

use std::time::Duration;

use edge::Problem;
use http::StatusCode;

use super::pattern::{Fault, Planned};
use super::settings::{Crash, LatencyPoint, Loss};
use super::watch::Watch;
use crate::metrics;
use crate::verdict::Failure;

/// A log nobody reads does not keep the gremlin from its work.
const LAST_WORDS_MAX: Duration = Duration::from_millis(100);

/// What is to happen to a call, before and after it is done.
pub(crate) struct Strike {
    planned: Planned,
    version: i64,
    watch: Watch,
}

impl Strike {
    pub(super) fn new(planned: Planned, version: i64, watch: Watch) -> Strike {
        Strike { planned, version, watch }
    }

    /// Before anything is done.
    pub(crate) async fn before(&self) -> Result<(), Failure> {
        let crash = match self.planned.fault {
            Some(Fault::Crash(crash)) => Some(crash),
            Some(Fault::Lose(_)) | None => None,
        };
        if self.planned.delay_point == LatencyPoint::Before || crash.is_some() {
            self.delay().await;
        }
        let Some(crash) = crash else { return Ok(()) };
        self.watch.note(self.version, |done| done.crashed += 1);
        metrics::count_chaos(match crash {
            Crash::Error500 => "crash_500",
            Crash::Error503 => "crash_503",
            Crash::Cut => "crash_cut",
            Crash::Exit => "crash_exit",
        });
        match crash {
            Crash::Error500 => Err(error_500()),
            Crash::Error503 => {
                let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "gremlin", TITLE);
                Err(problem.retry_after_s(1).into())
            }
            Crash::Cut => Err(Failure::Disconnect),
            Crash::Exit => die(),
        }
    }

    /// After it is committed, whatever came of it.
    pub(crate) async fn after(&self) -> Result<(), Failure> {
        if self.planned.delay_point == LatencyPoint::After {
            self.delay().await;
        }
        let Some(Fault::Lose(loss)) = self.planned.fault else { return Ok(()) };
        self.watch.note(self.version, |done| done.lost += 1);
        metrics::count_chaos(match loss {
            Loss::Error500 => "lost_500",
            Loss::Cut => "lost_cut",
            Loss::Exit => "lost_exit",
        });
        match loss {
            Loss::Error500 => Err(error_500()),
            Loss::Cut => Err(Failure::Disconnect),
            Loss::Exit => die(),
        }
    }

    async fn delay(&self) {
        if self.planned.delay_ms == 0 {
            return;
        }
        self.watch.note(self.version, |done| done.delayed += 1);
        metrics::count_chaos("latency");
        tokio::time::sleep(Duration::from_millis(self.planned.delay_ms)).await;
    }
}

const TITLE: &str = "the gremlin was here";

fn error_500() -> Failure {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "gremlin", TITLE).retryable().into()
}

/// At once: no destructor runs, no connection is closed in order, nothing but this one line is flushed.
fn die() -> ! {
    tracing::error!("the gremlin ends this process");
    edge::flush_logs(LAST_WORDS_MAX);
    std::process::abort()
}
