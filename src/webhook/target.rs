//! Where webhooks may go, and how they are signed.

use standardwebhooks::Webhook;
use url::Url;

/// Targets of one start.
pub const MAX_TARGETS: usize = 8;
const MAX_URL_BYTES: usize = 2048;
/// What Standard Webhooks allows for a symmetric key, in characters of base64.
const SECRET_CHARACTERS: std::ops::RangeInclusive<usize> = 32..=88;
const SECRET_PREFIX: &str = "whsec_";

/// Why a target cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a URL.
    #[error("is not a URL: {0}")]
    Url(#[from] url::ParseError),
    /// Another scheme, or no host.
    #[error("must be an http: or https: URL")]
    Scheme,
    /// Longer than any we keep.
    #[error("must be at most {MAX_URL_BYTES} bytes")]
    Long,
    /// Names and passwords in URLs end in logs.
    #[error("must not hold a user name or password")]
    Credentials,
    /// Not a key.
    #[error("must be '{SECRET_PREFIX}' and 24 to 64 bytes in base64")]
    Secret,
}

/// Checks the address of a target: once when it is given, and again before each attempt.
///
/// # Errors
/// Every way in which it cannot be one.
pub fn address(url: &str) -> Result<Url, Error> {
    if url.len() > MAX_URL_BYTES {
        return Err(Error::Long);
    }
    let url = Url::parse(url)?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Error::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Credentials);
    }
    Ok(url)
}

/// A secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
///
/// # Errors
/// [`Error::Secret`].
pub fn signer(secret: &str) -> Result<Webhook, Error> {
    let key = secret.strip_prefix(SECRET_PREFIX).ok_or(Error::Secret)?;
    if !SECRET_CHARACTERS.contains(&key.len()) {
        return Err(Error::Secret);
    }
    Webhook::new(secret).map_err(|_| Error::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_web_addresses_without_passwords() {
        assert!(address("https://app.example.org/hooks?x=1").is_ok());
        assert!(address("http://127.0.0.1:8080").is_ok());
        for (wrong, expected) in [
            ("", "is not a URL"),
            ("ftp://example.org/", "http: or https:"),
            ("file:///etc/passwd", "http: or https:"),
            ("mailto:someone@example.org", "http: or https:"),
            ("https://user:secret@example.org/", "password"),
            (&format!("https://example.org/{}", "a".repeat(MAX_URL_BYTES)), "at most"),
        ] {
            let error = address(wrong).unwrap_err().to_string();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    #[test]
    fn secrets_are_those_of_standard_webhooks() {
        assert!(signer("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").is_ok());
        for wrong in [
            "",
            "whsec_",
            "whsec_short",
            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsec_not base64 not base64 not base64",
        ] {
            assert!(signer(wrong).is_err(), "{wrong}");
        }
    }
}
