//! Capabilities: short texts that say 'whoever has this may do so much with this recording until then'. They stand in
//! addresses of players, which can send no header, and in the hands of people who opened a link.
//!
//! They are no JSON Web Tokens and begin otherwise, so that neither can ever be taken for the other (RFC 8725 3.12), and
//! they are sealed (HMAC with SHA-256) by a key that is derived from the secret for nothing else (HKDF, RFC 5869). One
//! that a user had signed names that user, one of a link names the share: whether those still may is asked each time, so
//! a capability never outlives what it came from.

use super::subject::{Bound, Kind, Purpose, Subject};
use super::{Error, Role};
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use crate::time::WallTime;
use aws_lc_rs::{digest, hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A JSON Web Token begins with the Base64 of a brace, which is never this.
const PREFIX: &str = "tc1.";
const MAX_BYTES: usize = 4096;
const SALT: &[u8] = b"tureen";
const INFO: &[&[u8]] = &[b"capability v1"];

/// Seals and opens capabilities. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(hmac::Key);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// What is sealed, by short names because it stands in every address of a playlist.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "r")]
    recording: RecordingId,
    #[serde(rename = "l")]
    level: Level,
    /// Microseconds since the Unix epoch.
    #[serde(rename = "e")]
    expires_at: i64,
    #[serde(rename = "w")]
    whose: Whose,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    download: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum Whose {
    #[serde(rename = "u")]
    User(String, Role),
    #[serde(rename = "s")]
    Share(ShareId),
}

impl Sealer {
    /// With a key that is derived from a secret.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn derived(secret: &[u8]) -> Result<Self, Error> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let expanded = extracted.expand(INFO, hmac::HMAC_SHA256);
        expanded.map(|key| Self(key.into())).map_err(|_| Error::Signing("no key can be derived".to_owned()))
    }

    /// What a user may hand on of a recording: at most what the user still may when it is used.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn of_user(&self, user: &Subject, bound: Bound, expires_at: WallTime) -> Result<String, Error> {
        self.seal(Whose::User(user.user_id.to_string(), user.role), bound, expires_at)
    }

    /// What somebody has who opened a share.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn of_share(&self, share: ShareId, bound: Bound, expires_at: WallTime) -> Result<String, Error> {
        self.seal(Whose::Share(share), bound, expires_at)
    }

    fn seal(&self, whose: Whose, bound: Bound, expires_at: WallTime) -> Result<String, Error> {
        let download = match bound.purpose {
            Purpose::Playback => None,
            Purpose::Download(digest) => Some(URL_SAFE_NO_PAD.encode(digest)),
        };
        let (recording, level) = (bound.recording, bound.level);
        let body = Body { recording, level, expires_at: expires_at.0, whose, download };
        let body = serde_json::to_vec(&body).map_err(|error| Error::Signing(error.to_string()))?;
        let mut text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(body));
        let seal = hmac::sign(&self.0, text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(seal, &mut text);
        Ok(text)
    }

    /// Who asks with a capability, which is void from its end on, to the microsecond: its clock is ours.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Signature`], [`Error::Expired`].
    pub fn open(&self, text: &str, now: WallTime) -> Result<Subject, Error> {
        let malformed = || Error::Malformed("it is no capability".to_owned());
        if text.len() > MAX_BYTES {
            return Err(malformed());
        }
        let (sealed, seal) = text.rsplit_once('.').ok_or_else(malformed)?;
        let body = sealed.strip_prefix(PREFIX).ok_or_else(malformed)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).map_err(|_| malformed())?;
        // Compares in constant time.
        hmac::verify(&self.0, sealed.as_bytes(), &seal).map_err(|_| Error::Signature)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| malformed())?;
        let body: Body = serde_json::from_slice(&body).map_err(|_| malformed())?;
        let expires_at = WallTime(body.expires_at);
        if now >= expires_at {
            return Err(Error::Expired);
        }
        let purpose = match body.download {
            None => Purpose::Playback,
            Some(digest) => {
                let digest = URL_SAFE_NO_PAD.decode(digest).map_err(|_| malformed())?;
                Purpose::Download(digest.try_into().map_err(|_| malformed())?)
            }
        };
        let bound = Some(Bound { recording: body.recording, level: body.level, purpose });
        Ok(match body.whose {
            Whose::User(user, role) => {
                Subject { user_id: user.into(), role, kind: Kind::SignedUrl, share: None, bound, expires_at }
            }
            Whose::Share(share) => Subject {
                user_id: "".into(),
                role: Role::Unknown,
                kind: Kind::Link,
                share: Some(share),
                bound,
                expires_at,
            },
        })
    }
}

/// Whether a text wants to be a capability, and not a token.
#[must_use]
pub fn is_capability(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// What the arguments of a download are bound by: each with its length, so that none can pass for another.
#[must_use]
pub fn digest_of(arguments: &[&str]) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    for argument in arguments {
        context.update(&(argument.len() as u64).to_be_bytes());
        context.update(argument.as_bytes());
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Claims, Verifier, mint};
    use crate::clock::{Clock, SystemClock};

    const SECRET: &[u8] = b"a secret of the tests, long enough";
    const NOW: WallTime = WallTime(1_800_000_000_000_000);

    fn sealer() -> Sealer {
        Sealer::derived(SECRET).unwrap()
    }

    fn bound(purpose: Purpose) -> Bound {
        Bound { recording: RecordingId::new(), level: Level::Download, purpose }
    }

    fn user() -> Subject {
        Subject::of_token("u1", Role::Student, NOW)
    }

    #[test]
    fn what_was_sealed_is_opened_until_its_end() {
        for purpose in [Purpose::Playback, Purpose::Download(digest_of(&["a"]))] {
            let bound = bound(purpose);
            let text = sealer().of_user(&user(), bound, NOW.plus(1)).unwrap();
            let found = sealer().open(&text, NOW).unwrap();
            assert_eq!((&*found.user_id, found.role, found.kind), ("u1", Role::Student, Kind::SignedUrl));
            assert_eq!((found.bound, found.expires_at), (Some(bound), NOW.plus(1)));
            assert_eq!(sealer().open(&text, NOW.plus(1)), Err(Error::Expired));
        }
        let share = ShareId::new();
        let text = sealer().of_share(share, bound(Purpose::Playback), NOW.plus(1)).unwrap();
        let found = sealer().open(&text, NOW).unwrap();
        assert_eq!((found.kind, found.share, found.role), (Kind::Link, Some(share), Role::Unknown));
    }

    #[test]
    fn a_changed_character_anywhere_breaks_the_seal() {
        let text = sealer().of_user(&user(), bound(Purpose::Playback), NOW.plus(1)).unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(sealer().open(&changed, NOW).is_err(), "{at}: {changed}");
        }
        let other = Sealer::derived(b"another secret, also long enough").unwrap();
        assert_eq!(other.open(&text, NOW), Err(Error::Signature));
        for text in ["", "tc1.", "tc1..", "tc1.x.y", &"tc1.".repeat(9999), &text[..text.len() - 1]] {
            assert!(sealer().open(text, NOW).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn neither_a_token_nor_a_capability_passes_for_the_other() {
        let now = SystemClock.wall();
        let capability = sealer().of_user(&user(), bound(Purpose::Playback), now.plus(60_000_000)).unwrap();
        assert!(is_capability(&capability));
        assert!(matches!(Verifier::hs256(SECRET).verify(&capability).await, Err(Error::Malformed(_))));
        let claims = Claims::new("u1", "", Role::Admin, now, 60);
        let token = mint(SECRET, &claims).unwrap();
        assert!(!is_capability(&token));
        assert!(sealer().open(&token, now).is_err());
        assert!(sealer().open(&format!("{PREFIX}{token}"), now).is_err());
        // A token that is signed with the key of capabilities, if somebody had it, would be none of a capability.
        let (sealed, _) = token.rsplit_once('.').unwrap();
        let seal = URL_SAFE_NO_PAD.encode(hmac::sign(&sealer().0, sealed.as_bytes()));
        assert!(sealer().open(&format!("{sealed}.{seal}"), now).is_err());
    }

    #[test]
    fn arguments_are_bound_with_their_places() {
        assert_ne!(digest_of(&["ab", "c"]), digest_of(&["a", "bc"]));
        assert_ne!(digest_of(&["a", ""]), digest_of(&["", "a"]));
        assert_eq!(digest_of(&["a"]), digest_of(&["a"]));
    }
}
