//! The inventory database: migrations and one file of queries per table.
