//! `POST /api/v1/recordings/{id}/cmcd`: reports of CMCD version 2 (CTA-5004-B, event mode).

use super::super::App;
use super::super::error::Problem;
use super::super::extract::{Bearer, Place, Raw};
use super::super::openapi::params::OfRecording;
use super::super::openapi::problems::{NotFound, OfBody, Refused};
use super::super::stream;
use super::cmcd::count;
use super::who::{Client, Who};
use crate::analytics::cmcd::{Cmcd, EventKind, Report};
use crate::analytics::event::{Event, Reported, is_session_id};
use crate::auth::Action;
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, TrackId};
use crate::playback;
use crate::playback::placed::{File, Placed};
use crate::time::WallTime;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

/// Sessions of one body: each takes a commit.
const MOST_SESSIONS: usize = 32;

/// What became of records. dash.js 5.2 takes an answer without a body for a failure, and sends it again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CmcdReport)]
pub(in crate::http) struct Told {
    /// Records that are kept.
    taken: u32,
    /// Records that had come before.
    known: u32,
    /// Records that cannot be, or are too many.
    refused: u32,
}

/// Tells what a player does by reports of CMCD version 2.
///
/// One record on a line, up to 256; `application/cmcd`, or any other type. Each needs `sid`, `e` and `ts`, and counts once
/// by `ts` and `sn`. What was taken is kept when the answer comes.
#[utoipa::path(
    post, path = "/{id}/cmcd", operation_id = "reportCmcd", tag = "Analytics", params(OfRecording),
    request_body(content((String = "text/plain"), (String = "application/cmcd")), description = "Records",
        example = "e=ps,sid=\"0f8f2f1c\",sn=0,sta=p,ts=1790000000000,v=2\n"),
    responses((status = 200, body = Told, description = "What was taken is kept."), Refused<(OfBody, NotFound)>),
)]
pub(in crate::http) async fn report(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    client: Client,
    Raw(body): Raw,
) -> Result<Json<Told>, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let (now, asked) = (SystemClock.wall(), Instant::now());
    let report = Report::read(&body).map_err(|error| {
        app.views.count([0, 0, 0, 0, 0, 1]);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error.to_string())
    })?;
    count(&app, report.skipped);
    let (any, mut refused) = (!report.records.is_empty(), report.refused);
    let (sessions, nameless) = by_session(report.records);
    refused = refused.saturating_add(nameless);
    if sessions.is_empty() {
        app.views.count([0, 0, refused, 0, 0, 1]);
        return Err(if any {
            Problem::field("sid", "no record has a session of up to 64 letters, digits and -_.:~")
        } else {
            Problem::field("e", "no record says what happened (e) and when (ts)")
        });
    }
    let who = app.views.who(&bearer, &client, now).await?;
    let (mut taken, mut known) = (0_u32, 0_u32);
    for (session, records) in sessions {
        let events = reported(&app, id, (&who, &session), records, (now, asked)).await?;
        let appended = app.views.append(id, who.clone(), &session, client.device(), &events).await?;
        taken = taken.saturating_add(appended.taken);
        known = known.saturating_add(appended.known);
        refused = refused.saturating_add(appended.refused);
    }
    app.views.count([taken, known, refused, 0, 0, 0]);
    Ok(Json(Told { taken, known, refused }))
}

/// Records by their sessions, in their order, and how many are of none.
fn by_session(records: Vec<Cmcd>) -> (Vec<(String, Vec<Cmcd>)>, u32) {
    let (mut sessions, mut refused) = (Vec::<(String, Vec<Cmcd>)>::new(), 0_u32);
    for mut record in records {
        let session = record.sid.take().filter(|session| is_session_id(session));
        let room = sessions.len() < MOST_SESSIONS;
        let own = session.as_ref().and_then(|id| sessions.iter_mut().find(|(own, _)| own == id));
        match (own, session) {
            (Some((_, own)), _) => own.push(record),
            (None, Some(session)) if room => sessions.push((session, vec![record])),
            _ => refused = refused.saturating_add(1),
        }
    }
    (sessions, refused)
}

/// Records of a session as events: responses with their segments, playheads with where they count from.
async fn reported(
    app: &App,
    id: RecordingId,
    (who, session): (&Who, &str),
    records: Vec<Cmcd>,
    (now, asked): (WallTime, Instant),
) -> Result<Vec<Event>, Problem> {
    let (mut events, mut zero) = (Vec::with_capacity(records.len()), None);
    for cmcd in records {
        let named = cmcd.url.as_deref().filter(|_| is_response(&cmcd)).and_then(|url| segment_of(url, id));
        let placed = match named {
            Some((track, file)) => found(app.inbox.places().find(id, track, file, asked).await)?,
            None => None,
        };
        let (segment, own) = placed.map(|placed| (placed.segment, placed.zero_ms)).unzip();
        zero = own.or(zero);
        events.push(Reported { at_ms: now.0.div_euclid(1000), cmcd: cmcd.kept(), zero_ms: 0, segment });
    }
    if events.iter().any(|event| event.cmcd.pt.is_some() || event.segment.is_some()) {
        let zero = match zero.or_else(|| app.inbox.zero_ms(id, &who.watcher, session)) {
            Some(zero) => zero,
            None => app.inbox.places().zero_ms(id).await?,
        };
        events.iter_mut().for_each(|event| event.zero_ms = zero);
    }
    Ok(events.into_iter().map(Event::Report).collect())
}

/// It tells of a response that came with media.
fn is_response(cmcd: &Cmcd) -> bool {
    cmcd.e == Some(EventKind::Response) && cmcd.rc.is_none_or(|status| (200..=304).contains(&status))
}

/// A record that names a file which is not there tells all the rest.
fn found(found: Result<Option<Placed>, playback::Error>) -> Result<Option<Placed>, Problem> {
    match found {
        Err(playback::Error::NoTrack(_)) => Ok(None),
        found => Ok(found?),
    }
}

/// The file of this recording that an address names, on whatever host and behind whatever prefix. Init segments lie
/// nowhere.
fn segment_of(url: &str, recording: RecordingId) -> Option<(TrackId, File)> {
    let path = url.split(['?', '#']).next()?;
    let mut parts = path.rsplit('/');
    let (file, track, stream, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let own = stream == "stream" && id.parse().ok() == Some(recording);
    let file = stream::named(file).filter(|file| own && *file != File::Init)?;
    Some((track.parse().ok()?, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Cmcd {
        Cmcd::read(text).unwrap().0
    }

    #[test]
    fn addresses_name_segments_of_their_recording() {
        let (id, track) = (RecordingId::new(), TrackId::new());
        let at = |file: &str| format!("https://x.org/in/front/api/v1/recordings/{id}/stream/{track}/{file}");
        for (file, wanted) in [
            ("3.m4s?token=a/b&CMCD=x", Some(File::Segment(3))),
            ("3.1.m4s#t", Some(File::Part { segment: 3, number: 1 })),
            ("at-90000.webm", Some(File::At(90_000))),
            ("init-0.mp4", None),
            ("black.webm", None),
            ("playlist.m3u8", None),
            ("", None),
        ] {
            assert_eq!(segment_of(&at(file), id), wanted.map(|file| (track, file)), "{file}");
        }
        assert_eq!(segment_of(&format!("/{id}/stream/{track}/3.m4s"), id), Some((track, File::Segment(3))));
        assert_eq!(segment_of(&at("3.m4s"), RecordingId::new()), None);
        assert_eq!(segment_of(&format!("{id}/{track}/3.m4s"), id), None);
        for nothing in ["", "/", "3.m4s", "?", "///stream//"] {
            assert_eq!(segment_of(nothing, id), None, "{nothing}");
        }
    }

    #[test]
    fn only_responses_with_media_place_something() {
        let response = |more: &str| is_response(&record(&format!("e=rr,ts=1{more}")));
        assert!(response("") && response(",rc=200") && response(",rc=206") && response(",rc=304"));
        assert!(!response(",rc=404") && !response(",rc=0") && !is_response(&record("e=t,ts=1")));
    }

    #[test]
    fn records_go_by_their_sessions() {
        let records = ["sid=\"a\",sn=0", "sid=\"b\",sn=1", "sid=\"a\",sn=2", "sn=3", "sid=\"no space\",sn=4"];
        let (sessions, refused) = by_session(records.map(record).to_vec());
        let numbers = |own: &[Cmcd]| own.iter().filter_map(|one| one.sn).collect::<Vec<_>>();
        let sessions: Vec<_> = sessions.iter().map(|(id, own)| (id.as_str(), numbers(own))).collect();
        assert_eq!((sessions, refused), (vec![("a", vec![0, 2]), ("b", vec![1])], 2));
        let many = (0..100).map(|n| record(&format!("sid=\"{n}\"")));
        let (sessions, refused) = by_session(many.collect());
        assert_eq!((sessions.len(), refused), (MOST_SESSIONS, 68));
    }
}
