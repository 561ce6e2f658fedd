//! What happened, before it has a place in a chain.

use crate::catalog::AuditRow;
use crate::id::RecordingId;
use crate::time::WallTime;
use serde_json::Value;
use uuid::Uuid;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As it is stored and told.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

names! {
    /// What was done. The names of the earlier service are kept: view, download, stream, delete, share, unshare.
    Action {
        /// A row about recordings was read: a recording, the list, its manifest, its events.
        View = "view",
        /// A file was taken away.
        Download = "download",
        /// It was watched.
        Stream = "stream",
        /// It was hidden, or removed for good.
        Delete = "delete",
        /// It was shared.
        Share = "share",
        /// A share was taken back.
        Unshare = "unshare",
        /// A share's link was opened.
        OpenShare = "open_share",
        /// A recording was begun.
        Start = "start",
        /// A recording was ended.
        Stop = "stop",
        /// It was paused.
        Pause = "pause",
        /// It went on.
        Resume = "resume",
        /// A person was left out or taken in again, during the recording.
        Consent = "consent",
        /// A person was removed from a recording.
        Erase = "erase",
        /// A hidden recording is seen again.
        Restore = "restore",
        /// A rendition was asked for.
        Transcode = "transcode",
        /// A rule about recordings was changed: retention, a legal hold, webhooks.
        Policy = "policy",
        /// An application attached a room.
        Attach = "attach",
        /// Somebody could not be told who they are.
        SignIn = "sign_in",
        /// The audit was read.
        AuditRead = "audit_read",
        /// The audit was taken away.
        AuditExport = "audit_export",
        /// A person was erased from the audit.
        AuditErase = "audit_erase",
        /// Rows of the audit were removed because of their age.
        AuditRetention = "audit_retention",
        /// A process began to write a chain.
        AuditBegin = "audit_begin",
        /// It ended in order.
        AuditEnd = "audit_end",
    }
}

names! {
    /// What came of it.
    Outcome {
        /// All of it.
        Success = "success",
        /// Nothing of it.
        Failed = "failed",
        /// Some of it: it was cut off.
        Partial = "partial",
    }
}

names! {
    /// Whether what lasted began or ended.
    Phase {
        /// It did not last.
        Once = "once",
        /// It begins. Written before the first byte.
        Start = "start",
        /// It is over.
        End = "end",
    }
}

/// The role of what the service does by itself.
pub(super) const SYSTEM: &str = "system";
/// Longest texts that are kept, in bytes.
const LONGEST: usize = 512;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: WallTime,
    /// What.
    pub action: Action,
    /// Whether it lasted.
    pub phase: Phase,
    /// What came of it.
    pub outcome: Outcome,
    /// By whom.
    pub who: Option<String>,
    /// What they are.
    pub role: String,
    /// From which address.
    pub address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// Whom it concerned.
    pub target: Option<String>,
    /// On which recording.
    pub recording: Option<RecordingId>,
    /// Of which room.
    pub room: Option<String>,
    /// Joins its start and its end.
    pub session: Option<Uuid>,
    /// By which share.
    pub share: Option<String>,
    /// Of which request.
    pub request_id: Option<String>,
    /// Method and route.
    pub route: Option<String>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Bytes that were sent.
    pub bytes: Option<u64>,
    /// How long it took, in microseconds.
    pub duration_micros: Option<i64>,
    /// More of it: an object, with nothing of a person in it.
    pub detail: Option<Value>,
}

impl Entry {
    /// Something that is over, by nobody, and went well.
    #[must_use]
    pub fn new(at: WallTime, action: Action) -> Self {
        Self {
            at,
            action,
            phase: Phase::Once,
            outcome: Outcome::Success,
            who: None,
            role: String::new(),
            address: None,
            user_agent: None,
            target: None,
            recording: None,
            room: None,
            session: None,
            share: None,
            request_id: None,
            route: None,
            status: None,
            bytes: None,
            duration_micros: None,
            detail: None,
        }
    }

    /// Something that the service does by itself.
    #[must_use]
    pub fn system(at: WallTime, action: Action) -> Self {
        Self { role: SYSTEM.to_owned(), ..Self::new(at, action) }
    }

    /// Its row, which has no place yet.
    pub(super) fn row(&self) -> AuditRow {
        let text = |text: &Option<String>| text.as_deref().map(bounded);
        AuditRow {
            at: self.at,
            action: self.action.name().to_owned(),
            phase: self.phase.name().to_owned(),
            result: self.outcome.name().to_owned(),
            status: self.status.map(i64::from),
            role: bounded(&self.role),
            recording_id: self.recording.map(|id| id.to_string()),
            room_id: text(&self.room),
            session_id: self.session.map(|id| id.to_string()),
            share_id: text(&self.share),
            request_id: text(&self.request_id),
            route: text(&self.route),
            bytes: self.bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            duration_micros: self.duration_micros,
            detail: self.detail.as_ref().map(Value::to_string).unwrap_or_default(),
            who: text(&self.who),
            address: text(&self.address),
            user_agent: text(&self.user_agent),
            target: text(&self.target),
            ..AuditRow::default()
        }
    }
}

/// What is stored must read back as it was hashed: PostgreSQL takes no U+0000. Strangers choose these texts, so they are
/// bounded.
fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST);
    text.get(..end).unwrap_or_default().replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(*action));
        }
        assert_eq!(Outcome::from_name("success"), Some(Outcome::Success));
        assert_eq!(Phase::from_name("x"), None);
    }

    #[test]
    fn texts_of_strangers_are_bounded() {
        let mut entry = Entry::new(WallTime(0), Action::View);
        entry.user_agent = Some("ä".repeat(10_000));
        entry.who = Some("a\0b".to_owned());
        let row = entry.row();
        assert_eq!(row.user_agent.unwrap().len(), LONGEST);
        assert_eq!(row.who.unwrap(), "a\u{fffd}b");
    }
}
