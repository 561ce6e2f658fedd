//! All problems that there are, and the refusals of an operation as its annotation lists them:
//! `Refused<(NotFound, NotRunning)>`. What the document says of a refusal is the exact set of its `type`s.

use serde_json::json;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{IntoResponses, ToSchema};

/// An error as a problem document (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "told, not made: error.rs makes it")]
pub(super) struct Told {
    /// Which problem: `urn:tureen:problem:` and its name.
    r#type: String,
    /// The HTTP status in words.
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For people.
    detail: String,
    /// The same, for clients of the earlier service.
    error: String,
    /// The field or argument that is wrong.
    field: Option<String>,
    /// The recording that stands in the way.
    recording_id: Option<String>,
    /// A name for programs.
    code: Option<String>,
    /// The setting that decides.
    setting: Option<String>,
    /// Where to go instead.
    playlist: Option<String>,
    /// The tracks that there are.
    tracks: Option<Vec<String>>,
}

/// A problem by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Known {
    /// The HTTP status.
    pub(in crate::http) status: u16,
    /// Last part of its `type`.
    pub(in crate::http) name: &'static str,
    /// When it comes.
    when: &'static str,
}

/// Problems that an operation may answer with.
pub(in crate::http) trait Listed {
    /// In the order of the annotation.
    fn list() -> Vec<Known>;
}

macro_rules! problems {
    ($($status:literal $name:literal $problem:ident: $when:literal;)*) => {
        $(
            #[doc = $when]
            #[allow(dead_code, reason = "some are of no operation: of addresses at which there is none")]
            pub(in crate::http) struct $problem;

            impl Listed for $problem {
                fn list() -> Vec<Known> {
                    vec![Known { status: $status, name: $name, when: $when }]
                }
            }
        )*

        /// All of them.
        #[cfg(test)]
        pub(in crate::http) const ALL: &[Known] =
            &[$(Known { status: $status, name: $name, when: $when }),*];
    };
}

problems! {
    400 "bad-request" BadRequest: "a wrong field or argument; `field` names it";
    400 "bad-source" BadSource: "the source cannot be used";
    400 "too-far-ahead" TooFarAhead: "`_HLS_msn` of a segment that is not among the next two";
    401 "unauthorized" Unauthorized: "no token, or one that is not good; `WWW-Authenticate` says why";
    403 "forbidden" Forbidden: "the role may not do this";
    403 "password-required" PasswordRequired: "the share has a password; `field` is `password`";
    403 "wrong-password" WrongPassword: "it is another one";
    403 "address-not-allowed" AddressNotAllowed: "the address is not public, and `setting` does not list it";
    404 "not-found" NotFound: "there is no such thing, or it was deleted";
    404 "no-such-share" NoSuchShare: "there is nothing to open, or not any more";
    404 "nothing-yet" NothingYet: "no segment is closed yet; `Retry-After`";
    404 "not-playable" NotPlayable: "what there is does not play from HLS";
    404 "no-transport-stream" NoTransportStream: "a segment of the earlier service; `playlist` says where to go";
    405 "method-not-allowed" MethodNotAllowed: "this address does not take that method; `Allow`";
    409 "already-recording" AlreadyRecording: "the room is being recorded; `recording_id` says by which";
    408 "request-timeout" RequestTimeout: "the body did not come in time";
    409 "not-attached" NotAttached: "no application has attached the room";
    409 "not-running" NotRunning: "the recording does not run";
    409 "still-recording" StillRecording: "the recording runs: stop it first";
    409 "legal-hold" LegalHold: "nothing of the recording may be deleted";
    409 "not-deleted" NotDeleted: "it is not hidden";
    409 "in-progress" InProgress: "the idempotency key's request is being carried out; `Retry-After`";
    409 "already-paused" AlreadyPaused: "it stands still already";
    409 "not-paused" NotPaused: "it does not stand still";
    409 "several-files" SeveralFiles: "the camera is in two codecs: choose one of `tracks`";
    409 "too-many-shares" TooManyShares: "the recording has as many shares as may be: revoke some";
    412 "precondition-failed" PreconditionFailed: "`If-Match` names another file";
    413 "too-large" TooLarge: "a body over 64 KiB";
    416 "range" OutOfRange: "nothing of the range is there";
    421 "stored-elsewhere" StoredElsewhere: "its files are with another process, which removes them";
    422 "key-reused" KeyReused: "the idempotency key belongs to another request";
    422 "layers-unsupported" LayersUnsupported: "this way of attaching gives no layers";
    422 "not-in-container" NotInContainer: "the format does not hold this codec; `tracks` are those that there are";
    422 "too-long" TooLong: "the file's tables would be too large: ask for a part";
    426 "upgrade-required" UpgradeRequired: "not a WebSocket of this subprotocol";
    429 "too-many-requests" TooManyRequests: "more than one may ask; `Retry-After`";
    500 "internal" Internal: "our fault; the log has the cause";
    503 "no-keys" NoKeys: "the keys that tokens are checked with cannot be had; `Retry-After`";
    503 "audit-unavailable" Unrecorded: "what is asked must leave a record, and that cannot be written now; `Retry-After`";
    503 "timeout" Timeout: "the answer was not ready in time; `Retry-After`";
    503 "not-in-time" NotInTime: "what was waited for did not come; `Retry-After`";
    503 "too-many-listeners" TooManyListeners: "as many listen as may; `Retry-After`";
    503 "too-many-attached" TooManyAttached: "as many are attached as may be; `Retry-After`";
    503 "too-many-recordings" TooManyRecordings: "as many run as may; `Retry-After`";
    503 "sfu-unreachable" SfuUnreachable: "the SFU does not answer";
    503 "sfu-refused" SfuRefused: "the SFU answers no";
    503 "changed" Changed: "rows changed while they were read; `Retry-After`";
    503 "no-pages" NoPages: "this binary was built without its pages";
    503 "disk-full" NoSpace: "no space is left: nothing could be recorded";
    507 "disk-full" DiskFull: "no space is left";
}

impl Listed for () {
    fn list() -> Vec<Known> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($($member:ident)*) => {
        impl<$($member: Listed),*> Listed for ($($member,)*) {
            fn list() -> Vec<Known> {
                [$($member::list()),*].concat()
            }
        }
    };
}

tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// The refusals of an operation that needs a token: those of every such one, and these.
pub(in crate::http) struct Refused<T>(PhantomData<T>);

/// Of a body.
pub(in crate::http) type OfBody = (BadRequest, RequestTimeout, TooLarge);

/// Those of one that needs none: these alone.
pub(in crate::http) struct Failing<T>(PhantomData<T>);

impl<T: Listed> IntoResponses for Refused<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let all = <(Unauthorized, Forbidden, TooManyRequests, Internal, NoKeys, Unrecorded, Timeout)>::list();
        responses([all, T::list()].concat())
    }
}

impl<T: Listed> IntoResponses for Failing<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(T::list())
    }
}

/// One answer for each status, of all problems that have it.
fn responses(list: Vec<Known>) -> BTreeMap<String, RefOr<Response>> {
    let mut statuses: BTreeMap<String, Vec<Known>> = BTreeMap::new();
    for known in list {
        statuses.entry(known.status.to_string()).or_default().push(known);
    }
    statuses.into_iter().map(|(status, known)| (status, response(&known).into())).collect()
}

fn response(known: &[Known]) -> Response {
    let told: Vec<String> = known.iter().map(|one| format!("`{}`: {}.", one.name, one.when)).collect();
    let names = known.iter().map(|one| json!(format!("urn:tureen:problem:{}", one.name)));
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("type", names))
        .build();
    let content = ContentBuilder::new().schema(Some(RefOr::T(Schema::AllOf(schema)))).build();
    ResponseBuilder::new().description(told.join(" ")).content("application/problem+json", content).build()
}
