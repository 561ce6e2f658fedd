//! Rows about recordings. Only this module knows SQL.
