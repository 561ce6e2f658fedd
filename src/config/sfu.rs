//! Which SFUs may be recorded from, and how many recordings at a time.

use super::Error;
use crate::reach::{Reach, Rule};
use crate::recorder::MOST_RUNNING;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use url::Url;

/// What a service on loopback may reach without a list.
const DEVELOPMENT: [&str; 2] = ["127.0.0.0/8", "::1"];

/// The SFUs.
#[derive(Clone, Debug, clap::Args)]
pub struct Sfus {
    /// Hosts, addresses and networks that may be recorded from although they are not public, separated by commas:
    /// `sfu.internal`, `10.0.0.5:4443`, `10.0.0.0/8`, `[fd00::1]:4443` [default: none, or loopback without JWT_SECRET]
    #[arg(long, env = "SFU_ALLOW", value_delimiter = ',')]
    sfu_allow: Vec<String>,
    /// File of certificates in PEM that are trusted besides the system's
    #[arg(long, env = "SFU_CA")]
    sfu_ca: Option<OsString>,
    /// SFU service that recordings without a source are made from (mode http)
    #[arg(long, env = "MEDIASOUP_URL", hide_env_values = true)]
    mediasoup_url: Option<String>,
    /// Most recordings at one time [default: 256]
    #[arg(long, env = "MAX_RECORDINGS")]
    max_recordings: Option<String>,
}

impl Sfus {
    /// What may be connected to. In development this machine may.
    ///
    /// # Errors
    /// [`Error::Allow`], [`Error::Mediasoup`], [`Error::Certificates`], [`Error::Reach`].
    pub fn reach(&self, development: bool) -> Result<Reach, Error> {
        let given: Vec<&str> =
            self.sfu_allow.iter().map(|entry| entry.trim()).filter(|e| !e.is_empty()).collect();
        let unasked = if development { &DEVELOPMENT[..] } else { &[] };
        let rules = given.iter().chain(unasked).map(|entry| entry.parse());
        let mut reach = Reach::public_and("SFU_ALLOW", rules.collect::<Result<Vec<Rule>, _>>()?);
        if let Some(url) = self.mediasoup()? {
            reach = reach.and_host_of(&url);
        }
        trusting(reach, self.sfu_ca.as_ref())
    }

    /// The SFU service of recordings without a source.
    ///
    /// # Errors
    /// [`Error::Mediasoup`].
    pub fn mediasoup(&self) -> Result<Option<Url>, Error> {
        let Some(text) = self.mediasoup_url.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let wrong = |reason: String| Error::Mediasoup(reason);
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("it is not an http: or https: URL".to_owned()));
        }
        Ok(Some(url))
    }

    /// Most recordings at one time.
    ///
    /// # Errors
    /// [`Error::MaxRecordings`].
    pub fn most(&self) -> Result<usize, Error> {
        let Some(text) = self.max_recordings.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(MOST_RUNNING);
        };
        text.parse().ok().filter(|most| *most > 0).ok_or_else(|| Error::MaxRecordings(text.to_owned()))
    }
}

/// With the certificates in a file, if one is given. An empty name is none, which is why it is no `PathBuf` for clap.
///
/// # Errors
/// [`Error::Certificates`], [`Error::Reach`].
pub fn trusting(reach: Reach, file: Option<&OsString>) -> Result<Reach, Error> {
    let Some(path) = file.filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(reach) };
    match fs::read(&path) {
        Ok(pem) => Ok(reach.and_authorities(&pem)?),
        Err(source) => Err(Error::Certificates { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sfus(allow: &[&str]) -> Sfus {
        Sfus {
            sfu_allow: allow.iter().map(|entry| (*entry).to_owned()).collect(),
            sfu_ca: Some(OsString::new()),
            mediasoup_url: Some(String::new()),
            max_recordings: Some(String::new()),
        }
    }

    async fn may(reach: &Reach, url: &str) -> bool {
        reach.resolve(&url.parse().unwrap()).await.is_ok()
    }

    #[tokio::test]
    async fn this_machine_is_reached_in_development_or_when_listed() {
        let nothing = sfus(&[""]);
        assert!(may(&nothing.reach(true).unwrap(), "ws://127.0.0.1:4443/").await);
        assert!(may(&nothing.reach(true).unwrap(), "ws://[::1]:4443/").await);
        assert!(!may(&nothing.reach(false).unwrap(), "ws://127.0.0.1:4443/").await);
        let listed = sfus(&["10.0.0.0/8", " 127.0.0.1 "]).reach(false).unwrap();
        assert!(may(&listed, "ws://127.0.0.1:4443/").await && may(&listed, "ws://10.1.1.1/").await);
        assert!(matches!(sfus(&["10.0.0.0/64"]).reach(false), Err(Error::Allow(_))));
    }

    #[tokio::test]
    async fn the_configured_service_needs_no_list() {
        let own = Sfus { mediasoup_url: Some("http://127.0.0.1:3000".to_owned()), ..sfus(&[]) };
        assert!(may(&own.reach(false).unwrap(), "http://127.0.0.1:3000/").await);
        assert!(!may(&own.reach(false).unwrap(), "http://127.0.0.1:3001/").await);
        for wrong in ["ws://sfu/", "sfu:3000", "http:"] {
            let own = Sfus { mediasoup_url: Some(wrong.to_owned()), ..sfus(&[]) };
            assert!(matches!(own.reach(false), Err(Error::Mediasoup(_))), "{wrong}");
        }
    }

    #[test]
    fn certificates_and_limits_are_checked_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let with = |path: &PathBuf| Sfus { sfu_ca: Some(path.clone().into()), ..sfus(&[]) }.reach(false);
        assert!(matches!(with(&path), Err(Error::Certificates { .. })));
        fs::write(&path, "nothing").unwrap();
        assert!(matches!(with(&path), Err(Error::Reach(_))));
        let most = |text: &str| Sfus { max_recordings: Some(text.to_owned()), ..sfus(&[]) }.most();
        assert_eq!((most("").unwrap(), most("3").unwrap()), (MOST_RUNNING, 3));
        for wrong in ["0", "-1", "many"] {
            assert!(matches!(most(wrong), Err(Error::MaxRecordings(_))), "{wrong}");
        }
    }
}
