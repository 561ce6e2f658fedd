//! A key set by HTTP, from an address that the operator has configured.

use super::keys::Source;
use crate::reach::{Reach, chain};
use async_trait::async_trait;
use std::time::Duration;
use url::Url;

/// A set has some hundred bytes for each key.
const MAX_BYTES: usize = 256 << 10;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where an issuer publishes its keys.
pub struct Published {
    url: Url,
    reach: Reach,
}

impl Published {
    /// At this URL. Redirects are not followed, proxies not asked.
    #[must_use]
    pub fn new(url: Url, reach: Reach) -> Self {
        Self { url, reach }
    }

    async fn get(&self) -> Result<Vec<u8>, String> {
        let site = self.reach.resolve(&self.url).await.map_err(|error| error.to_string())?;
        let client = site.client().map_err(|error| error.to_string())?;
        let mut answer = client.get(self.url.clone()).send().await.map_err(|error| chain(&error))?;
        if !answer.status().is_success() {
            return Err(format!("it was answered with {}", answer.status()));
        }
        let mut text = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(|error| chain(&error))? {
            if text.len() + bytes.len() > MAX_BYTES {
                return Err(format!("it has more than {MAX_BYTES} bytes"));
            }
            text.extend_from_slice(&bytes);
        }
        Ok(text)
    }
}

#[async_trait]
impl Source for Published {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let got = tokio::time::timeout(TIMEOUT, self.get()).await;
        got.map_err(|_| "no answer in time".to_owned())?
    }
}
