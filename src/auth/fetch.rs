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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::Rule;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers one request so, and tells where.
    async fn answering(head: &str, body: Vec<u8>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap()).parse().unwrap();
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        });
        url
    }

    async fn fetched(head: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        Published::new(answering(head, body).await, Reach::anywhere()).fetch().await
    }

    #[tokio::test]
    async fn a_set_comes_by_http() {
        assert_eq!(fetched("200 OK", b"{\"keys\":[]}".to_vec()).await.unwrap(), b"{\"keys\":[]}");
    }

    #[tokio::test]
    async fn what_is_no_answer_of_ours_is_refused() {
        for (head, expected) in [
            ("404 Not Found", "404"),
            ("302 Found\r\nLocation: http://127.0.0.1:1/", "302"),
            ("nonsense", ""),
        ] {
            let error = fetched(head, Vec::new()).await.unwrap_err();
            assert!(error.contains(expected), "{head}: {error}");
        }
        let large = fetched("200 OK", vec![b' '; MAX_BYTES + 1]).await.unwrap_err();
        assert!(large.contains("more than"), "{large}");
    }

    #[tokio::test]
    async fn it_is_reached_only_where_the_operator_said() {
        let url = answering("200 OK", Vec::new()).await;
        let nowhere = Reach::public_and("SFU_ALLOW", Vec::<Rule>::new());
        assert!(Published::new(url.clone(), nowhere.clone()).fetch().await.is_err());
        assert!(Published::new(url.clone(), nowhere.and_host_of(&url)).fetch().await.is_ok());
    }
}
