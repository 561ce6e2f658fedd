//! Schemas of what lower layers name, made of their own lists: a field says `value_type = words::...`.

use crate::catalog::{Cause, EventKind, Shown, Status};
use crate::level::Level;
use crate::media::{Codec, Kind};
use crate::recorder::integrity::Grade;
use crate::session::Source;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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
    /// Why nothing came: off, lost, or not again since a pause of the recording.
    GapCause = [Cause::Off, Cause::Loss, Cause::Pause].map(|one| json!(one)).into();
    /// What is shown where nothing came.
    GapShown = [Shown::Black, Shown::Still, Shown::Silence].map(|one| json!(one)).into();
    /// How true it is to what was sent, the best first.
    IntegrityGrade = [Grade::Intact, Grade::Good, Grade::Fair, Grade::Poor].map(|one| json!(one)).into();
    /// With whom something is shared: a user, those of a role, everybody, or whoever has the link.
    ShareType = ["user", "role", "public", "link"].map(|one| json!(one)).into();
    /// How far: each holds what is before it.
    AccessLevel = [Level::View, Level::Download, Level::Share, Level::Delete].map(|one| json!(one)).into();
    /// What happened.
    EventType = EventKind::ALL.iter().map(|kind| json!(kind.name())).collect();
}
