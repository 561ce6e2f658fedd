use super::{Claims, Role};

/// What a bearer wants to do with recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See rows, watch.
    View,
    /// Take a file away.
    Download,
    /// Start a recording.
    Start,
    /// Stop a recording.
    Stop,
    /// Hide a recording.
    Delete,
    /// Remove a recording and its bytes for good.
    Purge,
    /// Say that nothing of a recording may be deleted, or that it may again.
    Hold,
    /// See and repeat what applications are told by webhooks.
    Webhooks,
}

/// The bearer may not do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role {role} may not do this")]
pub struct Denied {
    /// The bearer's role.
    pub role: Role,
}

/// Whether a bearer may do something: students watch, teachers and administrators also record and delete.
///
/// # Errors
/// [`Denied`] when not.
pub fn permit(bearer: &Claims, action: Action) -> Result<(), Denied> {
    let allowed = match (bearer.role, action) {
        (role, Action::Hold) => role == Role::Admin,
        (Role::Teacher | Role::Admin, _) | (Role::Student, Action::View | Action::Download) => true,
        (Role::Student | Role::Unknown, _) => false,
    };
    if allowed { Ok(()) } else { Err(Denied { role: bearer.role }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    #[test]
    fn who_may_do_what() {
        let may = |role, action| permit(&Claims::new("u", "", role, WallTime(0), 1), action).is_ok();
        let all = [
            Action::View,
            Action::Download,
            Action::Start,
            Action::Stop,
            Action::Delete,
            Action::Purge,
            Action::Webhooks,
        ];
        for action in all {
            assert!(may(Role::Admin, action) && may(Role::Teacher, action));
            assert_eq!(may(Role::Student, action), [Action::View, Action::Download].contains(&action));
            assert!(!may(Role::Unknown, action));
        }
        for role in [Role::Student, Role::Teacher, Role::Admin, Role::Unknown] {
            assert_eq!(may(role, Action::Hold), role == Role::Admin);
        }
    }
}
