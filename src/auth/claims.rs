//! What tokens say of their bearers, and by which names.

use super::{Error, Role, RoleMap, Subject};
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest identifier of a user.
const MAX_USER_BYTES: usize = 512;
/// In the claim `scope` (RFC 8693 4.2) it makes a token one of a program, whatever its role.
const SERVICE_SCOPE: &str = "tureen:service";
const SCOPE: &str = "scope";

/// What tokens must say, and by which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may have issued them; empty for anybody who has a key.
    pub issuers: Vec<String>,
    /// For whom they must be; empty for anybody.
    pub audiences: Vec<String>,
    /// How far the clocks of the issuer and of this host may be apart, in seconds.
    pub leeway_seconds: u64,
    /// The claim with the user's identifier.
    pub user_claim: String,
    /// The claim with the role, or a list of roles. Dots lead into objects: `realm_access.roles`.
    pub role_claim: String,
    /// The application's names of roles.
    pub roles: RoleMap,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway_seconds: 30,
            user_claim: "user_id".to_owned(),
            role_claim: "role".to_owned(),
            roles: RoleMap::default(),
        }
    }
}

impl Policy {
    /// Who a token is of, by claims whose signature and times were checked.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a claim is missing.
    pub(super) fn subject(&self, claims: &Map<String, Value>) -> Result<Subject, Error> {
        let lacks = |claim: &str| Error::Malformed(format!("it lacks the claim {claim}"));
        let user = match found(claims, &self.user_claim) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(lacks(&self.user_claim)),
        };
        if user.is_empty() || user.len() > MAX_USER_BYTES {
            let reason = format!("{} must have 1 to {MAX_USER_BYTES} bytes", self.user_claim);
            return Err(Error::Malformed(reason));
        }
        let role = found(claims, &self.role_claim).ok_or_else(|| lacks(&self.role_claim))?;
        let role = if of_service(claims) { Role::Service } else { self.roles.of(words(role)) };
        // The library has checked that it is a number in its time.
        let exp = claims.get("exp").and_then(Value::as_f64).ok_or_else(|| lacks("exp"))?;
        Ok(Subject::of_token(&user, role, seconds(exp)))
    }
}

/// By its whole name, which may be a URL, else by the way into objects.
fn found<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    found(claims.get(first)?.as_object()?, rest)
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}

fn of_service(claims: &Map<String, Value>) -> bool {
    let scopes = claims.get(SCOPE).into_iter().flat_map(words);
    scopes.flat_map(str::split_whitespace).any(|scope| scope == SERVICE_SCOPE)
}

#[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
fn seconds(exp: f64) -> WallTime {
    WallTime((exp * 1e6) as i64)
}

/// Claims of a token that we sign ourselves, by the names that are used without configuration.
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
    /// For whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
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
            aud: None,
        }
    }

    /// The same by the names, for the audience and from the issuer that a service with this policy wants.
    #[must_use]
    pub fn under(mut self, policy: &Policy) -> Map<String, Value> {
        self.iss = policy.issuers.first().cloned().or(self.iss);
        self.aud = policy.audiences.first().cloned();
        let mut claims = Map::new();
        if let Ok(Value::Object(own)) = serde_json::to_value(&self) {
            for (name, value) in own {
                let name = match name.as_str() {
                    "user_id" => policy.user_claim.clone(),
                    "role" => policy.role_claim.clone(),
                    _ => name,
                };
                claims.insert(name, value);
            }
        }
        claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subject(policy: &Policy, claims: Value) -> Result<Subject, Error> {
        policy.subject(claims.as_object().unwrap())
    }

    #[test]
    fn claims_are_found_by_their_configured_names() {
        let policy = Policy {
            user_claim: "sub".to_owned(),
            role_claim: "realm_access.roles".to_owned(),
            roles: RoleMap::parse(["instructor=teacher"]).unwrap(),
            ..Policy::default()
        };
        let claims = json!({"sub": 42, "realm_access": {"roles": ["guest", "instructor"]}, "exp": 2.5});
        let found = subject(&policy, claims).unwrap();
        assert_eq!(
            (&*found.user_id, found.role, found.expires_at),
            ("42", Role::Teacher, WallTime(2_500_000))
        );
        let url = Policy { role_claim: "https://example.org/role".to_owned(), ..Policy::default() };
        let claims = json!({"user_id": "u", "https://example.org/role": "admin", "exp": 1});
        assert_eq!(subject(&url, claims).unwrap().role, Role::Admin);
    }

    #[test]
    fn what_is_no_user_is_refused() {
        let policy = Policy::default();
        for claims in [
            json!({"user_id": "", "role": "admin", "exp": 1}),
            json!({"user_id": "x".repeat(513), "role": "admin", "exp": 1}),
            json!({"user_id": ["u"], "role": "admin", "exp": 1}),
            json!({"user_id": "u", "exp": 1}),
            json!({"user_id": "u", "role": "admin"}),
        ] {
            assert!(matches!(subject(&policy, claims), Err(Error::Malformed(_))));
        }
        assert_eq!(
            subject(&policy, json!({"user_id": "u", "role": {}, "exp": 1})).unwrap().role,
            Role::Unknown
        );
    }

    #[test]
    fn a_scope_narrows_a_token_to_a_programs() {
        let with = |scope: Value| json!({"user_id": "u", "role": "admin", "exp": 1, "scope": scope});
        let policy = Policy::default();
        for scope in [json!("openid tureen:service"), json!(["tureen:service"])] {
            let found = subject(&policy, with(scope)).unwrap();
            assert_eq!((found.role, found.kind), (Role::Service, super::super::Kind::Service));
        }
        assert_eq!(subject(&policy, with(json!("tureen:services"))).unwrap().role, Role::Admin);
    }

    #[test]
    fn our_own_tokens_follow_the_policy() {
        let policy = Policy {
            issuers: vec!["https://id.example.org".to_owned()],
            audiences: vec!["tureen".to_owned()],
            user_claim: "sub".to_owned(),
            ..Policy::default()
        };
        let claims = Claims::new("u", "", Role::Teacher, WallTime(5_000_000), 10).under(&policy);
        assert_eq!(
            Value::Object(claims),
            json!({"sub": "u", "email": "", "role": "teacher", "exp": 15, "iat": 5, "nbf": 5,
                   "iss": "https://id.example.org", "aud": "tureen"})
        );
    }
}
