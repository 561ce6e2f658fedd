//! CMCD on requests for files of tracks (CTA-5004 3): what a player says of itself with them, and nothing for those that
//! say nothing.

use super::super::App;
use super::super::error::Problem;
use super::super::extract::Bearer;
use super::inbox::Asked;
use super::who::Client;
use crate::analytics::cmcd::{Cmcd, HEADERS, MOST_BYTES, Object, Skipped};
use crate::analytics::event::is_session_id;
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, TrackId};
use crate::playback::placed::File;
use crate::time::WallTime;
use axum::body::HttpBody;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use std::time::Instant;
use url::form_urlencoded;

/// The argument of the query.
const ARGUMENT: &str = "CMCD";

/// What a player says with a request; nothing without CMCD, or without `sid`.
pub(in crate::http) struct Said(Option<Box<Words>>);

struct Words {
    at: WallTime,
    asked: Instant,
    session: String,
    cmcd: Cmcd,
    client: Client,
}

impl FromRequestParts<App> for Said {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Looks without making anything: most requests end here.
        if parts.method != Method::GET || !has_cmcd(parts) {
            return Ok(Self(None));
        }
        let (at, asked) = (SystemClock.wall(), Instant::now());
        let Some((mut cmcd, skipped)) = read(parts) else {
            app.inbox.refuse(1);
            return Ok(Self(None));
        };
        count(app, skipped);
        let Some(session) = cmcd.sid.take() else { return Ok(Self(None)) };
        if !is_session_id(&session) {
            app.inbox.refuse(1);
            return Ok(Self(None));
        }
        let client = Client::from_request_parts(parts, app).await?;
        Ok(Self(Some(Box::new(Words { at, asked, session, cmcd: cmcd.kept(), client }))))
    }
}

/// Pairs of payloads were left out.
pub(super) fn count(app: &App, skipped: Skipped) {
    let Skipped { malformed, refused, unknown } = skipped;
    app.views.count([0, 0, 0, malformed.saturating_add(refused), unknown, 0]);
}

fn has_cmcd(parts: &Parts) -> bool {
    in_query(parts).is_some() || HEADERS.iter().any(|name| parts.headers.contains_key(*name))
}

/// The argument, still encoded.
fn in_query(parts: &Parts) -> Option<&str> {
    let pairs = parts.uri.query()?.split('&');
    pairs.filter_map(|pair| pair.strip_prefix(ARGUMENT)).find_map(|rest| rest.strip_prefix('='))
}

/// `None`: it is too long, or no text.
fn read(parts: &Parts) -> Option<(Cmcd, Skipped)> {
    if let Some(encoded) = in_query(parts) {
        // No byte has more than three characters.
        if encoded.len() > 3 * MOST_BYTES {
            return None;
        }
        // Decoded as a name, since there is no other one: a value may have '='.
        let encoded = encoded.replace('=', "%3D");
        let (text, _) = form_urlencoded::parse(encoded.as_bytes()).next()?;
        return Cmcd::read(&text).ok();
    }
    let texts = HEADERS.iter().flat_map(|name| parts.headers.get_all(*name));
    let texts: Option<Vec<&str>> = texts.map(|value| std::str::from_utf8(value.as_bytes()).ok()).collect();
    Cmcd::read_all(texts?).ok()
}

impl Said {
    /// The response was decided. What it is of is worked out later, and nobody waits for that.
    pub(in crate::http) fn of(
        self,
        app: &App,
        bearer: &Bearer,
        (recording, track): (RecordingId, TrackId),
        file: File,
        response: &Response,
    ) {
        let Some(words) = self.0 else { return };
        // What a browser still has is shown too.
        let is_shown = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
        let Words { at, asked, session, cmcd, client } = *words;
        let mut cmcd = Box::new(cmcd);
        if file == File::Init {
            if !(cmcd.bs || cmcd.su || !cmcd.bsd.is_empty()) {
                return;
            }
            cmcd.ot = Some(Object::Init);
        }
        if !is_shown {
            return;
        }
        let bytes = response.body().size_hint().exact().unwrap_or(0);
        let bearer = Bearer { subject: bearer.subject.clone(), carried: None };
        app.inbox.put(Asked { recording, track, file, at, asked, session, cmcd, bytes, bearer, client });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(path: &str, headers: &[(&str, &[u8])]) -> Parts {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn an_argument_is_found_whatever_is_beside_it() {
        for (path, found) in [
            ("/0.m4s?CMCD=sid%3D%22a%22", Some("sid%3D%22a%22")),
            ("/0.m4s?token=x&CMCD=su&y=z", Some("su")),
            ("/0.m4s?CMCD=", Some("")),
            ("/0.m4s?CMCD", None),
            ("/0.m4s?CMCDX=su", None),
            ("/0.m4s?xCMCD=su", None),
            ("/0.m4s?cmcd=su", None),
            ("/0.m4s?", None),
            ("/CMCD=su", None),
        ] {
            let parts = parts(path, &[]);
            assert_eq!((in_query(&parts), has_cmcd(&parts)), (found, found.is_some()), "{path}");
        }
    }

    #[test]
    fn arguments_and_headers_are_read() {
        let of = |path: &str, headers: &[(&str, &[u8])]| read(&parts(path, headers)).map(|(cmcd, _)| cmcd);
        let sid = |cmcd: Option<Cmcd>| cmcd.and_then(|cmcd| cmcd.sid);
        assert_eq!(sid(of("/?CMCD=bl%3D100%2Csid%3D%22a%26b%3D%22", &[])).as_deref(), Some("a&b="));
        // Some encode no more than they must.
        assert_eq!(sid(of("/?CMCD=bl=100,sid=%22a%22", &[])).as_deref(), Some("a"));
        let headers: [(&str, &[u8]); 2] = [("CMCD-Session", b"sid=\"b\""), ("CMCD-Request", b"bl=100")];
        let read = of("/", &headers).unwrap();
        assert_eq!((read.sid.as_deref(), read.bl.len()), (Some("b"), 1));
        // The argument is what a page chose to send; headers may be of a proxy.
        assert_eq!(sid(of("/?CMCD=sid%3D%22a%22", &headers)).as_deref(), Some("a"));
        assert_eq!(of(&format!("/?CMCD={}", "x".repeat(3 * MOST_BYTES + 1)), &[]), None);
        assert_eq!(of(&format!("/?CMCD={}", "x".repeat(MOST_BYTES + 1)), &[]), None);
        assert_eq!(of("/", &[("CMCD-Status", &[b'b', 0xff])]), None);
    }
}
