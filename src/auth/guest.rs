//! What stands for somebody who opened a link, so that they are told apart for a day, and nobody learns who they are.

use super::Error;
use aws_lc_rs::{hmac, rand};

/// A new salt of 256 random bits, in hexadecimal.
///
/// # Errors
/// [`Error::Signing`] when the system has no randomness.
pub fn new_salt() -> Result<String, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Signing("there is no randomness".to_owned()))?;
    Ok(hex::encode(bytes))
}

/// HMAC with SHA-256 of these texts, each with its length, half of it in hexadecimal. Without the salt it leads nowhere.
#[must_use]
pub fn hash_of_guest(salt: &str, texts: &[&str]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()));
    for text in texts {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    hex::encode(context.sign().as_ref().iter().take(16).copied().collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_the_same_with_one_salt_only() {
        let (one, two) = (new_salt().unwrap(), new_salt().unwrap());
        assert_eq!((one.len(), one == two), (64, false));
        let texts = ["share", "192.0.2.7", "Player"];
        assert_eq!(hash_of_guest(&one, &texts), hash_of_guest(&one, &texts));
        assert_eq!(hash_of_guest(&one, &texts).len(), 32);
        assert_ne!(hash_of_guest(&one, &texts), hash_of_guest(&two, &texts));
        assert_ne!(hash_of_guest(&one, &["ab", "c"]), hash_of_guest(&one, &["a", "bc"]));
    }
}
