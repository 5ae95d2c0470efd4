//! What both databases share: pool, transaction helper, SQLSTATE policy, start-up checks, batcher.
