//! `GET /api/v1/recordings/{id}/download`: one file of a recording, or of a part of it.

use super::App;
use super::describe::words;
use super::error::Problem;
use super::extract::{Arguments, Bearer, Place};
use super::list::wall;
use super::openapi::params::{OfRecording, Parts, Rest};
use super::openapi::problems::{
    BadRequest, Changed, NotFound, NotInContainer, NothingYet, OutOfRange, PreconditionFailed, Refused,
    SeveralFiles, TooLong,
};
use super::range;
use crate::auth::{Action, Bound, Purpose, digest_of};
use crate::id::TrackId;
use crate::media::Container;
use crate::playback::clip::Clip;
use crate::playback::file::select::{Moment, Wanted, Which};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

/// Times beyond this, in seconds, are of no recording: 30 years.
const LONGEST_SECONDS: f64 = 1e9;
/// Tracks that one file may hold.
const MOST_TRACKS: usize = 64;
/// Characters of a file's name, without its extension: file systems take 255 bytes.
const LONGEST_NAME: usize = 60;

/// All text, so that a mistake is told by the name of its argument; empty ones are as if absent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Download {
    /// `mp4`, also without it, or `webm`.
    #[param(required = false, pattern = "^(mp4|webm)?$")]
    format: String,
    /// Identifiers of tracks, between commas: these, as they are.
    #[param(required = false)]
    track: String,
    /// Whose picture and sound; without it those that the multivariant playlist presents.
    #[param(required = false, inline, value_type = words::MaybeId)]
    participant: String,
    /// Seconds from the first media of what is selected, or a time of RFC 3339.
    #[param(required = false, example = "60.5")]
    start: String,
    /// The same.
    #[param(required = false, example = "2026-01-31T12:00:00Z")]
    end: String,
    /// Seconds, in place of `end`.
    #[param(required = false, value_type = f64, exclusive_minimum = 0, maximum = 1_000_000_000)]
    duration: String,
    /// `true`, also without it: exactly the part. `false`: from the key frame before it.
    #[param(required = false, value_type = bool)]
    exact: String,
}

/// One file of a recording, or of a part of it, made while it is sent.
#[utoipa::path(
    get, path = "/{id}/download", operation_id = "downloadRecording", tag = "Playback",
    params(OfRecording, Download, Parts, Rest),
    responses(
        (status = 200, description = "The whole.", content(("video/mp4"), ("video/webm"), ("audio/webm")),
            headers(("ETag" = String), ("Content-Disposition" = String))),
        (status = 206, description = "The range.", content(("video/mp4"), ("video/webm"), ("audio/webm")),
            headers(("ETag" = String), ("Content-Range" = String), ("Content-Disposition" = String))),
        (status = 304, description = "It is as it was."),
        Refused<(
            (BadRequest, NotFound, NothingYet, SeveralFiles, PreconditionFailed),
            (OutOfRange, NotInContainer, TooLong, Changed),
        )>,
    ),
)]
pub(super) async fn download(
    State(app): State<App>,
    bearer: Bearer,
    Place(id): Place<String>,
    Arguments(arguments): Arguments<Download>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = bearer.permitted_on(&app, Action::Download, &id).await?;
    if let Some(Bound { purpose: Purpose::Download(signed), .. }) = bearer.subject.bound
        && signed != arguments.digest()
    {
        let detail = "this address was signed for another download";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let wanted = wanted(&arguments)?;
    let known = range::tags(&headers);
    let container = match arguments.format.as_str() {
        "" | "mp4" => Container::Mp4,
        "webm" => Container::WebM,
        _ => return Err(Problem::field("format", "must be mp4 or webm")),
    };
    let opened = app.files.open(id, &wanted, container, &known).await?;
    let extension = opened.file.media_type.rsplit('/').next().unwrap_or_default();
    let mut response = range::respond_file(&opened.file, app.store.clone(), &headers)?;
    if let Ok(value) = HeaderValue::from_str(&disposition(&opened.name, extension)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

impl Download {
    /// What a signed address is bound to.
    pub(super) fn digest(&self) -> [u8; 16] {
        digest_of(&self.all().map(|(_, value)| value))
    }

    /// The kind of file.
    pub(super) fn format(&self) -> &str {
        &self.format
    }

    /// All arguments by their names.
    pub(super) fn all(&self) -> [(&'static str, &str); 7] {
        [
            ("format", &self.format),
            ("track", &self.track),
            ("participant", &self.participant),
            ("start", &self.start),
            ("end", &self.end),
            ("duration", &self.duration),
            ("exact", &self.exact),
        ]
    }
}

pub(super) fn wanted(arguments: &Download) -> Result<Wanted, Problem> {
    let Clip { start, end, duration } = clip(&arguments.start, &arguments.end, &arguments.duration)?;
    let exact = match arguments.exact.as_str() {
        "" | "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(Problem::field("exact", "must be true or false")),
    };
    Ok(Wanted { which: which(arguments)?, start, end, duration, exact })
}

/// What the arguments of these names say: which part of the whole.
pub(super) fn clip(start: &str, end: &str, duration: &str) -> Result<Clip, Problem> {
    let start = moment("start", start)?.unwrap_or(Moment::Media(0));
    let end = moment("end", end)?;
    let duration = given(duration).map(|text| seconds("duration", text)).transpose()?;
    if duration == Some(0) {
        return Err(Problem::field("duration", "must be above 0"));
    }
    if duration.is_some() && end.is_some() {
        return Err(Problem::field("end", "cannot be beside duration"));
    }
    Ok(Clip { start, end, duration })
}

fn which(arguments: &Download) -> Result<Which, Problem> {
    let Some(list) = given(&arguments.track) else {
        let participant = given(&arguments.participant).map(str::parse).transpose();
        let participant = participant.map_err(|_| Problem::field("participant", "is not an identifier"))?;
        return Ok(Which::Presented(participant));
    };
    if given(&arguments.participant).is_some() {
        return Err(Problem::field("participant", "cannot be beside track"));
    }
    let mut tracks: Vec<TrackId> = Vec::new();
    for name in list.split(',').take(MOST_TRACKS) {
        let track = name.trim().parse();
        let track = track.map_err(|_| Problem::field("track", "must be identifiers, separated by commas"))?;
        if !tracks.contains(&track) {
            tracks.push(track);
        }
    }
    Ok(Which::Tracks(tracks))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Seconds, or a time of RFC 3339.
fn moment(name: &str, text: &str) -> Result<Option<Moment>, Problem> {
    let Some(text) = given(text) else { return Ok(None) };
    if text.contains('T') || text.contains(':') {
        return wall(name, text).map(|at| Some(Moment::Wall(at)));
    }
    seconds(name, text).map(|micros| Some(Moment::Media(micros)))
}

/// In microseconds.
fn seconds(name: &str, text: &str) -> Result<i64, Problem> {
    let wrong = || Problem::field(name, "must be seconds from 0 on, or a time such as 2026-01-31T12:00:00Z");
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    // Not a number is in no range.
    if !(0.0..=LONGEST_SECONDS).contains(&seconds) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    Ok((seconds * 1e6).round() as i64)
}

/// A name that file systems take.
pub(super) fn file_name(name: &str, extension: &str) -> String {
    format!("{}.{extension}", stem(name))
}

fn stem(name: &str) -> String {
    let safe = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.chars().map(safe).take(LONGEST_NAME).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() { "recording".to_owned() } else { name.to_owned() }
}

/// RFC 6266 4: a name in plain ASCII for old clients, and the real one as RFC 8187 encodes it.
pub(super) fn disposition(name: &str, extension: &str) -> String {
    let name = stem(name);
    let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{encoded}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    fn asked(set: impl FnOnce(&mut Download)) -> Result<Wanted, Problem> {
        let mut arguments = Download::default();
        set(&mut arguments);
        wanted(&arguments)
    }

    #[test]
    fn times_are_seconds_or_of_the_wall_clock() {
        let start = |text: &str| asked(|own| own.start = text.to_owned()).map(|own| own.start);
        assert_eq!(start("").unwrap(), Moment::Media(0));
        assert_eq!(start("0").unwrap(), Moment::Media(0));
        assert_eq!(start("1.5").unwrap(), Moment::Media(1_500_000));
        assert_eq!(start("1e3").unwrap(), Moment::Media(1_000_000_000));
        assert_eq!(start("1970-01-01T00:00:01.5Z").unwrap(), Moment::Wall(WallTime(1_500_000)));
        assert_eq!(start("1970-01-01T01:00:01+01:00").unwrap(), Moment::Wall(WallTime(1_000_000)));
        for text in
            ["-1", "-0.001", "NaN", "nan", "inf", "-inf", "1e300", "x", "1s", "12:00", "2026-13-01T00:00:00Z"]
        {
            assert!(start(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "NaN", "0.0000001", "1970-01-01T00:00:01Z"] {
            assert!(asked(|own| own.duration = text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_that_do_not_go_together_are_refused() {
        let id = TrackId::new().to_string();
        let list = format!("{id},{id}, {}", TrackId::new());
        let Which::Tracks(tracks) = asked(|own| own.track = list.clone()).unwrap().which else {
            panic!("none")
        };
        assert_eq!(tracks.len(), 2);
        assert!(asked(|own| (own.track, own.participant) = (id.clone(), id.clone())).is_err());
        assert!(asked(|own| (own.end, own.duration) = ("1".to_owned(), "1".to_owned())).is_err());
        assert!(asked(|own| own.track = format!("{id},")).is_err());
        assert!(asked(|own| own.participant = "x".to_owned()).is_err());
        assert!(asked(|own| own.exact = "maybe".to_owned()).is_err());
        assert!(!asked(|own| own.exact = "false".to_owned()).unwrap().exact);
    }

    #[test]
    fn names_of_files_are_safe_everywhere() {
        let found = disposition("Lesson 1", "mp4");
        assert_eq!(found, "attachment; filename=\"Lesson 1.mp4\"; filename*=UTF-8''Lesson%201.mp4");
        let found = disposition("Über \u{1f600}", "webm");
        let expected = "attachment; filename=\"_ber _.webm\"; filename*=UTF-8''%C3%9Cber%20%F0%9F%98%80.webm";
        assert_eq!(found, expected);
        let found = disposition("../\"a\"\r\nX: y\0", "mp4");
        assert_eq!(found, "attachment; filename=\"__a___X_ y_.mp4\"; filename*=UTF-8''__a___X_%20y_.mp4");
        assert!(disposition(" .. ", "mp4").contains("\"recording.mp4\""));
        assert!(disposition(&"x".repeat(9999), "mp4").len() < 200);
    }
}
