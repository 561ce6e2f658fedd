//! Tokens and what their bearers may do.
//!
//! Tokens come from the application: JSON Web Tokens (RFC 7519) under one algorithm that the server fixes. The `alg`
//! of a token's header never chooses how it is checked (RFC 8725 3.1, 3.2). [`permit()`] is a pure function of facts
//! that were loaded before.

mod known;
mod permit;
mod token;

pub use permit::{Action, Denied, permit};
pub use token::{Claims, Error, Role, Verifier, mint};
