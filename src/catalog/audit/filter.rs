//! Which rows of the audit: constant fragments and bound values.

use crate::catalog::statement::Statement;
use crate::time::WallTime;
use std::fmt;
use std::str::FromStr;

/// Which rows. Empty members do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this user.
    pub actor: Option<String>,
    /// Concerning this user.
    pub target: Option<String>,
    /// On this recording.
    pub recording: Option<String>,
    /// Of this room.
    pub room: Option<String>,
    /// Of this action.
    pub action: Option<&'static str>,
    /// With this result.
    pub result: Option<&'static str>,
    /// In this phase.
    pub phase: Option<&'static str>,
    /// From this address.
    pub address: Option<String>,
    /// At or after.
    pub from: Option<WallTime>,
    /// Before.
    pub to: Option<WallTime>,
}

/// The last row of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCursor {
    /// When it happened.
    pub at: WallTime,
    /// Its number over all chains.
    pub id: i64,
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

impl FromStr for AuditCursor {
    type Err = crate::catalog::NotACursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let none = || crate::catalog::NotACursor;
        let (at, id) = text.split_once('.').ok_or_else(none)?;
        Ok(Self { at: WallTime(at.parse().map_err(|_| none())?), id: id.parse().map_err(|_| none())? })
    }
}

impl AuditFilter {
    /// Whether it names something of which there are few rows, so that they can be read one by one.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.actor.is_some()
            || self.target.is_some()
            || self.recording.is_some()
            || self.room.is_some()
            || self.address.is_some()
    }

    /// Adds the conditions. One column, the one that finds fewest rows, is left as it is; the others are written so that
    /// no index answers to them. So which index is walked never depends on what a planner guesses.
    pub(super) fn restrict(&self, query: &mut Statement) {
        let texts = [
            (" AND r.recording_id = ", " AND r.recording_id || '' = ", &self.recording),
            (" AND r.who = ", " AND r.who || '' = ", &self.actor),
            (" AND r.target = ", " AND r.target || '' = ", &self.target),
            (" AND r.address = ", " AND r.address || '' = ", &self.address),
            (" AND r.room_id = ", " AND r.room_id || '' = ", &self.room),
        ];
        let mut indexed = false;
        for (first, further, value) in texts {
            if let Some(value) = value {
                query.push(if indexed { further } else { first }).push_bind(value);
                indexed = true;
            }
        }
        // By action and result together there is an index; by the result alone the newest rows are walked.
        let by_action = self.action.is_some() && !indexed;
        let others = [
            (" AND r.action = ", " AND r.action || '' = ", self.action),
            (" AND r.result = ", " AND r.result || '' = ", self.result),
            ("", " AND r.phase || '' = ", self.phase),
        ];
        for (first, further, value) in others {
            if let Some(value) = value {
                query.push(if by_action && !first.is_empty() { first } else { further }).push_bind(value);
            }
        }
        if let Some(from) = self.from {
            query.push(" AND r.at >= ").push_bind(from.0);
        }
        if let Some(to) = self.to {
            query.push(" AND r.at < ").push_bind(to.0);
        }
    }
}
