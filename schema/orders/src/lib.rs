//! The orders database: migrations and one file of queries per table.
