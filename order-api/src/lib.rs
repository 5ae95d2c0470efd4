//! The order service: REST, saga inspection, console.
