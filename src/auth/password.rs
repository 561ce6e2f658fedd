//! Passwords of shares, kept as Argon2id (RFC 9106) with the parameters that the library takes by itself: 19 MiB, two
//! passes, one lane.

use super::Error;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Longest password that is looked at.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// What is kept of a password. Takes some ten milliseconds, so not on a thread that serves others.
///
/// # Errors
/// [`Error::Signing`] when the system has no randomness.
pub fn hash_of_password(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Signing(error.to_string()))
}

/// Whether a password is the one that was kept. Takes as long as keeping it.
#[must_use]
pub fn is_password(password: &str, kept: &str) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    password.len() <= MAX_PASSWORD_BYTES
        && Argon2::default().verify_password(password.as_bytes(), &kept).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_alone() {
        let kept = hash_of_password("open sesame").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !kept.contains("sesame"));
        assert!(is_password("open sesame", &kept));
        assert_ne!(kept, hash_of_password("open sesame").unwrap());
        for wrong in ["", "Open sesame", "open sesame ", &"x".repeat(2000)] {
            assert!(!is_password(wrong, &kept), "{wrong}");
        }
        assert!(!is_password("open sesame", "open sesame"));
    }
}
