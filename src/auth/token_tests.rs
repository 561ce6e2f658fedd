use super::super::testing::{Issuer, Pair, Watch, claims};
use super::super::{Role, RoleMap};
use super::*;
use jsonwebtoken::Algorithm as Theirs;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &[u8] = b"a secret of the tests, long enough";
const HOUR: u64 = 3600;

async fn verify(token: &str) -> Result<Subject, Error> {
    Verifier::hs256(SECRET).verify(token).await
}

/// A verifier of these published keys, and of no secret.
fn publishing(policy: Policy, pairs: &[&Pair]) -> Verifier {
    Verifier::new(policy, None, Some(keys(pairs)))
}

fn keys(pairs: &[&Pair]) -> Keys {
    let issuer = Issuer::publishing(pairs);
    Keys::new(Box::new(issuer), Arc::new(Watch::default()), Duration::from_secs(HOUR))
}

/// Signed by HS256 with this secret, under a header of one's own.
fn hmac(head: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(head), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let seal = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(seal))
}

fn now() -> u64 {
    claims()["iat"].as_u64().unwrap()
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn head() -> Value {
    json!({"typ": "JWT", "alg": "HS256"})
}

#[tokio::test]
async fn a_minted_token_tells_who_it_is_of() {
    let claims: Claims = serde_json::from_value(claims()).unwrap();
    let found = verify(&mint(SECRET, &claims).unwrap()).await.unwrap();
    assert_eq!((&*found.user_id, found.role), ("u1", Role::Teacher));
    assert_eq!(found.expires_at.0, i64::try_from(claims.exp).unwrap() * 1_000_000);
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused() {
    assert_eq!(verify(&hmac(&head(), &claims(), b"another")).await, Err(Error::Signature));
}

#[tokio::test]
async fn expired_and_not_yet_valid_are_told_with_leeway() {
    let at = |exp: u64, nbf: Option<u64>| {
        let mut claims = with("exp", json!(exp));
        claims.as_object_mut().unwrap().remove("nbf");
        if let Some(nbf) = nbf {
            claims["nbf"] = json!(nbf);
        }
        hmac(&head(), &claims, SECRET)
    };
    assert_eq!(verify(&at(now() - 60, None)).await, Err(Error::Expired));
    assert!(verify(&at(now() - 10, None)).await.is_ok());
    assert_eq!(verify(&at(now() + HOUR, Some(now() + 60))).await, Err(Error::NotYet));
    assert!(verify(&at(now() + HOUR, Some(now() + 10))).await.is_ok());
    let policy = Policy { leeway_seconds: 0, ..Policy::default() };
    let strict = Verifier::new(policy, Some(SECRET), None);
    assert_eq!(strict.verify(&at(now() - 10, None)).await, Err(Error::Expired));
}

#[tokio::test]
async fn algorithm_none_is_refused() {
    let token = hmac(&head(), &claims(), SECRET);
    let (_, rest) = token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    for name in ["none", "None", "NONE", "nOnE", "", "hs256", "HS512", "RS256", "dir"] {
        let head = URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": name}).to_string());
        for token in [format!("{head}.{rest}"), format!("{head}.{payload}.")] {
            assert_eq!(verify(&token).await, Err(Error::WrongAlgorithm("HS256")), "{name}");
        }
    }
    // The last of two equal members would count for some, the first for others.
    let double = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","alg":"none"}"#);
    assert!(matches!(verify(&format!("{double}.{payload}.")).await, Err(Error::Malformed(_))));
}

#[tokio::test]
async fn hmac_with_another_hash_is_refused() {
    for algorithm in [Theirs::HS384, Theirs::HS512] {
        let key = EncodingKey::from_secret(SECRET);
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
        assert_eq!(verify(&token).await, Err(Error::WrongAlgorithm("HS256")));
    }
}

#[tokio::test]
async fn each_published_algorithm_is_taken() {
    for algorithm in [Theirs::RS256, Theirs::ES256, Theirs::EdDSA] {
        let pair = Pair::new(algorithm, "k");
        let found = publishing(Policy::default(), &[&pair]).verify(&pair.sign("k", &claims())).await;
        assert_eq!(found.unwrap().role, Role::Teacher, "{algorithm:?}");
        let other = Pair::new(if algorithm == Theirs::RS256 { Theirs::ES256 } else { algorithm }, "k");
        let found = publishing(Policy::default(), &[&pair]).verify(&other.sign("k", &claims())).await;
        assert!(found.is_err(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn hmac_with_the_public_key_is_refused() {
    let pair = Pair::new(Theirs::RS256, "k");
    let modulus = pair.public["n"].as_str().unwrap().to_owned();
    let secrets = [
        pair.public.to_string().into_bytes(),
        modulus.clone().into_bytes(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        Vec::new(),
    ];
    for verifier in [
        publishing(Policy::default(), &[&pair]),
        Verifier::new(Policy::default(), Some(SECRET), Some(keys(&[&pair]))),
    ] {
        for secret in &secrets {
            for id in [Value::Null, json!("k")] {
                let head = json!({"alg": "HS256", "kid": id});
                let found = verifier.verify(&hmac(&head, &claims(), secret)).await;
                assert!(matches!(found, Err(Error::WrongAlgorithm(_) | Error::Signature)), "{found:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_used_with_its_own_algorithm_alone() {
    let (rsa, ec) = (Pair::new(Theirs::RS256, "r"), Pair::new(Theirs::ES256, "e"));
    let verifier = publishing(Policy::default(), &[&rsa, &ec]);
    assert_eq!(verifier.verify(&ec.sign("r", &claims())).await, Err(Error::UnknownKey));
    assert_eq!(verifier.verify(&rsa.sign("e", &claims())).await, Err(Error::UnknownKey));
    for algorithm in [Theirs::RS384, Theirs::PS256] {
        let header = Header { kid: Some("r".to_owned()), ..Header::new(algorithm) };
        let token = jsonwebtoken::encode(&header, &claims(), &rsa.private).unwrap();
        assert!(matches!(verifier.verify(&token).await, Err(Error::WrongAlgorithm(_))));
    }
}

#[tokio::test]
async fn an_oct_key_in_a_published_set_is_no_secret() {
    let pair = Pair::new(Theirs::ES256, "e");
    let mut oct = pair.clone();
    oct.public = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode("published"), "kid": "o"});
    let verifier = publishing(Policy::default(), &[&oct]);
    let token = hmac(&json!({"alg": "HS256", "kid": "o"}), &claims(), b"published");
    assert!(matches!(verifier.verify(&token).await, Err(Error::WrongAlgorithm(_))));
}

#[tokio::test]
async fn a_key_id_names_a_published_key_or_nothing() {
    let pair = Pair::new(Theirs::EdDSA, "k");
    let verifier = publishing(Policy::default(), &[&pair]);
    for id in ["../../../dev/null", "k' OR '1'='1", "k\0", "", "K", "http://evil/jwks", "| cat /etc/passwd"] {
        assert_eq!(verifier.verify(&pair.sign(id, &claims())).await, Err(Error::UnknownKey), "{id}");
    }
    let long = pair.sign(&"k".repeat(300), &claims());
    assert_eq!(verifier.verify(&long).await, Err(Error::UnknownKey));
    // With a secret the identifier says nothing, whatever it is.
    assert!(verify(&hmac(&json!({"alg": "HS256", "kid": "../x"}), &claims(), SECRET)).await.is_ok());
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_ignored() {
    let (ours, evil) = (Pair::new(Theirs::ES256, "k"), Pair::new(Theirs::ES256, "k"));
    let verifier = publishing(Policy::default(), &[&ours]);
    let embedded = Header {
        kid: Some("k".to_owned()),
        jwk: serde_json::from_value(evil.public.clone()).unwrap(),
        jku: Some("https://evil.example.org/jwks.json".to_owned()),
        x5u: Some("https://evil.example.org/cert.pem".to_owned()),
        x5c: Some(vec!["MIIB".to_owned()]),
        ..Header::new(Theirs::ES256)
    };
    let signed = |by: &Pair| jsonwebtoken::encode(&embedded, &claims(), &by.private).unwrap();
    assert_eq!(verifier.verify(&signed(&evil)).await, Err(Error::Signature));
    assert!(verifier.verify(&signed(&ours)).await.is_ok());
}

#[tokio::test]
async fn wrong_issuer_and_audience_are_refused() {
    let policy = Policy {
        issuers: vec!["https://id.example.org".to_owned()],
        audiences: vec!["tureen".to_owned(), "recordings".to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Some(SECRET), None);
    let of = |issuer: Value, audience: Value| {
        let mut claims = with("iss", issuer);
        claims["aud"] = audience;
        hmac(&head(), &claims, SECRET)
    };
    let good = json!("https://id.example.org");
    assert!(verifier.verify(&of(good.clone(), json!("tureen"))).await.is_ok());
    assert!(verifier.verify(&of(good.clone(), json!(["x", "recordings"]))).await.is_ok());
    for wrong in ["https://evil.example.org", "https://id.example.org/", "HTTPS://ID.EXAMPLE.ORG", ""] {
        assert_eq!(verifier.verify(&of(json!(wrong), json!("tureen"))).await, Err(Error::WrongIssuer));
    }
    for wrong in [json!("other"), json!(["other"]), json!("Tureen")] {
        assert_eq!(verifier.verify(&of(good.clone(), wrong)).await, Err(Error::WrongAudience));
    }
    for token in [
        of(Value::Null, json!("tureen")),
        of(good.clone(), Value::Null),
        of(json!({"a": 1}), json!("tureen")),
        of(good, json!(7)),
    ] {
        assert!(matches!(verifier.verify(&token).await, Err(Error::Malformed(_))));
    }
}

#[tokio::test]
async fn tokens_of_another_type_and_with_extensions_are_refused() {
    for head in [
        json!({"alg": "HS256", "typ": "secevent+jwt"}),
        json!({"alg": "HS256", "typ": "logout+jwt"}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": 1}),
        json!({"typ": "JWT"}),
        json!([]),
    ] {
        let found = verify(&hmac(&head, &claims(), SECRET)).await;
        assert!(matches!(found, Err(Error::Malformed(_))), "{head}: {found:?}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert!(verify(&hmac(&json!({"alg": "HS256", "typ": typ}), &claims(), SECRET)).await.is_ok());
    }
    assert!(verify(&hmac(&json!({"alg": "HS256"}), &claims(), SECRET)).await.is_ok());
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    for text in ["x", "a.b.c", "...", "ä.ö.ü", "a.b.c.d.e", &"a".repeat(9000)] {
        assert!(matches!(verify(text).await, Err(Error::Malformed(_))), "{text}");
    }
    assert_eq!(verify("").await, Err(Error::Missing));
}

#[tokio::test]
async fn a_token_without_an_end_or_a_user_is_malformed() {
    for (claims, lacks) in [
        (json!({"user_id": "u", "role": "admin"}), "exp"),
        (json!({"user_id": "u", "role": "admin", "exp": "soon"}), "exp"),
        (json!({"role": "admin", "exp": u32::MAX}), "user_id"),
    ] {
        let Err(Error::Malformed(reason)) = verify(&hmac(&head(), &claims, SECRET)).await else {
            panic!("{claims} was taken")
        };
        assert!(reason.contains(lacks), "{reason}");
    }
}

#[tokio::test]
async fn a_role_we_do_not_know_is_kept_apart() {
    let token = hmac(&head(), &with("role", json!("janitor")), SECRET);
    assert_eq!(verify(&token).await.unwrap().role, Role::Unknown);
    let policy = Policy { roles: RoleMap::parse(["janitor=student"]).unwrap(), ..Policy::default() };
    let mapped = Verifier::new(policy, Some(SECRET), None);
    assert_eq!(mapped.verify(&token).await.unwrap().role, Role::Student);
}

#[tokio::test]
async fn our_own_token_passes_the_policy_that_it_was_made_for() {
    let policy = Policy {
        issuers: vec!["https://id.example.org".to_owned()],
        audiences: vec!["tureen".to_owned()],
        user_claim: "sub".to_owned(),
        role_claim: "kind".to_owned(),
        ..Policy::default()
    };
    let claims: Claims = serde_json::from_value(claims()).unwrap();
    let token = mint_under(SECRET, &claims, &policy).unwrap();
    let found = Verifier::new(policy, Some(SECRET), None).verify(&token).await.unwrap();
    assert_eq!((&*found.user_id, found.role), ("u1", Role::Teacher));
}

#[tokio::test]
async fn a_good_token_is_kept_and_its_time_asked_each_time() {
    let verifier = Verifier::hs256(SECRET);
    let token = hmac(&head(), &claims(), SECRET);
    let found = verifier.verify(&token).await.unwrap();
    assert_eq!(verifier.verify(&token).await, Ok(found.clone()));
    assert_eq!(verifier.verify(&hmac(&head(), &claims(), b"another")).await, Err(Error::Signature));
    assert_eq!(verifier.known.len(), 1, "bad ones are not kept");
    // As if these had been checked in their time.
    let keep = |token: &str, claims: &Value| {
        verifier.known.keep(token, Good::new(found.clone(), claims.as_object().unwrap()));
    };
    keep("over", &with("exp", json!(now() - 60)));
    keep("early", &with("nbf", json!(now() + 60)));
    assert_eq!(verifier.verify("over").await, Err(Error::Expired));
    assert!(matches!(verifier.verify("over").await, Err(Error::Malformed(_))), "it is forgotten");
    assert_eq!(verifier.verify("early").await, Err(Error::NotYet));
}

#[tokio::test]
async fn a_token_by_a_published_key_is_not_kept() {
    let pair = Pair::new(Theirs::EdDSA, "k");
    let verifier = publishing(Policy::default(), &[&pair]);
    assert!(verifier.verify(&pair.sign("k", &claims())).await.is_ok());
    assert_eq!(verifier.known.len(), 0);
}
