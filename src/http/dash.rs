//! `GET /api/v1/recordings/{id}/stream/manifest.mpd` and the files that it names.

use super::App;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::openapi::params::{Known, OfRecording};
use super::openapi::problems::{BadRequest, NotFound, NotPlayable, NothingYet, Refused};
use super::range;
use super::stream::{Part, Who};
use crate::auth::Action;
use crate::clock::{Clock, SystemClock};
use crate::id::{RecordingId, TrackId};
use crate::media::Container;
use crate::playback::placed::File;
use crate::playback::playlists::Of;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

const MANIFEST_TYPE: &str = "application/dash+xml";

/// The DASH manifest of one presentation.
#[utoipa::path(
    get, path = "/{id}/stream/manifest.mpd", operation_id = "getDashManifest", tag = "Playback",
    params(OfRecording, Who, Part, Known),
    responses(
        (status = 200, body = String, content_type = "application/dash+xml", description = "A manifest."),
        (status = 304, description = "It is as it was."),
        Refused<(BadRequest, NotFound, NothingYet, NotPlayable)>,
    ),
)]
pub(super) async fn manifest(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(who): Arguments<Who>,
    Arguments(part): Arguments<Part>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::View, &id).await?;
    let choice = who.choice()?;
    let manifest = format!("</api/v1/recordings/{id}/manifest.json>; rel=\"collection\"");
    if let Some(clip) = part.clip()? {
        let text = app.playlists.clip(id, Of::Description(choice), &clip, &bearer.query()).await?;
        return Ok(
            ([(header::LINK, manifest)], range::document(text, MANIFEST_TYPE, &headers)).into_response()
        );
    }
    let description = app.playlists.description(id, choice).await?;
    let told = description.told(&bearer.query(), SystemClock.wall());
    let response = range::versioned(told.text, told.version, MANIFEST_TYPE, &headers);
    Ok(([(header::LINK, manifest)], response).into_response())
}

/// The files of a track that are named by their time. Parsed strictly: there is one name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// What begins at a tick of the participant's clock.
    At(u64, Container),
    /// Of the sound that begins at a tick what is heard from another one on: playlists of clips name it.
    Rest(u64, u64),
    /// In front of a run's clusters.
    Init(u32),
    /// In front of black pictures.
    Black,
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name == "black.webm" {
            return Some(Self::Black);
        }
        if let Some(run) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".webm")) {
            return number(run).map(Self::Init);
        }
        let rest = name.strip_prefix("at-")?;
        if let Some((time, from)) = rest.strip_suffix(".m4s").and_then(|ticks| ticks.split_once('-')) {
            return Some(Self::Rest(number(time)?, number(from)?));
        }
        let mp4 = rest.strip_suffix(".m4s").map(|time| (time, Container::Mp4));
        let (time, container) = mp4.or(rest.strip_suffix(".webm").map(|time| (time, Container::WebM)))?;
        number(time).map(|time| Self::At(time, container))
    }

    /// As it is found on the timeline.
    pub(super) fn placed(self) -> File {
        match self {
            Self::At(time, _) | Self::Rest(time, _) => File::At(time),
            Self::Init(_) | Self::Black => File::Init,
        }
    }
}

/// A number as we print it: no sign, no leading zeros.
fn number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// One of those files.
pub(super) async fn file(
    app: &App,
    id: RecordingId,
    track: TrackId,
    name: Name,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let source = app.source();
    let fetched = match name {
        Name::At(time, Container::Mp4) => source.at(id, track, time).await?,
        Name::At(time, Container::WebM) => source.at_webm(id, track, time).await?,
        Name::Rest(time, from) => source.rest(id, track, time, from).await?,
        Name::Init(run) => source.init_webm(id, track, run).await?,
        Name::Black => source.black_webm(id, track).await?,
    };
    let mp4 = matches!(name, Name::At(_, Container::Mp4) | Name::Rest(..));
    let media_type = if mp4 { "video/mp4" } else { "video/webm" };
    range::respond(fetched, media_type, headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_strictly() {
        assert_eq!(Name::parse("at-0.m4s"), Some(Name::At(0, Container::Mp4)));
        assert_eq!(Name::parse("at-9000000000.webm"), Some(Name::At(9_000_000_000, Container::WebM)));
        assert_eq!(Name::parse("at-960-1920.m4s"), Some(Name::Rest(960, 1920)));
        assert_eq!(Name::parse("init-3.webm"), Some(Name::Init(3)));
        assert_eq!(Name::parse("black.webm"), Some(Name::Black));
        for name in [
            "at-.m4s",
            "at--1.m4s",
            "at-1-.m4s",
            "at-1-02.m4s",
            "at-1-2-3.m4s",
            "at-1-2.webm",
            "at-+1.m4s",
            "at-01.m4s",
            "at-1.mp4",
            "at-18446744073709551616.m4s",
            "at-$Time$.m4s",
            "init-.webm",
            "init-0.mp4",
            "1.webm",
            "../at-0.m4s",
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }
}
