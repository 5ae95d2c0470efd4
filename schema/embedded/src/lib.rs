//! A real Postgres as a child process: found or provided, unprivileged, durable, stopped with its parent.
