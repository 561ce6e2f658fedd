//! Parts of paths, and headers, that several operations have.

use utoipa::IntoParams;
use uuid::Uuid;

macro_rules! parts {
    ($($(#[$doc:meta])* $place:ident $name:ident { $($fields:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(IntoParams)]
        #[into_params(parameter_in = $place)]
        #[expect(dead_code, reason = "told, not made: handlers parse the path themselves")]
        pub(in crate::http) struct $name { $($fields)* }
    )*};
}

parts! {
    /// Of a recording.
    Path OfRecording {
        /// The recording.
        id: Uuid,
    }

    /// Of a track.
    Path OfTrack {
        /// The recording.
        id: Uuid,
        /// The track.
        track: Uuid,
    }

    /// Of a share.
    Path OfShare {
        /// The recording.
        id: Uuid,
        /// The share.
        share: Uuid,
    }

    /// Of somebody in a room.
    Path OfParticipant {
        /// The recording.
        id: Uuid,
        /// Somebody, by an id of the manifest, a peer id or a user id.
        #[param(min_length = 1)]
        participant: String,
    }

    /// Of a text that may not have changed.
    Header Known {
        /// ETags that the client has: 304 if one of them is still right.
        #[param(rename = "If-None-Match", required = false)]
        if_none_match: String,
    }

    /// Of a file that can be had in parts (RFC 9110 13, 14).
    Header Parts {
        /// One range of bytes. What is none is ignored.
        #[param(rename = "Range", required = false, example = "bytes=0-1023")]
        range: String,
        /// The ETag that the range is of; the whole file if it is another one.
        #[param(rename = "If-Range", required = false)]
        if_range: String,
        /// ETags that the client has: 304 if one of them is still right.
        #[param(rename = "If-None-Match", required = false)]
        if_none_match: String,
    }

    /// Of a file of a track.
    Path OfFile {
        /// The recording.
        id: Uuid,
        /// The track.
        track: Uuid,
        /// `init-{run}.mp4`, `{n}.m4s`, `{n}.{p}.m4s` (a part), `fill-{after}-{n}.m4s`, `lead-{n}.m4s`, parts of both, `black.mp4`; of
        /// clips `at-{time}-{from}.m4s`; of DASH `at-{time}.m4s`, `at-{time}.webm`, `init-{run}.webm`, `black.webm`.
        #[param(
            example = "0.m4s",
            pattern = r"^(init-\d+\.(mp4|webm)|black\.(mp4|webm)|((fill-\d+|lead)-)?\d+(\.\d+)?\.m4s|at-\d+(-\d+)?\.m4s|at-\d+\.webm)$"
        )]
        file: String,
    }

    /// Of a player that tells of itself (CTA-5004 3, as an argument).
    Query CmcdArgument {
        /// CMCD, version 1 or 2.
        #[param(rename = "CMCD", required = false, example = "bl=21300,ot=v,sid=\"0f8f2f1c\"")]
        cmcd: String,
    }

    /// Of a player that tells of itself (CTA-5004 3, in headers).
    Header CmcdHeaders {
        /// CMCD of this request.
        #[param(rename = "CMCD-Request", required = false, example = "bl=21300,su")]
        request: String,
        /// Of what is asked for.
        #[param(rename = "CMCD-Object", required = false, example = "br=3200,d=2000,ot=v")]
        object: String,
        /// Of the session.
        #[param(rename = "CMCD-Session", required = false, example = "sid=\"0f8f2f1c\"")]
        session: String,
        /// Of the player.
        #[param(rename = "CMCD-Status", required = false, example = "bs")]
        status: String,
    }

    /// Of a file that goes on where a client has it.
    Header Rest {
        /// The ETag of the file whose rest is wanted.
        #[param(rename = "If-Match", required = false)]
        if_match: String,
    }

    /// Of a request that may be sent again.
    Header Repeatable {
        /// The same request with it may be sent again: it is answered with the recording of the first.
        #[param(rename = "Idempotency-Key", required = false, min_length = 1, max_length = 255, pattern = "^[ -~]+$")]
        idempotency_key: String,
    }

    /// Of a stream that goes on.
    Header Heard {
        /// The last event that was heard: what came after it is told first. 0 for all.
        #[param(rename = "Last-Event-ID", required = false)]
        last_event_id: String,
    }

    /// Of a WebSocket.
    Header Handshake {
        /// `websocket`
        #[param(rename = "Upgrade", required = false)]
        upgrade: String,
        /// `tureen-bridge.v1`
        #[param(rename = "Sec-WebSocket-Protocol", required = false)]
        protocol: String,
    }
}
