//! Whose eyes rows are read for: what a list or a log shows is restricted in its statement.

use super::row::now;
use super::statement::Statement;

/// For whom rows are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// For somebody who may see all.
    #[default]
    All,
    /// For a user: what they started, what they were in, what is shared with them.
    User {
        /// The application's identifier.
        id: String,
        /// The role's name.
        role: String,
        /// Whoever was in the room may see its recording.
        participants: bool,
    },
}

/// Restricts to recordings that the viewer may see; `column` names their identifiers. Each part is found by an index. Of
/// what was hidden only its owner sees anything.
pub(super) fn restrict(query: &mut Statement, column: &'static str, viewer: &Viewer) {
    let Viewer::User { id, role, participants } = viewer else { return };
    query.push(" AND ").push(column);
    query.push(" IN (SELECT v.id FROM recordings v WHERE v.started_by = ").push_bind(id);
    if *participants {
        query.push(
            " UNION SELECT v.id FROM recording_participants p JOIN recordings v ON v.id = p.recording_id
              WHERE v.deleted_at IS NULL AND p.user_id = ",
        );
        query.push_bind(id);
    }
    query.push(
        " UNION SELECT v.id FROM recording_sharing s JOIN recordings v ON v.id = s.recording_id
          WHERE v.deleted_at IS NULL AND s.revoked_at IS NULL AND (s.expiry_at IS NULL OR s.expiry_at > ",
    );
    query.push_bind(now()).push(") AND ((s.share_type = 'user' AND s.shared_with = ").push_bind(id);
    query.push(") OR (s.share_type = 'role' AND s.shared_with = ").push_bind(role);
    query.push(") OR (s.share_type = 'public' AND s.password_hash IS NULL)))");
}
