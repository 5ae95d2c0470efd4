//! The inventory service: reservations, stock, gremlin.
