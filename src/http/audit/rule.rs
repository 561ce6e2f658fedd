//! What a request is, by its method and its route.

use crate::audit::Action;
use crate::id::RecordingId;
use axum::http::Method;

/// How it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not at all, but for a failed sign-in.
    Quiet,
    /// One row, before the answer.
    Once,
    /// It changes something: it is recorded also when whoever asked has gone.
    Effect,
    /// It ends something, and must be possible also when nothing can be recorded.
    Ending,
    /// Media: one row for the beginning of a session, one for its end.
    Session,
    /// A file: one row for its beginning, one for its end.
    File,
}

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) action: Action,
    pub(super) kind: Kind,
}

const RECORDINGS: &str = "/api/v1/recordings";

/// The rule of a route. What is not named here is recorded too, so that a new route cannot be forgotten.
pub(super) fn of(method: &Method, route: &str) -> Rule {
    let rule = |action, kind| Rule { action, kind };
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if *method == Method::OPTIONS || !route.starts_with("/api/v1") {
        return rule(Action::View, Kind::Quiet);
    }
    if let Some(rest) = route.strip_prefix("/api/v1/audit") {
        return match rest {
            "/export" => rule(Action::AuditExport, Kind::Once),
            "/erase" => rule(Action::AuditErase, Kind::Effect),
            _ => rule(Action::AuditRead, Kind::Once),
        };
    }
    let Some(rest) = route.strip_prefix(RECORDINGS) else {
        return match route {
            "/api/v1/bridge" | "/api/v1/bridge/" => rule(Action::Attach, Kind::Effect),
            "/api/v1/analytics/erase" => rule(Action::Erase, Kind::Effect),
            // Whoever opens a link or a public share: who is refused has guessed wrong, or has no password.
            "/api/v1/shares/open" | "/api/v1/shares/open/" => rule(Action::OpenShare, Kind::Effect),
            _ if reads => rule(Action::View, Kind::Once),
            _ => rule(Action::Policy, Kind::Effect),
        };
    };
    let rest = rest.strip_prefix("/{id}").unwrap_or(rest);
    match (method.as_str(), rest) {
        ("GET" | "HEAD", rest) if rest.starts_with("/stream/") => rule(Action::Stream, Kind::Session),
        ("GET" | "HEAD", "/download") => rule(Action::Download, Kind::File),
        ("GET" | "HEAD", "/history") => rule(Action::AuditRead, Kind::Once),
        // Where a player is, which it tells every few seconds.
        ("POST", "/progress" | "/cmcd") => rule(Action::View, Kind::Quiet),
        ("POST", "/start") => rule(Action::Start, Kind::Effect),
        ("POST", "/stop") => rule(Action::Stop, Kind::Ending),
        ("POST", "/pause") => rule(Action::Pause, Kind::Ending),
        ("POST", "/resume") => rule(Action::Resume, Kind::Effect),
        ("POST", "/restore") => rule(Action::Restore, Kind::Effect),
        ("POST", "/transcode") => rule(Action::Transcode, Kind::Effect),
        ("DELETE", rest) if rest.starts_with("/shares") => rule(Action::Unshare, Kind::Effect),
        ("POST" | "PUT" | "PATCH", rest) if rest.starts_with("/share") => rule(Action::Share, Kind::Effect),
        ("DELETE", rest) if rest.starts_with("/participants/") => rule(Action::Erase, Kind::Effect),
        ("POST", rest) if rest.starts_with("/participants/") => rule(Action::Consent, Kind::Effect),
        ("DELETE", _) => rule(Action::Delete, Kind::Effect),
        _ if reads => rule(Action::View, Kind::Once),
        _ => rule(Action::Policy, Kind::Effect),
    }
}

/// The recording that a path names.
pub(super) fn recording(path: &str) -> Option<RecordingId> {
    let rest = path.strip_prefix(RECORDINGS)?.strip_prefix('/')?;
    rest.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_their_rules() {
        for (method, route, action, kind) in [
            (Method::GET, "/api/v1/recordings/", Action::View, Kind::Once),
            (Method::GET, "/api/v1/recordings/{id}", Action::View, Kind::Once),
            (Method::DELETE, "/api/v1/recordings/{id}", Action::Delete, Kind::Effect),
            (Method::POST, "/api/v1/recordings/start", Action::Start, Kind::Effect),
            (Method::POST, "/api/v1/recordings/{id}/stop", Action::Stop, Kind::Ending),
            (Method::HEAD, "/api/v1/recordings/{id}/stream/{track}/{file}", Action::Stream, Kind::Session),
            (Method::GET, "/api/v1/recordings/{id}/stream/playlist.m3u8", Action::Stream, Kind::Session),
            (Method::GET, "/api/v1/recordings/{id}/download", Action::Download, Kind::File),
            (Method::GET, "/api/v1/recordings/{id}/download-url", Action::View, Kind::Once),
            (
                Method::DELETE,
                "/api/v1/recordings/{id}/participants/{participant}",
                Action::Erase,
                Kind::Effect,
            ),
            (Method::POST, "/api/v1/recordings/{id}/participants/{p}/exclude", Action::Consent, Kind::Effect),
            (Method::DELETE, "/api/v1/recordings/{id}/shares/{share}", Action::Unshare, Kind::Effect),
            (Method::POST, "/api/v1/recordings/{id}/something-new", Action::Policy, Kind::Effect),
            (Method::POST, "/api/v1/recordings/{id}/progress", Action::View, Kind::Quiet),
            (Method::POST, "/api/v1/recordings/{id}/cmcd", Action::View, Kind::Quiet),
            (Method::GET, "/api/v1/recordings/{id}/analytics", Action::View, Kind::Once),
            (Method::GET, "/api/v1/recordings/{id}/analytics/sessions", Action::View, Kind::Once),
            (Method::GET, "/api/v1/recordings/{id}/analytics/live", Action::View, Kind::Once),
            (Method::GET, "/api/v1/analytics/sessions", Action::View, Kind::Once),
            (Method::GET, "/api/v1/analytics/history", Action::View, Kind::Once),
            (Method::GET, "/api/v1/analytics/live", Action::View, Kind::Once),
            (Method::POST, "/api/v1/analytics/erase", Action::Erase, Kind::Effect),
            (Method::GET, "/api/v1/analytics/", Action::View, Kind::Once),
            (Method::GET, "/api/v1/audit/export", Action::AuditExport, Kind::Once),
            (Method::GET, "/api/v1/audit/", Action::AuditRead, Kind::Once),
            (Method::OPTIONS, "/api/v1/recordings/{id}", Action::View, Kind::Quiet),
        ] {
            assert_eq!(of(&method, route), Rule { action, kind }, "{method} {route}");
        }
    }

    #[test]
    fn paths_name_recordings() {
        let id = RecordingId::new();
        for rest in ["", "/", "/stream/playlist.m3u8"] {
            assert_eq!(recording(&format!("/api/v1/recordings/{id}{rest}")), Some(id));
        }
        for path in ["/api/v1/recordings", "/api/v1/recordings/", "/api/v1/recordings/start", "/healthz"] {
            assert_eq!(recording(path), None);
        }
    }
}
