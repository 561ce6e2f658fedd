//! The key that signs heads (Ed25519, RFC 8032).
//!
//! It is given by the configuration, or made at the first start and kept in the folder of recordings for its owner only.
//! Its public half lies beside it: keep a copy elsewhere.

use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Length of a seed and of a public key in bytes.
const SEED: usize = 32;
/// The seed, in hexadecimal.
const FILE: &str = ".key";
/// The public key, in hexadecimal.
const PUBLIC_FILE: &str = "key.pub";

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not what a key looks like.
    #[error("a key is 64 hexadecimal digits")]
    Malformed,
    /// Its file cannot be read or made.
    #[error("cannot read or make the key {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Signs.
#[derive(Clone)]
pub struct Key(Arc<Ed25519KeyPair>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(of {})", self.public())
    }
}

impl Key {
    /// The key of a seed of 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        Ok(Self(Arc::new(pair)))
    }

    /// The key that is kept in a folder, made there when there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn kept(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(FILE);
        let failed = |source| KeyError::File { path: path.clone(), source };
        let key: Self = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(folder, &path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        fs::write(folder.join(PUBLIC_FILE), format!("{}\n", key.public())).map_err(failed)?;
        Ok(key)
    }

    /// What others check signatures by.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut key = [0; SEED];
        let bytes = self.0.public_key().as_ref();
        if bytes.len() == SEED {
            key.copy_from_slice(bytes);
        }
        PublicKey(key)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// A key of these digits is a seed.
impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut seed = [0; SEED];
        hex::decode_to_slice(text, &mut seed).map_err(|_| KeyError::Malformed)?;
        Self::from_seed(&seed)
    }
}

fn make(folder: &Path, path: &Path) -> io::Result<Key> {
    fs::create_dir_all(folder)?;
    let mut seed = [0; SEED];
    rand::fill(&mut seed).map_err(|_| io::Error::other("there is no randomness"))?;
    // Whole or not there: a key that was cut off would end every later start.
    let mut file = tempfile_in(folder)?;
    file.1.write_all(hex::encode(seed).as_bytes()).and_then(|()| file.1.sync_all())?;
    let made = fs::hard_link(&file.0, path);
    fs::remove_file(&file.0)?;
    match made {
        Ok(()) => fs::File::open(folder)?.sync_all()?,
        // Another process made one at the same moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let kept = fs::read_to_string(path)?;
    kept.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn tempfile_in(folder: &Path) -> io::Result<(PathBuf, fs::File)> {
    let path = folder.join(format!("{FILE}.{}", uuid::Uuid::new_v4().simple()));
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

/// Checks signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; SEED]);

impl PublicKey {
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut key = [0; SEED];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|_| KeyError::Malformed)?;
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("audit");
        let key = Key::kept(&within).unwrap();
        assert_eq!(Key::kept(&within).unwrap().public(), key.public());
        let mode = fs::metadata(within.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public: PublicKey = fs::read_to_string(within.join(PUBLIC_FILE)).unwrap().parse().unwrap();
        assert_eq!(public, key.public());
        let left: Vec<_> = fs::read_dir(&within).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64)] {
            assert!(text.parse::<Key>().is_err() && text.parse::<PublicKey>().is_err(), "{text}");
        }
        // RFC 8032 7.1, test 1.
        let key: Key = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(key.public().to_string(), public);
    }
}
