//! An answer that is made once for everybody who asks at about the same time.

use std::time::{Duration, Instant};

use edge::Problem;
use tokio::sync::Mutex;

/// How long it may be handed out again.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and the right to make the next.
pub(crate) struct Recent<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent(Mutex::new(None))
    }
}

impl<T: Clone> Recent<T> {
    /// The last answer while it is fresh; else the one `make` makes, once for all who wait.
    pub(crate) async fn get_or_make<F>(&self, make: impl FnOnce() -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let mut last = self.0.lock().await;
        if let Some((made, answer)) = last.as_ref()
            && made.elapsed() < FRESH
        {
            return Ok(answer.clone());
        }
        let answer = make().await?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}
