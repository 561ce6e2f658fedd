//! JSON Web Key Sets (RFC 7517), and for which one algorithm each key of theirs is (RFC 8725 3.1).

use super::token::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

/// Keys that are looked at.
const MOST_KEYS: usize = 64;
/// Base64 of the moduli that are taken: 2048 to 8192 bits.
const MODULUS_CHARS: std::ops::RangeInclusive<usize> = 340..=1368;

/// A public key that verifies by one algorithm.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that we can use; others are left out, as RFC 7517 5 wants.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Set = serde_json::from_slice(text).map_err(|error| format!("it is no key set: {error}"))?;
    Ok(set.keys.into_iter().take(MOST_KEYS).filter_map(usable).collect())
}

fn usable(key: Value) -> Option<Key> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let (algorithm, named) = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) if MODULUS_CHARS.contains(&rsa.n.len()) => {
            (Algorithm::Rs256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            (Algorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        // A secret in a public set is known to everybody.
        _ => return None,
    };
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let agrees = common.key_algorithm.is_none_or(|own| own == named);
    if !(signs && verifies && agrees) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    Some(Key { id: common.key_id.clone(), algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn algorithms(keys: Value) -> Vec<Algorithm> {
        let found = parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        found.iter().map(|key| key.algorithm).collect()
    }

    #[test]
    fn each_key_is_for_one_algorithm() {
        let rsa = json!({"kty": "RSA", "n": "A".repeat(342), "e": "AQAB"});
        let ec = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "e"});
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "use": "sig", "key_ops": ["verify"]});
        assert_eq!(algorithms(json!([rsa, ec, ed])), [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]);
    }

    #[test]
    fn what_we_cannot_or_must_not_use_is_left_out() {
        let with = |name: &str, value: Value| {
            let mut key = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
            key[name] = value;
            key
        };
        for key in [
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            json!({"kty": "RSA", "n": "A".repeat(171), "e": "AQAB"}),
            json!({"kty": "RSA", "n": "A".repeat(9999), "e": "AQAB"}),
            json!({"kty": "RSA", "n": "A".repeat(342), "e": "AQAB", "alg": "PS256"}),
            with("crv", json!("P-384")),
            with("use", json!("enc")),
            with("key_ops", json!(["sign"])),
            with("alg", json!("RS256")),
            with("alg", json!("HS256")),
            with("x", json!("=")),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            json!({"kty": "new"}),
            json!("text"),
        ] {
            assert!(algorithms(json!([key])).is_empty(), "{key}");
        }
    }

    #[test]
    fn what_is_no_set_is_told() {
        for text in ["", "[]", "{}", "{\"keys\": 1}", "<html>"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<Value> =
            (0..1000).map(|_| json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})).collect();
        assert_eq!(algorithms(Value::Array(many)).len(), MOST_KEYS);
    }
}
