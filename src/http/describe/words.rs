//! Schemas of what lower layers name, made of their own lists: a field says `value_type = words::...`.

use crate::analytics::session::Source as Telling;
use crate::audit::{Action, Outcome, Phase};
use crate::catalog::{Cause, EndedBy, EventKind, Shown, Status};
use crate::http::analytics::across::{GROUPINGS as VIEW_GROUPINGS, ORDERS as VIEW_ORDERS};
use crate::http::audit::query::GROUPINGS;
use crate::level::Level;
use crate::media::{Codec, Kind};
use crate::playback::room::Subject;
use crate::recorder::integrity::Grade;
use crate::session::Source;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What a gap shows that has pictures of a lower layer.
pub(super) const LAYER: &str = "layer";

/// How many there are: a number up to 10,000, then the text `10000+`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "told, not made: the catalogue makes it")]
pub(in crate::http) enum Count {
    Exactly(u64),
    More(String),
}

/// An identifier; empty as if absent.
pub(in crate::http) struct MaybeId;

impl PartialSchema for MaybeId {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^([0-9A-Fa-f-]{36})?$"));
        text.description(Some("An identifier; empty as if absent.")).build().into()
    }
}

impl ToSchema for MaybeId {
    fn name() -> Cow<'static, str> {
        "MaybeId".into()
    }
}

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $all:expr;)*) => {$(
        $(#[doc = $doc])*
        pub(in crate::http) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let values: Vec<Value> = $all;
                let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values));
                text.description(Some(concat!($($doc),*).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    /// Where a recording is in its life.
    RecordingStatus = [
        Status::Pending,
        Status::Recording,
        Status::Processing,
        Status::Completed,
        Status::Failed,
        Status::Archived,
        Status::Deleted,
    ]
    .map(|one| json!(one))
    .into();
    /// Sound or pictures.
    MediaKind = [Kind::Audio, Kind::Video].map(|one| json!(one)).into();
    /// A codec that is stored.
    CodecName = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus].map(|one| json!(one)).into();
    /// What was captured.
    SourceName = [Source::Camera, Source::Microphone, Source::Screen].map(|one| json!(one)).into();
    /// What a presentation shows.
    PresentationSource = Subject::ALL.map(|one| json!(one.name())).into();
    /// Why nothing came: off, lost, or not again since a pause of the recording.
    GapCause = [Cause::Off, Cause::Loss, Cause::Pause].map(|one| json!(one)).into();
    /// What is shown where nothing came; `layer`: the pictures of a lower layer.
    GapShown = [json!(Shown::Black), json!(Shown::Still), json!(Shown::Silence), json!(LAYER)].into();
    /// By what a recording ended.
    EndedByName = EndedBy::ALL.iter().map(|by| json!(by)).collect();
    /// What was done.
    AuditAction = Action::ALL.iter().map(|action| json!(action.name())).collect();
    /// What the audit counts by.
    AuditGroupBy = GROUPINGS.iter().map(|(name, _)| json!(name)).collect();
    /// What came of it.
    AuditResult = Outcome::ALL.iter().map(|outcome| json!(outcome.name())).collect();
    /// Whether what lasted began or ended.
    AuditPhase = Phase::ALL.iter().map(|phase| json!(phase.name())).collect();
    /// How true it is to what was sent, the best first.
    IntegrityGrade = [Grade::Intact, Grade::Good, Grade::Fair, Grade::Poor].map(|one| json!(one)).into();
    /// With whom something is shared: a user, those of a role, everybody, or whoever has the link.
    ShareType = ["user", "role", "public", "link"].map(|one| json!(one)).into();
    /// How far: each holds what is before it.
    AccessLevel = [Level::View, Level::Download, Level::Share, Level::Delete].map(|one| json!(one)).into();
    /// What told of a viewing session, the best first.
    ViewSource = [Telling::Beacon, Telling::Reports, Telling::Progress, Telling::Requests]
        .map(|one| json!(one))
        .into();
    /// What sums of viewing are grouped by.
    AnalyticsGroupBy = VIEW_GROUPINGS.iter().map(|(name, _)| json!(name)).collect();
    /// What groups come in the order of.
    AnalyticsOrder = VIEW_ORDERS.iter().map(|(name, _)| json!(name)).collect();
    /// What happened.
    EventType = EventKind::ALL.iter().map(|kind| json!(kind.name())).collect();
}
