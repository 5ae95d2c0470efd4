//! Services that run in this process: each can be stopped by itself, and tells when it ends unasked.

use anyhow::{Context, anyhow};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Running {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Where services tell that they ended although nobody asked them to.
#[derive(Clone)]
pub(crate) struct Ended(mpsc::Sender<anyhow::Error>);

impl Ended {
    /// The place to tell, and the place to hear it.
    pub(crate) fn new() -> (Ended, mpsc::Receiver<anyhow::Error>) {
        // whoever is first is acted on; the others do not have to wait
        let (tell, hear) = mpsc::channel(1);
        (Ended(tell), hear)
    }
}

impl Running {
    /// Starts `serve`, which ends by the token it is given.
    pub(crate) fn start<F>(
        name: &'static str,
        ended: Ended,
        serve: impl FnOnce(CancellationToken) -> F,
    ) -> Running
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(stop.clone()));
        let asked = stop.clone();
        let task = tokio::spawn(async move {
            let why = match serving.await {
                Ok(Ok(())) if asked.is_cancelled() => return,
                Ok(Ok(())) => anyhow!("it ended by itself"),
                Ok(Err(why)) => why,
                Err(panicked) => panicked.into(),
            };
            let why = Err::<(), _>(why).context(format!("the {name} failed")).expect_err("is one");
            if asked.is_cancelled() {
                tracing::error!("{}", crate::errors::describe(&why));
            } else {
                // nobody to hear it: everything is being stopped already
                let _ = ended.0.try_send(why);
            }
        });
        Running { name, stop, task }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("watching the {} panicked", self.name);
        }
        tracing::info!("{} stopped", self.name);
    }
}

#[cfg(test)]
mod tests;
