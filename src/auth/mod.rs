//! Tokens and what their bearers may do.
