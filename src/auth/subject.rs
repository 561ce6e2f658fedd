//! Who asks.

use super::Role;
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use crate::time::WallTime;
use std::sync::{Arc, OnceLock};

/// How somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// By a token of the application.
    User,
    /// By a token of the application for one of its programs.
    Service,
    /// By a share's link that was opened; nobody knows who it is.
    Link,
    /// By an address that a user had signed: whoever has it acts for that user, within its bounds.
    SignedUrl,
}

impl Kind {
    /// In words of the audit and of logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Link => "link",
            Self::SignedUrl => "signed_url",
        }
    }
}

/// What a capability is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Whatever its level allows.
    Playback,
    /// One download: the digest of its arguments.
    Download([u8; 16]),
}

/// What a capability is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// This recording and no other.
    pub recording: RecordingId,
    /// At most this.
    pub level: Level,
    /// What for.
    pub purpose: Purpose,
}

/// Who asks. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The application's identifier of the user; empty when a link was opened.
    pub user_id: Arc<str>,
    /// What the user is.
    pub role: Role,
    /// How they showed it.
    pub kind: Kind,
    /// The share whose link was opened.
    pub share: Option<ShareId>,
    /// What a capability is bound to; `None` for tokens.
    pub bound: Option<Bound>,
    /// When what they showed is void.
    pub expires_at: WallTime,
}

impl Subject {
    /// A user or program of the application.
    #[must_use]
    pub fn of_token(user_id: &str, role: Role, expires_at: WallTime) -> Self {
        let kind = if role == Role::Service { Kind::Service } else { Kind::User };
        Self { user_id: user_id.into(), role, kind, share: None, bound: None, expires_at }
    }
}

/// A place in a request's extensions in which whoever is around authentication finds who asked.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<OnceLock<Subject>>);

impl Slot {
    /// Who asked, once that is known.
    #[must_use]
    pub fn get(&self) -> Option<&Subject> {
        self.0.get()
    }

    /// Says who asks; the first word counts.
    pub fn fill(&self, subject: &Subject) {
        let _ = self.0.set(subject.clone());
    }
}
