//! Who may do what: one pure function of facts that were loaded before.

use super::Role;
use super::subject::{Kind, Purpose, Subject};
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use crate::time::WallTime;
use std::sync::Arc;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See a list, of what one may view.
    List,
    /// Start a recording.
    Start,
    /// Attach a room of an application's.
    Attach,
    /// See and repeat what applications are told by webhooks, of all recordings.
    Webhooks,
    /// Read the audit, take it away, and erase persons from it.
    Audit,
    /// See rows of a recording, and watch it.
    View,
    /// Take a file away.
    Download,
    /// See, make and revoke shares of it.
    Share,
    /// Hide it.
    Delete,
    /// Stop it, let it stand still and go on, and say whom it records.
    Stop,
    /// Remove it for good, or bring it back; erase somebody from it.
    Purge,
    /// See and repeat what applications are told of it by webhooks.
    Tell,
    /// See what was done with it.
    History,
    /// Say that nothing of it may be deleted, or that it may again.
    Hold,
}

/// What a share gives to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The share.
    pub share: ShareId,
    /// How much.
    pub level: Level,
    /// Until then.
    pub expires_at: Option<WallTime>,
    /// It is of a link, so only for who opened that.
    pub by_link: bool,
}

/// What is known of somebody and a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The recording.
    pub recording: RecordingId,
    /// The `user_id` of who started it.
    pub owner: Arc<str>,
    /// It was hidden.
    pub deleted: bool,
    /// Whoever asks was in the room, and those may view.
    pub participant: bool,
    /// Shares that reach whoever asks and were not revoked.
    pub shares: Vec<Given>,
}

/// They may not do that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// They may not even know that there is such a recording.
    #[error("there is no such recording")]
    Hidden,
    /// They may see it, but not do this.
    #[error("{0}")]
    Forbidden(String),
}

/// How much of a recording somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// Nothing: it is as if it were not there.
    Nothing,
    /// So much.
    Level(Level),
    /// Everything: of the owner, and of administrators.
    All,
}

impl Held {
    /// The most that can be given on of it.
    #[must_use]
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Nothing => None,
            Self::Level(level) => Some(level),
            Self::All => Some(Level::Delete),
        }
    }
}

/// How much of a recording somebody holds at a time.
#[must_use]
pub fn held(subject: &Subject, facts: &Facts, now: WallTime) -> Held {
    let cap = match (subject.kind, subject.bound) {
        (Kind::User, _) => None,
        (Kind::Link | Kind::SignedUrl, Some(bound)) if bound.recording == facts.recording => {
            Some(bound.level)
        }
        _ => return Held::Nothing,
    };
    let own = if subject.kind == Kind::Link { Held::Nothing } else { of_user(subject, facts) };
    let live = facts.shares.iter().filter(|given| given.expires_at.is_none_or(|end| now < end));
    let reaches = |given: &&Given| match subject.kind {
        // Whoever opened a link has that link's share alone.
        Kind::Link => subject.share == Some(given.share),
        _ => !given.by_link && subject.role != Role::Unknown,
    };
    let given = live.filter(reaches).map(|given| Held::Level(given.level)).max();
    let most = if facts.deleted && own != Held::All { Held::Nothing } else { own.max(given.unwrap_or(own)) };
    match cap {
        Some(cap) if most != Held::Nothing => most.min(Held::Level(cap)),
        _ => most,
    }
}

fn of_user(subject: &Subject, facts: &Facts) -> Held {
    match subject.role {
        Role::Unknown | Role::Service => Held::Nothing,
        Role::Admin => Held::All,
        Role::Student | Role::Teacher if *subject.user_id == *facts.owner => Held::All,
        Role::Student | Role::Teacher if facts.participant => Held::Level(Level::View),
        Role::Student | Role::Teacher => Held::Nothing,
    }
}

/// Whether somebody may do something at a time; `about` is what is known of them and the recording that it is done to.
///
/// Administrators may do everything, and so may who started a recording with that recording. Whoever was in the room may
/// view it. Everybody else has what is shared with them. Teachers start recordings; programs of the application start
/// and stop them, and attach rooms, and see nothing.
///
/// # Errors
/// [`Denied::Hidden`] when they must not learn that there is such a recording, else [`Denied::Forbidden`].
pub fn permit(subject: &Subject, action: Action, about: Option<&Facts>, now: WallTime) -> Result<(), Denied> {
    let needed = match action {
        Action::List | Action::Start | Action::Attach | Action::Webhooks | Action::Audit => {
            return of_role(subject, action);
        }
        Action::View => Held::Level(Level::View),
        Action::Download => Held::Level(Level::Download),
        Action::Share => Held::Level(Level::Share),
        Action::Delete => Held::Level(Level::Delete),
        Action::Stop | Action::Purge | Action::Tell | Action::Hold | Action::History => Held::All,
    };
    let facts = about.ok_or(Denied::Hidden)?;
    if subject.kind == Kind::Service {
        let may = action == Action::Stop && !facts.deleted;
        return if may { Ok(()) } else { Err(Denied::Hidden) };
    }
    let held = held(subject, facts, now);
    if held == Held::Nothing {
        return Err(Denied::Hidden);
    }
    if let Some(bound) = subject.bound {
        if matches!(bound.purpose, Purpose::Download(_)) && action != Action::Download {
            return Err(Denied::Forbidden("this address is for one download".to_owned()));
        }
        if !matches!(action, Action::View | Action::Download) {
            return Err(Denied::Forbidden("this needs a user's token".to_owned()));
        }
    }
    if action == Action::Hold && subject.role != Role::Admin {
        return Err(Denied::Forbidden("only administrators may do this".to_owned()));
    }
    if held >= needed {
        return Ok(());
    }
    let least = match needed {
        Held::Level(level) => format!("this needs the level {level}"),
        _ => "only who started it may do this, and administrators".to_owned(),
    };
    Err(Denied::Forbidden(least))
}

fn of_role(subject: &Subject, action: Action) -> Result<(), Denied> {
    if matches!(subject.kind, Kind::Link | Kind::SignedUrl) {
        return Err(Denied::Forbidden("this needs a user's token".to_owned()));
    }
    let allowed = match action {
        Action::Start | Action::Attach => matches!(subject.role, Role::Teacher | Role::Admin | Role::Service),
        Action::List => matches!(subject.role, Role::Student | Role::Teacher | Role::Admin),
        _ => subject.role == Role::Admin,
    };
    if allowed {
        Ok(())
    } else {
        Err(Denied::Forbidden(format!("the role {} may not do this", subject.role)))
    }
}

#[cfg(test)]
#[path = "permit_tests.rs"]
mod tests;
