//! Which tokens are taken, and what they say.

use super::{Error, STRONG_SECRET_BYTES, Secret, Signing};
use crate::auth::{Policy, RoleMap};
use std::path::Path;
use std::time::Duration;
use url::Url;

/// The secret of signed addresses that is made when there is none to derive it from, in the folder of recordings.
const URL_SECRET: &str = ".url-secret";

/// What tokens must say, and by which names.
#[derive(Clone, Debug, clap::Args)]
pub struct Claims {
    /// Issuers whose tokens are taken, separated by commas [default: any]
    #[arg(long, env = "JWT_ISSUER", value_delimiter = ',')]
    jwt_issuer: Vec<String>,
    /// Audiences for which tokens are taken, separated by commas [default: any]
    #[arg(long, env = "JWT_AUDIENCE", value_delimiter = ',')]
    jwt_audience: Vec<String>,
    /// Seconds that the clocks of the issuer and of this host may be apart
    #[arg(long, env = "JWT_LEEWAY", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=300))]
    jwt_leeway: u64,
    /// Claim with the user's identifier; dots lead into objects
    #[arg(long, env = "JWT_USER_CLAIM", default_value = "user_id")]
    jwt_user_claim: String,
    /// Claim with the role, or a list of roles; dots lead into objects
    #[arg(long, env = "JWT_ROLE_CLAIM", default_value = "role")]
    jwt_role_claim: String,
    /// What the application's roles are here, separated by commas: `instructor=teacher,guest=none`
    #[arg(long, env = "ROLE_MAP", value_delimiter = ',')]
    role_map: Vec<String>,
}

impl Claims {
    /// The same as the verifier wants it.
    ///
    /// # Errors
    /// [`Error::RoleMap`].
    pub fn policy(&self) -> Result<Policy, Error> {
        let named = |claim: &str, default: &str| if claim.is_empty() { default } else { claim }.to_owned();
        Ok(Policy {
            issuers: given(&self.jwt_issuer).map(str::to_owned).collect(),
            audiences: given(&self.jwt_audience).map(str::to_owned).collect(),
            leeway_seconds: self.jwt_leeway,
            user_claim: named(&self.jwt_user_claim, "user_id"),
            role_claim: named(&self.jwt_role_claim, "role"),
            roles: RoleMap::parse(given(&self.role_map)).map_err(Error::RoleMap)?,
        })
    }
}

fn given(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// What tokens are checked with.
#[derive(Clone, clap::Args)]
pub struct Tokens {
    #[command(flatten)]
    signing: Signing,
    /// Where the issuer publishes its keys (RS256, ES256, EdDSA)
    #[arg(long, env = "JWT_JWKS_URL")]
    jwt_jwks_url: Option<String>,
    /// Seconds that published keys serve on while they cannot be fetched again
    #[arg(long, env = "JWT_JWKS_STALE", default_value_t = 3600)]
    jwt_jwks_stale: u64,
    /// Secret of signed addresses and opened links, at least 32 bytes [default: derived from JWT_SECRET, or made]
    #[arg(long, env = "URL_SECRET", hide_env_values = true)]
    url_secret: Option<String>,
    #[command(flatten)]
    claims: Claims,
}

impl Tokens {
    /// What tokens must say.
    ///
    /// # Errors
    /// [`Error::RoleMap`].
    pub fn policy(&self) -> Result<Policy, Error> {
        self.claims.policy()
    }

    /// Where keys are published.
    ///
    /// # Errors
    /// [`Error::Jwks`]. A name in plain text is taken only of this machine: whoever answers for it makes tokens.
    pub fn jwks(&self) -> Result<Option<Url>, Error> {
        let Some(text) = self.jwt_jwks_url.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let url = Url::parse(text).map_err(|error| Error::Jwks(error.to_string()))?;
        let here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" if url.host().is_some() => Ok(Some(url)),
            "http" if here => Ok(Some(url)),
            _ => Err(Error::Jwks("it is no https: URL (http: only of this machine)".to_owned())),
        }
    }

    /// How long published keys serve on.
    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_secs(self.jwt_jwks_stale)
    }

    /// The secret of tokens; none when only published keys count. One that we made is for development.
    ///
    /// # Errors
    /// [`Error::Jwks`], [`Error::Secret`].
    pub fn secret(&self, folder: &Path) -> Result<Option<Secret>, Error> {
        if self.signing.given().is_none() && self.jwks()?.is_some() {
            return Ok(None);
        }
        self.signing.secret(folder).map(Some)
    }

    /// What the key of signed addresses is derived from.
    ///
    /// # Errors
    /// [`Error::UrlSecret`] when it is too short, [`Error::Secret`].
    pub fn url_secret(&self, folder: &Path, tokens: Option<&Secret>) -> Result<Vec<u8>, Error> {
        match (self.url_secret.as_deref().filter(|secret| !secret.is_empty()), tokens) {
            (Some(secret), _) if secret.len() < STRONG_SECRET_BYTES => Err(Error::UrlSecret),
            (Some(secret), _) => Ok(secret.as_bytes().to_vec()),
            (None, Some(tokens)) => Ok(tokens.bytes.clone()),
            (None, None) => super::kept_in(folder, URL_SECRET),
        }
    }
}

/// Who sees recordings, and how often anybody may ask.
#[derive(Clone, Debug, clap::Args)]
pub struct Access {
    /// Whoever was in the room may view its recording
    #[arg(long, env = "PARTICIPANTS_MAY_VIEW", default_value_t = true, action = clap::ArgAction::Set)]
    pub participants_may_view: bool,
    /// Requests of one user in a second, media excepted; 0: no limit
    #[arg(long, env = "RATE_LIMIT", default_value_t = 100)]
    pub rate_limit: u32,
    /// Origins whose pages may show the watch page in a frame, separated by commas [default: this service's own]
    #[arg(long, env = "FRAME_ANCESTORS", value_delimiter = ',')]
    frame_ancestors: Vec<String>,
}

impl Access {
    /// A source list of Content Security Policy.
    ///
    /// # Errors
    /// [`Error::Frames`] for what is no origin.
    pub fn frames(&self) -> Result<String, Error> {
        let mut sources = "'self'".to_owned();
        for origin in given(&self.frame_ancestors) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]*".contains(c);
            if !origin.chars().all(plain) {
                return Err(Error::Frames(origin.to_owned()));
            }
            sources.push(' ');
            sources.push_str(origin);
        }
        Ok(sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(set: impl FnOnce(&mut Tokens)) -> Tokens {
        let mut tokens = Tokens {
            signing: Signing { jwt_secret: None },
            jwt_jwks_url: None,
            jwt_jwks_stale: 3600,
            url_secret: None,
            claims: Claims {
                jwt_issuer: vec![String::new()],
                jwt_audience: Vec::new(),
                jwt_leeway: 30,
                jwt_user_claim: String::new(),
                jwt_role_claim: "role".to_owned(),
                role_map: vec![" instructor=teacher ".to_owned()],
            },
        };
        set(&mut tokens);
        tokens
    }

    #[test]
    fn a_policy_without_words_is_the_usual_one() {
        let policy = tokens(|_| {}).policy().unwrap();
        assert!(policy.issuers.is_empty() && policy.user_claim == "user_id");
        assert_ne!(policy.roles, RoleMap::default());
        let wrong = tokens(|own| own.claims.role_map = vec!["x=janitor".to_owned()]);
        assert!(matches!(wrong.policy(), Err(Error::RoleMap(_))));
    }

    #[test]
    fn keys_are_fetched_by_tls_or_from_this_machine() {
        let jwks = |text: &str| tokens(|own| own.jwt_jwks_url = Some(text.to_owned())).jwks();
        assert!(jwks("").unwrap().is_none());
        for good in
            ["https://id.example.org/jwks", "http://127.0.0.1:1/jwks", "http://[::1]/", "http://localhost/"]
        {
            assert!(jwks(good).unwrap().is_some(), "{good}");
        }
        for bad in ["http://id.example.org/jwks", "http://10.0.0.1/", "file:///etc/passwd", "x", "https:"] {
            assert!(matches!(jwks(bad), Err(Error::Jwks(_))), "{bad}");
        }
    }

    #[test]
    fn with_published_keys_alone_there_is_no_secret_of_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let url = Some("https://id.example.org/jwks".to_owned());
        let published = tokens(|own| own.jwt_jwks_url.clone_from(&url));
        assert!(published.secret(folder.path()).unwrap().is_none());
        let made = published.url_secret(folder.path(), None).unwrap();
        assert!(made.len() >= STRONG_SECRET_BYTES);
        assert_eq!(published.url_secret(folder.path(), None).unwrap(), made);
        let both = tokens(|own| {
            own.jwt_jwks_url.clone_from(&url);
            own.signing.jwt_secret = Some("given".to_owned());
        });
        let secret = both.secret(folder.path()).unwrap().unwrap();
        assert!(!secret.made);
        assert_eq!(both.url_secret(folder.path(), Some(&secret)).unwrap(), b"given");
        let short = tokens(|own| own.url_secret = Some("short".to_owned()));
        assert!(matches!(short.url_secret(folder.path(), None), Err(Error::UrlSecret)));
    }

    #[test]
    fn frames_are_a_list_of_origins() {
        let access = |list: &[&str]| Access {
            participants_may_view: true,
            rate_limit: 0,
            frame_ancestors: list.iter().map(|&text| text.to_owned()).collect(),
        };
        assert_eq!(access(&[""]).frames().unwrap(), "'self'");
        assert_eq!(access(&["https://a.example.org"]).frames().unwrap(), "'self' https://a.example.org");
        assert!(matches!(access(&["x; script-src *"]).frames(), Err(Error::Frames(_))));
    }
}
