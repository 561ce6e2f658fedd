use super::claims::Policy;
use super::keys::Keys;
use super::known::{Good, Known};
use super::{Claims, Subject};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// Tokens are a few hundred bytes; those with many claims a few thousand. Nothing longer is looked at.
const MAX_TOKEN_BYTES: usize = 8 << 10;
const MAX_KEY_ID_BYTES: usize = 256;

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("a token is required: Authorization: Bearer, or ?token=")]
    Missing,
    /// It is not a token, or lacks a claim.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is signed by another algorithm than those that the server has keys for, or by none.
    #[error("the token must be signed with {0}")]
    WrongAlgorithm(&'static str),
    /// It was not signed with our secret, or with the key that it names.
    #[error("the token's signature is wrong")]
    Signature,
    /// It was issued by somebody else.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// The issuer has published no such key.
    #[error("the token names no key that its issuer has published")]
    UnknownKey,
    /// The issuer's keys cannot be had.
    #[error("the keys that tokens are checked with cannot be fetched")]
    NoKeys,
    /// The token could not be signed.
    #[error("cannot sign: {0}")]
    Signing(String),
}

/// The algorithms of tokens (RFC 7518 3.1, RFC 8037 3.1), by the names of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    fn theirs(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    policy: Policy,
    secret: Option<DecodingKey>,
    keys: Option<Keys>,
    known: Known,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.accepted())
    }
}

impl Verifier {
    /// A verifier of HMAC with SHA-256 by a secret, and of signatures by published keys. What a token's header says
    /// chooses among keys; with which algorithm a key is used is the key's own (RFC 8725 3.1).
    #[must_use]
    pub fn new(policy: Policy, secret: Option<&[u8]>, keys: Option<Keys>) -> Self {
        Self { policy, secret: secret.map(DecodingKey::from_secret), keys, known: Known::default() }
    }

    /// One that takes HS256 by this secret and nothing else.
    #[must_use]
    pub fn hs256(secret: &[u8]) -> Self {
        Self::new(Policy::default(), Some(secret), None)
    }

    /// The published keys.
    #[must_use]
    pub fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// Who a token is of that is whole, for us and in its time.
    ///
    /// # Errors
    /// Every variant but [`Error::Signing`].
    pub async fn verify(&self, token: &str) -> Result<Subject, Error> {
        if let Some(good) = self.known.get(token) {
            let in_time = good.in_time(jsonwebtoken::get_current_timestamp(), self.policy.leeway_seconds);
            if in_time == Err(Error::Expired) {
                self.known.forget(token);
            }
            return in_time.map(|()| good.subject.clone());
        }
        if token.is_empty() {
            return Err(Error::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed("it is too long".to_owned()));
        }
        let head = head(token)?;
        let wrong = || Error::WrongAlgorithm(self.accepted());
        let algorithm = Algorithm::from_name(&head.alg).ok_or_else(wrong)?;
        let claims = match (algorithm, &self.secret, &self.keys) {
            (Algorithm::Hs256, Some(secret), _) => {
                let claims = self.decode(token, secret, algorithm)?;
                let subject = self.policy.subject(&claims)?;
                self.known.keep(token, Good::new(subject.clone(), &claims));
                return Ok(subject);
            }
            (Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa, _, Some(keys)) => {
                let key = keys.key(head.kid.as_deref(), algorithm).await?;
                self.decode(token, &key, algorithm)?
            }
            _ => return Err(wrong()),
        };
        self.policy.subject(&claims)
    }

    fn decode(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Algorithm,
    ) -> Result<Map<String, Value>, Error> {
        let mut rules = Validation::new(algorithm.theirs());
        rules.leeway = self.policy.leeway_seconds;
        rules.validate_nbf = true;
        rules.validate_aud = !self.policy.audiences.is_empty();
        let mut required = vec!["exp"];
        if !self.policy.issuers.is_empty() {
            rules.set_issuer(&self.policy.issuers);
            required.push("iss");
        }
        if rules.validate_aud {
            rules.set_audience(&self.policy.audiences);
            required.push("aud");
        }
        rules.set_required_spec_claims(&required);
        let found = jsonwebtoken::decode(token, key, &rules);
        found.map(|data| data.claims).map_err(|error| self.refusal(error.kind()))
    }

    fn refusal(&self, kind: &ErrorKind) -> Error {
        match kind {
            ErrorKind::ExpiredSignature => Error::Expired,
            ErrorKind::ImmatureSignature => Error::NotYet,
            ErrorKind::InvalidSignature => Error::Signature,
            ErrorKind::InvalidIssuer => Error::WrongIssuer,
            ErrorKind::InvalidAudience => Error::WrongAudience,
            ErrorKind::InvalidAlgorithm
            | ErrorKind::InvalidAlgorithmName
            | ErrorKind::UnsupportedAlgorithm => Error::WrongAlgorithm(self.accepted()),
            ErrorKind::MissingRequiredClaim(claim) => Error::Malformed(format!("it lacks the claim {claim}")),
            ErrorKind::InvalidClaimFormat(claim) => {
                Error::Malformed(format!("its claim {claim} is no number"))
            }
            ErrorKind::Json(reason) => Error::Malformed(reason.to_string()),
            _ => Error::Malformed("it is not a JSON Web Token".to_owned()),
        }
    }

    fn accepted(&self) -> &'static str {
        match (&self.secret, &self.keys) {
            (Some(_), None) => "HS256",
            (None, Some(_)) => "RS256, ES256 or EdDSA",
            (Some(_), Some(_)) => "HS256, RS256, ES256 or EdDSA",
            (None, None) => "a key that this service does not have",
        }
    }
}

/// What of a token's header is looked at. Keys, certificates and addresses of keys in it are not: whoever made the token
/// chose them (RFC 8725 3.10).
#[derive(Deserialize)]
struct Head {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

fn head(token: &str) -> Result<Head, Error> {
    let malformed = || Error::Malformed("it is not a JSON Web Token".to_owned());
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| malformed())?;
    let head: Head = serde_json::from_slice(&head).map_err(|_| malformed())?;
    // We know no extension (RFC 7515 4.1.11).
    if head.crit.is_some() {
        return Err(Error::Malformed("it has critical extensions".to_owned()));
    }
    // Other kinds of tokens of the same issuer are none of a bearer (RFC 8725 3.11).
    let typ = head.typ.as_deref().unwrap_or("JWT");
    let typ = typ.strip_prefix("application/").unwrap_or(typ);
    if !["JWT", "at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(typ)) {
        return Err(Error::Malformed("it is a token of another type".to_owned()));
    }
    if head.kid.as_ref().is_some_and(|id| id.len() > MAX_KEY_ID_BYTES) {
        return Err(Error::UnknownKey);
    }
    Ok(head)
}

/// A token with these claims, signed by HS256.
///
/// # Errors
/// [`Error::Signing`].
pub fn mint(secret: &[u8], claims: &Claims) -> Result<String, Error> {
    mint_under(secret, claims, &Policy::default())
}

/// The same for a service with this policy.
///
/// # Errors
/// [`Error::Signing`].
pub fn mint_under(secret: &[u8], claims: &Claims, policy: &Policy) -> Result<String, Error> {
    let header = Header::new(jsonwebtoken::Algorithm::HS256);
    let claims = claims.clone().under(policy);
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret))
        .map_err(|error| Error::Signing(error.to_string()))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
