use super::known::Known;
use crate::time::WallTime;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How far the clocks of the issuer and of this host may be apart.
const LEEWAY_SECONDS: u64 = 30;
/// Tokens are a few hundred bytes; nothing longer is looked at.
const MAX_TOKEN_BYTES: usize = 8 << 10;

/// What a bearer is in the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May watch.
    Student,
    /// May also record.
    Teacher,
    /// May do everything.
    Admin,
    /// A role that we do not know: may do nothing.
    #[serde(other)]
    Unknown,
}

impl FromStr for Role {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "student" => Ok(Self::Student),
            "teacher" => Ok(Self::Teacher),
            "admin" => Ok(Self::Admin),
            other => Err(format!("'{other}' is not student, teacher or admin")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Admin => "admin",
            Self::Unknown => "unknown",
        })
    }
}

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The application's identifier of the user.
    pub user_id: String,
    /// For people.
    #[serde(default)]
    pub email: String,
    /// What the user is.
    pub role: Role,
    /// Seconds since the Unix epoch after which the token is void (RFC 7519 4.1.4).
    pub exp: u64,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// Before this it is void (RFC 7519 4.1.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

impl Claims {
    /// Claims of a token that is issued at `now` and lives `ttl_seconds`.
    #[must_use]
    pub fn new(user_id: &str, email: &str, role: Role, now: WallTime, ttl_seconds: u64) -> Self {
        let now = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
        Self {
            user_id: user_id.to_owned(),
            email: email.to_owned(),
            role,
            exp: now.saturating_add(ttl_seconds),
            iat: Some(now),
            nbf: Some(now),
            iss: Some("tureen".to_owned()),
        }
    }
}

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
    /// It is signed by another algorithm than the server's, or by none.
    #[error("the token must be signed with HS256")]
    WrongAlgorithm,
    /// It was not signed with our secret.
    #[error("the token's signature is wrong")]
    Signature,
    /// The token could not be signed.
    #[error("cannot sign a token: {0}")]
    Signing(String),
}

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    known: Known,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(HS256)")
    }
}

impl Verifier {
    /// A verifier of HMAC with SHA-256 (RFC 7518 3.2), the only algorithm it will ever accept.
    #[must_use]
    pub fn hs256(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp"]);
        Self { key: DecodingKey::from_secret(secret), validation, known: Known::default() }
    }

    /// The claims of a token that is whole, ours and in its time.
    ///
    /// # Errors
    /// Every variant but [`Error::Signing`].
    pub fn verify(&self, token: &str) -> Result<Claims, Error> {
        if let Some(claims) = self.known.get(token) {
            let in_time = in_time(&claims, jsonwebtoken::get_current_timestamp());
            if in_time == Err(Error::Expired) {
                self.known.forget(token);
            }
            return in_time.map(|()| Claims::clone(&claims));
        }
        if token.is_empty() {
            return Err(Error::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Malformed("it is too long".to_owned()));
        }
        self.check_algorithm(token)?;
        let found = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        let claims = found.map_err(|error| refusal(error.kind()))?.claims;
        self.known.keep(token, &claims);
        Ok(claims)
    }

    /// `none` and names unknown to the library do not even parse as a header there, so that the reason would be lost.
    fn check_algorithm(&self, token: &str) -> Result<(), Error> {
        match jsonwebtoken::decode_header(token) {
            Ok(header) if self.validation.algorithms.contains(&header.alg) => Ok(()),
            Ok(_) => Err(Error::WrongAlgorithm),
            Err(error) => match error.kind() {
                ErrorKind::Json(reason) if reason.to_string().contains("unknown variant") => {
                    Err(Error::WrongAlgorithm)
                }
                kind => Err(refusal(kind)),
            },
        }
    }
}

/// What the library asks of a token that it decodes, `now` in seconds since the Unix epoch.
fn in_time(claims: &Claims, now: u64) -> Result<(), Error> {
    if claims.exp < now.saturating_sub(LEEWAY_SECONDS) {
        return Err(Error::Expired);
    }
    match claims.nbf {
        Some(nbf) if nbf > now.saturating_add(LEEWAY_SECONDS) => Err(Error::NotYet),
        _ => Ok(()),
    }
}

fn refusal(kind: &ErrorKind) -> Error {
    match kind {
        ErrorKind::ExpiredSignature => Error::Expired,
        ErrorKind::ImmatureSignature => Error::NotYet,
        ErrorKind::InvalidSignature => Error::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            Error::WrongAlgorithm
        }
        ErrorKind::MissingRequiredClaim(claim) => Error::Malformed(format!("it lacks the claim {claim}")),
        ErrorKind::Json(reason) => Error::Malformed(reason.to_string()),
        _ => Error::Malformed("it is not a JSON Web Token".to_owned()),
    }
}

/// A token with these claims, signed by HS256.
///
/// # Errors
/// [`Error::Signing`].
pub fn mint(secret: &[u8], claims: &Claims) -> Result<String, Error> {
    let header = Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret))
        .map_err(|error| Error::Signing(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const SECRET: &[u8] = b"a secret of the tests, long enough";
    const HOUR: u64 = 3600;

    fn claims() -> Claims {
        Claims::new("u1", "u1@example.org", Role::Teacher, SystemClock.wall(), HOUR)
    }

    fn verify(token: &str) -> Result<Claims, Error> {
        Verifier::hs256(SECRET).verify(token)
    }

    #[test]
    fn a_minted_token_gives_its_claims_back() {
        let claims = claims();
        assert_eq!(verify(&mint(SECRET, &claims).unwrap()), Ok(claims));
    }

    #[test]
    fn a_token_of_another_secret_is_refused() {
        assert_eq!(verify(&mint(b"another", &claims()).unwrap()), Err(Error::Signature));
    }

    #[test]
    fn time_is_checked_with_leeway() {
        let now = claims().iat.unwrap();
        let at = |exp, nbf| mint(SECRET, &Claims { exp, nbf, ..claims() }).unwrap();
        assert_eq!(verify(&at(now - 60, None)), Err(Error::Expired));
        assert!(verify(&at(now - 10, None)).is_ok());
        assert_eq!(verify(&at(now + HOUR, Some(now + 60))), Err(Error::NotYet));
        assert!(verify(&at(now + HOUR, Some(now + 10))).is_ok());
    }

    #[test]
    fn a_token_that_was_checked_before_ends_all_the_same() {
        let verifier = Verifier::hs256(SECRET);
        let token = mint(SECRET, &claims()).unwrap();
        assert_eq!(verifier.verify(&token), verifier.verify(&token));
        assert_eq!(verifier.known.len(), 1);
        let now = claims().iat.unwrap();
        // As if it had been checked in its time.
        verifier.known.keep("over", &Claims { exp: now - 60, ..claims() });
        verifier.known.keep("early", &Claims { nbf: Some(now + 60), ..claims() });
        assert_eq!(verifier.verify("early"), Err(Error::NotYet));
        assert_eq!(verifier.verify("over"), Err(Error::Expired));
        assert!(matches!(verifier.verify("over"), Err(Error::Malformed(_))), "it is forgotten");
    }

    #[test]
    fn what_is_kept_of_a_token_is_told_as_the_library_tells_it() {
        let now = jsonwebtoken::get_current_timestamp();
        for (exp, nbf) in [(HOUR, 0), (60, 0), (0, 0), (0, 60), (20, 20), (HOUR, 120), (0, 120)] {
            let claims = Claims { exp: now + exp - 60, nbf: Some(now + nbf - 60), ..claims() };
            let fresh = verify(&mint(SECRET, &claims).unwrap()).map(drop);
            assert_eq!(in_time(&claims, now), fresh, "{exp} {nbf}");
        }
    }

    #[test]
    fn bad_and_long_tokens_are_not_kept() {
        let verifier = Verifier::hs256(SECRET);
        let good = mint(SECRET, &claims()).unwrap();
        for n in 0..2000 {
            assert!(verifier.verify(&format!("{good}{n}")).is_err());
        }
        let long = Claims { email: "a".repeat(3000), ..claims() };
        assert!(verifier.verify(&mint(SECRET, &long).unwrap()).is_ok());
        assert_eq!(verifier.known.len(), 0);
        for n in 0..3000 {
            let own = Claims { user_id: n.to_string(), ..claims() };
            assert!(verifier.verify(&mint(SECRET, &own).unwrap()).is_ok());
        }
        assert!((1..=1024).contains(&verifier.known.len()), "{}", verifier.known.len());
    }

    #[test]
    fn a_token_never_chooses_its_algorithm() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(SECRET);
            let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
            assert_eq!(verify(&token), Err(Error::WrongAlgorithm));
        }
        let body = mint(SECRET, &claims()).unwrap();
        let (_, rest) = body.split_once('.').unwrap();
        // {"typ":"JWT","alg":"none"}, {"alg":"None"}, {"typ":"JWT","alg":"RS256"}
        for header in [
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0",
            "eyJhbGciOiJOb25lIn0",
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
        ] {
            assert_eq!(verify(&format!("{header}.{rest}")), Err(Error::WrongAlgorithm));
        }
        let (claims, _) = rest.split_once('.').unwrap();
        assert_eq!(
            verify(&format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{claims}.")),
            Err(Error::WrongAlgorithm)
        );
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        for text in ["x", "a.b.c", "...", "ä.ö.ü", &"a".repeat(9000)] {
            assert!(matches!(verify(text), Err(Error::Malformed(_))), "{text}");
        }
        assert_eq!(verify(""), Err(Error::Missing));
    }

    #[test]
    fn a_token_without_an_end_or_a_user_is_malformed() {
        let key = EncodingKey::from_secret(SECRET);
        for (claims, lacks) in [
            (serde_json::json!({"user_id": "u", "role": "admin"}), "exp"),
            (serde_json::json!({"role": "admin", "exp": u32::MAX}), "user_id"),
        ] {
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            let Err(Error::Malformed(reason)) = verify(&token) else { panic!("{claims} was taken") };
            assert!(reason.contains(lacks), "{reason}");
        }
    }

    #[test]
    fn a_role_we_do_not_know_is_kept_apart() {
        let key = EncodingKey::from_secret(SECRET);
        let claims = serde_json::json!({"user_id": "u", "role": "janitor", "exp": u32::MAX});
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert_eq!(verify(&token).unwrap().role, Role::Unknown);
    }
}
