//! Keys and clocks of tests.

use super::keys::Source;
use super::{Claims, Role};
use crate::clock::{Clock, SystemClock};
use crate::time::{Moment, WallTime};
use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};

/// A private key and how it is published.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    pub(crate) public: Value,
}

impl Pair {
    pub(crate) fn new(algorithm: Algorithm, id: &str) -> Self {
        let private = match algorithm {
            Algorithm::RS256 => rsa(),
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            _ => {
                let pair = Ed25519KeyPair::generate().unwrap();
                EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
        };
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&private, algorithm).unwrap()).unwrap();
        public["kid"] = json!(id);
        Self { algorithm, private, public }
    }

    pub(crate) fn sign(&self, id: &str, claims: &Value) -> String {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

/// Made once: it takes a while.
fn rsa() -> EncodingKey {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    let der = MADE.get_or_init(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        // PKCS #8 (RFC 5208 5) holds the key of RFC 8017 A.1.2 behind 26 bytes of version, algorithm and lengths.
        der.as_ref()[26..].to_vec()
    });
    EncodingKey::from_rsa_der(der)
}

/// A teacher's, for ten minutes.
pub(crate) fn claims() -> Value {
    let claims = Claims::new("u1", "u1@example.org", Role::Teacher, SystemClock.wall(), 600);
    serde_json::to_value(claims).unwrap()
}

/// What an issuer publishes; `None` while it does not answer.
#[derive(Clone, Default)]
pub(crate) struct Issuer {
    pub(crate) published: Arc<Mutex<Option<Vec<Value>>>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Issuer {
    pub(crate) fn publishing(keys: &[&Pair]) -> Self {
        let issuer = Self::default();
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn publish(&self, keys: &[&Pair]) {
        *self.published.lock().unwrap() = Some(keys.iter().map(|key| key.public.clone()).collect());
    }

    pub(crate) fn go_down(&self) {
        *self.published.lock().unwrap() = None;
    }
}

#[async_trait]
impl Source for Issuer {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, SeqCst);
        let keys = self.published.lock().unwrap().clone().ok_or("it is down")?;
        Ok(json!({ "keys": keys }).to_string().into_bytes())
    }
}

/// Stands still until it is moved.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<AtomicI64>);

impl Watch {
    pub(crate) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, SeqCst);
    }
}

impl Clock for Watch {
    fn now(&self) -> Moment {
        Moment(self.0.load(SeqCst))
    }

    fn wall(&self) -> WallTime {
        WallTime(self.0.load(SeqCst))
    }
}
