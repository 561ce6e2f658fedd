//! Who asks, and what they may do.
//!
//! Tokens come from the application: JSON Web Tokens (RFC 7519), each checked by the one algorithm of the key that it is
//! checked with; a token's header never chooses how it is checked (RFC 8725 3.1, 3.2). [`Verifier`] makes a [`Subject`]
//! of a token. A [`capability`](Sealer) makes one too, bound to a recording, a level and an end: it stands in addresses
//! where no header can be sent. [`permit()`] is a pure function of a subject and of facts that were loaded before.
//! `docs/design/access.md` has the rules and the attacks that are tested.

mod capability;
mod claims;
mod fetch;
mod guest;
mod jwks;
mod keys;
mod known;
mod link;
mod password;
mod permit;
mod role;
mod subject;
#[cfg(test)]
mod testing;
mod token;

pub use capability::{Sealer, digest_of, is_capability};
pub use claims::{Claims, Policy};
pub use fetch::Published;
pub use guest::{hash_of_guest, new_salt};
pub use keys::{Keys, Source};
pub use link::{hash_of_link, new_link};
pub use password::{MAX_PASSWORD_BYTES, hash_of_password, is_password};
pub use permit::{Action, Denied, Facts, Given, Held, held, permit};
pub use role::{Role, RoleMap};
pub use subject::{Bound, Kind, Purpose, Slot, Subject};
pub use token::{Error, Verifier, mint, mint_under};
