//! Secrets of share links.

use super::Error;
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt::Write;

/// Characters of a link's secret: 256 bits in Base64.
const CHARS: usize = 43;

/// A new secret of 256 random bits. It is told once and not kept.
///
/// # Errors
/// [`Error::Signing`] when the system has no randomness.
pub fn new_link() -> Result<String, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Signing("there is no randomness".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a secret, and by which it is found: its SHA-256 in hexadecimal. Finding by an equal hash tells nothing by its
/// time of how much of a guess was right. `None` for what never was a secret of ours.
#[must_use]
pub fn hash_of_link(secret: &str) -> Option<String> {
    if secret.len() != CHARS {
        return None;
    }
    let mut text = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, secret.as_bytes()).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_differ_and_their_hashes_do() {
        let (one, two) = (new_link().unwrap(), new_link().unwrap());
        assert_eq!(one.len(), CHARS);
        assert_eq!(URL_SAFE_NO_PAD.decode(&one).unwrap().len(), 32);
        assert_ne!(one, two);
        assert_ne!(hash_of_link(&one), hash_of_link(&two));
        assert_eq!(hash_of_link(&one).unwrap().len(), 64);
        for wrong in ["", "x", &one[1..], &format!("{one}x")] {
            assert_eq!(hash_of_link(wrong), None);
        }
        // Of 43 letters a, by coreutils' sha256sum.
        let known = "66d34fba71f8f450f7e45598853e53bfc23bbd129027cbb131a2f4ffd7878cd0";
        assert_eq!(hash_of_link(&"a".repeat(CHARS)).as_deref(), Some(known));
    }
}
