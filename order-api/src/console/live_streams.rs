//! The pages that are told when to look.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Streams at the same time; further pages poll.
const STREAMS_MAX: usize = 64;

/// The streams that are open. They end when the service begins to stop, or its drain would wait for them.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) places: Arc<Semaphore>,
    pub(super) closing: CancellationToken,
}

impl Default for Streams {
    fn default() -> Streams {
        let places = Arc::new(Semaphore::new(STREAMS_MAX));
        Streams { places, closing: CancellationToken::new() }
    }
}
