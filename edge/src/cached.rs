//! An answer that is made once for everybody who asks at about the same time.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The last answer, and the right to make the next.
pub struct Cached<T> {
    fresh: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Cached<T> {
    /// Each answer may be handed out again for so long.
    pub fn new(fresh: Duration) -> Cached<T> {
        Cached { fresh, last: Mutex::new(None) }
    }

    /// The last answer while it is fresh; else the one `make` makes, once for all who wait. A failure is kept for
    /// nobody.
    pub async fn get_or_try_make<E>(
        &self,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut last = self.last.lock().await;
        if let Some((made, answer)) = last.as_ref()
            && made.elapsed() < self.fresh
        {
            return Ok(answer.clone());
        }
        let answer = make().await?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}
