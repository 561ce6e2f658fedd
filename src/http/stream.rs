//! `GET /api/v1/recordings/{id}/stream/...`: playlists, init segments, segments, their parts, and fills.

use super::App;
use super::analytics::cmcd::Said;
use super::dash;
use super::describe::words;
use super::download;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place, track_id};
use super::openapi::params::{CmcdArgument, CmcdHeaders, Known, OfFile, OfRecording, OfTrack, Parts};
use super::openapi::problems::{
    BadRequest, NoTransportStream, NotFound, NotInContainer, NotInTime, NotPlayable, NothingYet, OutOfRange,
    Refused, TooFarAhead,
};
use super::range;
use crate::auth::Action;
use crate::id::RecordingId;
use crate::playback::clip::Clip;
use crate::playback::filled::Named;
use crate::playback::placed::File;
use crate::playback::playlists::{Directives, Of};
use crate::playback::presentation::Choice;
use crate::playback::room::Subject;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
/// Of CMAF tracks, whatever they carry: players take it for sound as well.
const SEGMENT_TYPE: &str = "video/mp4";

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Who {
    /// Whose; without it the first with a picture, else with sound.
    #[serde(default)]
    #[param(required = false, inline, value_type = words::MaybeId)]
    participant: Option<String>,
    /// `camera`: camera and microphone. `screen`: a shared screen and its own sound. Without it the camera, else the
    /// screen, with the microphone.
    #[serde(default)]
    #[param(required = false, inline, value_type = words::PresentationSource)]
    source: Option<String>,
}

/// Delivery directives (RFC 8216bis 6.2.5). Other names that begin with `_HLS_` are of later versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Answer when this segment is listed.
    #[serde(rename = "_HLS_msn")]
    #[param(required = false, value_type = u64)]
    segment: Option<u64>,
    /// Answer when this part of it is listed.
    #[serde(rename = "_HLS_part")]
    #[param(required = false, value_type = u64)]
    part: Option<u64>,
    /// `YES` or `v2`: without the older segments.
    #[serde(rename = "_HLS_skip")]
    #[param(required = false, value_type = String)]
    skip: Option<String>,
}

/// Which part, of a download too. All text, so that a mistake is told by the name of its argument; empty ones are as if
/// absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Seconds from the participant's first media, or a time of RFC 3339.
    #[param(required = false, example = "60.5")]
    start: String,
    /// The same.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    end: String,
    /// Seconds, in place of `end`.
    #[param(required = false, value_type = f64, exclusive_minimum = 0, maximum = 1_000_000_000)]
    duration: String,
}

impl Part {
    /// `None` without an argument: the whole.
    pub(super) fn clip(&self) -> Result<Option<Clip>, Problem> {
        let clip = download::clip(&self.start, &self.end, &self.duration)?;
        Ok(self.given().next().map(|_| clip))
    }

    /// What the URIs of playlists end with: these arguments and the token.
    fn query(&self, bearer: &Bearer) -> String {
        bearer.with(&self.given().collect::<Vec<_>>())
    }

    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("start", &self.start), ("end", &self.end), ("duration", &self.duration)];
        all.into_iter().map(|(name, value)| (name, value.as_str())).filter(|(_, value)| !value.is_empty())
    }
}

impl Asked {
    fn directives(&self) -> Directives {
        let delta = self.skip.as_deref().is_some_and(|skip| ["YES", "v2"].contains(&skip));
        Directives { segment: self.segment, part: self.part, delta }
    }
}

impl Who {
    pub(super) fn choice(self) -> Result<Choice, Problem> {
        let participant = self
            .participant
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|_| Problem::field("participant", "is not an identifier")));
        let subject = self.source.filter(|text| !text.is_empty()).map(|name| {
            Subject::from_name(&name).ok_or_else(|| Problem::field("source", "must be camera or screen"))
        });
        Ok(Choice { participant: participant.transpose()?, subject: subject.transpose()? })
    }
}

/// The multivariant playlist of one presentation: camera and microphone, or a screen and its sound.
#[utoipa::path(
    get, path = "/{id}/stream/playlist.m3u8", operation_id = "getMultivariantPlaylist", tag = "Playback",
    params(OfRecording, Who, Part, Known),
    responses(
        (status = 200, body = String, content_type = "application/vnd.apple.mpegurl", description = "A playlist."),
        (status = 304, description = "It is as it was."),
        Refused<(BadRequest, NotFound, NothingYet, NotPlayable)>,
    ),
)]
pub(super) async fn multivariant(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(who): Arguments<Who>,
    Arguments(part): Arguments<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let choice = who.choice()?;
    if let Some(clip) = part.clip()? {
        app.playlists.holds(id, choice, &clip).await?;
    }
    let text = app.playlists.multivariant(id, choice, &part.query(&bearer)).await?;
    Ok(playlist(id, text, &headers))
}

/// The media playlist of a track; low-latency while its participant is being recorded.
#[utoipa::path(
    get, path = "/{id}/stream/{track}/playlist.m3u8", operation_id = "getMediaPlaylist", tag = "Playback",
    params(OfTrack, Asked, Part, Known),
    responses(
        (status = 200, body = String, content_type = "application/vnd.apple.mpegurl", description = "A playlist."),
        (status = 304, description = "It is as it was."),
        Refused<(BadRequest, TooFarAhead, NotFound, NothingYet, NotInTime)>,
    ),
)]
pub(super) async fn media(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, track)): Place<(String, String)>,
    Arguments(asked): Arguments<Asked>,
    Arguments(part): Arguments<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, track) = (bearer.permitted_on(&app, Action::View, &id).await?, track_id(&track)?);
    let text = match part.clip()? {
        // It does not grow: there is nothing to wait for, and nothing to leave out.
        Some(clip) => app.playlists.clip(id, Of::Media(track), &clip, &bearer.query()).await?,
        None => app.playlists.media(id, track, asked.directives(), &bearer.query()).await?,
    };
    Ok(playlist(id, text, &headers))
}

/// The I-frame playlist of a picture, once the recording has ended.
#[utoipa::path(
    get, path = "/{id}/stream/{track}/iframes.m3u8", operation_id = "getIframePlaylist", tag = "Playback",
    params(OfTrack, Part, Known),
    responses(
        (status = 200, body = String, content_type = "application/vnd.apple.mpegurl", description = "A playlist."),
        (status = 304, description = "It is as it was."),
        Refused<(BadRequest, NotFound, NothingYet)>,
    ),
)]
pub(super) async fn iframes(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, track)): Place<(String, String)>,
    Arguments(part): Arguments<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (id, track) = (bearer.permitted_on(&app, Action::View, &id).await?, track_id(&track)?);
    let text = match part.clip()? {
        Some(clip) => app.playlists.clip(id, Of::Iframes(track), &clip, &bearer.query()).await?,
        None => app.playlists.iframes(id, track, &bearer.query()).await?.0,
    };
    Ok(playlist(id, text, &headers))
}

/// A file of a track that a playlist or manifest names: init segment, segment, part or fill.
///
/// What a player says of itself with CMCD counts in the analytics, and changes nothing of the answer.
#[utoipa::path(
    get, path = "/{id}/stream/{track}/{file}", operation_id = "getMediaFile", tag = "Playback",
    params(OfFile, Parts, CmcdArgument, CmcdHeaders),
    responses(
        (status = 200, description = "The whole.", content(("video/mp4"), ("video/webm")),
            headers(("ETag" = String), ("Accept-Ranges" = String))),
        (status = 206, description = "The range.", content(("video/mp4"), ("video/webm")),
            headers(("ETag" = String), ("Content-Range" = String))),
        (status = 304, description = "It is as it was."),
        Refused<(NotFound, NothingYet, NoTransportStream, OutOfRange, NotInContainer, NotInTime)>,
    ),
)]
pub(super) async fn file(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, track, name)): Place<(String, String, String)>,
    said: Said,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    if let Some(name) = dash::Name::parse(&name) {
        let track = track_id(&track)?;
        let response = dash::file(&app, id, track, name, &headers).await?;
        said.of(&app, &bearer, (id, track), name.placed(), &response);
        return Ok(response);
    }
    let name = Name::parse(&name).ok_or_else(|| no_file(id, &name))?;
    let track = track_id(&track)?;
    let source = app.source();
    let fetched = match name {
        Name::Init(run) => source.init(id, track, run).await?,
        Name::Black => source.black(id, track).await?,
        Name::Segment(number) => source.segment(id, track, number).await?,
        Name::Part { segment, number } => source.part(id, track, segment, number).await?,
        Name::Fill(named) => source.fill(id, track, named).await?,
    };
    let response = range::respond(fetched, SEGMENT_TYPE, &headers)?;
    said.of(&app, &bearer, (id, track), name.placed(), &response);
    Ok(response)
}

/// What the name of a file of a track says, if there may be one of it.
pub(super) fn named(name: &str) -> Option<File> {
    dash::Name::parse(name).map(dash::Name::placed).or_else(|| Name::parse(name).map(Name::placed))
}

/// A segment of the earlier service: there are none any more.
#[utoipa::path(
    get, path = "/{id}/stream/{file}", operation_id = "getEarlierSegment", tag = "Playback",
    params(OfRecording, ("file" = String, Path, example = "segment0.ts", min_length = 1)),
    responses(Refused<(NotFound, NoTransportStream)>),
)]
pub(super) async fn earlier(
    State(app): State<App>,
    bearer: Bearer,
    Place((id, file)): Place<(String, String)>,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    Err(no_file(id, &file))
}

/// Clients of the earlier service ask for `.ts` segments; they learn where the playlist is.
fn no_file(id: RecordingId, name: &str) -> Problem {
    if !name.ends_with(".ts") {
        return Problem::no_such_page();
    }
    let at = format!("/api/v1/recordings/{id}/stream/playlist.m3u8");
    let detail = format!("segments are no longer MPEG-2 TS: the playlist {at} names those that there are");
    Problem::new(StatusCode::NOT_FOUND, "no-transport-stream", detail).with("playlist", at)
}

fn playlist(id: RecordingId, text: String, headers: &HeaderMap) -> Response {
    let manifest = format!("</api/v1/recordings/{id}/manifest.json>; rel=\"collection\"");
    ([(header::LINK, manifest)], range::document(text, PLAYLIST_TYPE, headers)).into_response()
}

/// The files of a track. Parsed strictly: there is one name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Init(u32),
    Black,
    Segment(u32),
    Part { segment: u32, number: u32 },
    Fill(Named),
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        if name == "black.mp4" {
            return Some(Self::Black);
        }
        if let Some(run) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
            return number(run).map(Self::Init);
        }
        let stem = name.strip_suffix(".m4s")?;
        if let Some(rest) = stem.strip_prefix("lead-") {
            return fill(None, rest).map(Self::Fill);
        }
        if let Some(rest) = stem.strip_prefix("fill-") {
            let (after, rest) = rest.split_once('-')?;
            return fill(Some(number(after)?), rest).map(Self::Fill);
        }
        if let Some((segment, part)) = stem.split_once('.') {
            return Some(Self::Part { segment: number(segment)?, number: number(part)? });
        }
        number(stem).map(Self::Segment)
    }

    /// As it is found on the timeline.
    fn placed(self) -> File {
        match self {
            Self::Init(_) | Self::Black => File::Init,
            Self::Segment(number) => File::Segment(number),
            Self::Part { segment, number } => File::Part { segment, number },
            Self::Fill(named) => File::Fill(named),
        }
    }
}

/// `{number}` of a fill, or `{number}.{part}`.
fn fill(after: Option<u32>, name: &str) -> Option<Named> {
    match name.split_once('.') {
        None => Some(Named { after, number: number(name)?, part: None }),
        Some((fill, part)) => Some(Named { after, number: number(fill)?, part: Some(number(part)?) }),
    }
}

/// A number as we print it: no sign, no leading zeros.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_strictly() {
        assert_eq!(Name::parse("init-0.mp4"), Some(Name::Init(0)));
        assert_eq!(Name::parse("black.mp4"), Some(Name::Black));
        assert_eq!(Name::parse("12.m4s"), Some(Name::Segment(12)));
        assert_eq!(Name::parse("12.0.m4s"), Some(Name::Part { segment: 12, number: 0 }));
        assert_eq!(Name::parse("lead-3.m4s"), Some(Name::Fill(Named { after: None, number: 3, part: None })));
        let named = |number, part| Some(Name::Fill(Named { after: Some(7), number, part }));
        assert_eq!(Name::parse("fill-7-0.m4s"), named(0, None));
        assert_eq!(Name::parse("fill-7-1.3.m4s"), named(1, Some(3)));
        for name in [
            "",
            ".m4s",
            "-1.m4s",
            "+1.m4s",
            "01.m4s",
            "4294967296.m4s",
            "../1.m4s",
            "1.m4s/..",
            "init-.mp4",
            "init-x.mp4",
            "fill-1.m4s",
            "fill-1-2..m4s",
            "fill-1-2.03.m4s",
            "fill-1-2.3.4.m4s",
            "lead-.1.m4s",
            "1..m4s",
            "1.01.m4s",
            "1.2.3.m4s",
            "1.ts",
            "playlist.m3u8",
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }
}
