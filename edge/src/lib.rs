//! What every HTTP face shares: accept loop, problem+json, limits, health, request metrics.
