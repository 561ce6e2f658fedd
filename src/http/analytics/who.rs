//! Who watches, as far as it is kept.

use super::super::error::Problem;
use super::super::extract::Bearer;
use super::super::limits::address;
use super::views::Views;
use crate::auth::hash_of_guest;
use crate::catalog::Watcher;
use crate::time::WallTime;
use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

/// Longest name of a program that is looked at.
const AGENT_BYTES: usize = 512;
const DAY: i64 = 86_400_000_000;

/// What a request says of the program that sent it.
#[derive(Clone, Debug)]
pub(in crate::http) struct Client {
    address: String,
    agent: String,
    /// It asks not to be tracked: `DNT: 1` (Tracking Preference Expression 5.2), `Sec-GPC: 1` (Global Privacy Control 3).
    untracked: bool,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let agent = parts.headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let says = |name: &str| parts.headers.get(name).is_some_and(|value| value.as_bytes() == b"1");
        Ok(Self {
            address: address(&parts.extensions).to_canonical().to_string(),
            agent: agent.map(|agent| agent.chars().take(AGENT_BYTES).collect()).unwrap_or_default(),
            untracked: says("dnt") || says("sec-gpc"),
        })
    }
}

impl Client {
    /// What it runs on. Of its name nothing else is kept.
    pub(super) fn device(&self) -> &'static str {
        let has = |words: &[&str]| words.iter().any(|word| self.agent.contains(word));
        if has(&[
            "SmartTV", "Smart-TV", "SMART-TV", "Tizen", "Web0S", "AppleTV", "Apple TV", "BRAVIA", "CrKey",
        ]) {
            "tv"
        } else if has(&["iPad", "Tablet"]) || (has(&["Android"]) && !has(&["Mobile"])) {
            "tablet"
        } else if has(&["iPhone", "Mobile", "iPod"]) {
            "phone"
        } else if has(&["Windows NT", "Macintosh", "X11", "CrOS"]) {
            "computer"
        } else {
            "other"
        }
    }
}

/// Who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) watcher: Watcher,
    /// Who they were yesterday, so that a session goes on at midnight.
    pub(super) yesterday: Option<Watcher>,
}

impl Who {
    /// All that they are known as.
    pub(super) fn all(self) -> Vec<Watcher> {
        let known = [Some(self.watcher), self.yesterday].into_iter().flatten();
        known.filter(|watcher| *watcher != Watcher::Untracked).collect()
    }
}

impl Views {
    /// Whoever asks: a user by their identifier, who opened a link by a hash that is salted anew every day; nobody who
    /// asks not to be tracked.
    pub(super) async fn who(&self, bearer: &Bearer, client: &Client, now: WallTime) -> Result<Who, Problem> {
        let subject = &bearer.subject;
        if client.untracked {
            return Ok(Who { watcher: Watcher::Untracked, yesterday: None });
        }
        if !subject.user_id.is_empty() {
            return Ok(Who { watcher: Watcher::User(subject.user_id.to_string()), yesterday: None });
        }
        let share = subject.share.map(|share| share.to_string()).unwrap_or_default();
        let salts = self.salts(now.0.div_euclid(DAY)).await?;
        let of = |salt: &str| Watcher::Guest(hash_of_guest(salt, &[&share, &client.address, &client.agent]));
        Ok(Who { watcher: of(&salts.today), yesterday: salts.yesterday.as_deref().map(of) })
    }
}

/// What a session is called whose client has no name for it: all of a day is one. No client can call one so.
pub(super) fn session_of_day(now: WallTime) -> String {
    format!("@{}", now.0.div_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_by_their_programs() {
        for (agent, device) in [
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "computer"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", "phone"),
            ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) Mobile/15E148", "tablet"),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "phone"),
            ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Safari/537.36", "tablet"),
            ("Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0)", "tv"),
            ("curl/8.0", "other"),
            ("", "other"),
        ] {
            let client = Client { address: String::new(), agent: agent.to_owned(), untracked: false };
            assert_eq!(client.device(), device, "{agent}");
        }
    }
}
