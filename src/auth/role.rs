//! What a bearer is in the application, and how the application calls it.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What a bearer is in the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees what is theirs or shared with them.
    Student,
    /// May also record.
    Teacher,
    /// May do everything.
    Admin,
    /// A program of the application, such as the one that attaches rooms: records and sees nothing.
    Service,
    /// A role that we do not know: may do nothing.
    #[serde(other)]
    Unknown,
}

impl Role {
    /// As tokens and tables write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Unknown => "unknown",
        }
    }

    /// Of several roles the one that may do most counts.
    fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Service => 1,
            Self::Student => 2,
            Self::Teacher => 3,
            Self::Admin => 4,
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Student, Self::Teacher, Self::Admin, Self::Service];
        let found = all.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| format!("'{name}' is not student, teacher, admin or service"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the application's roles are here. Our own names need no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMap(HashMap<String, Role>);

impl RoleMap {
    /// Of entries such as `instructor=teacher`; `guest=none` takes a name away.
    ///
    /// # Errors
    /// Which entry is none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut map = HashMap::new();
        for entry in entries {
            let (theirs, ours) =
                entry.split_once('=').ok_or_else(|| format!("'{entry}' is not 'theirs=ours'"))?;
            let (theirs, ours) = (theirs.trim(), ours.trim());
            let role = if ours == "none" { Role::Unknown } else { ours.parse()? };
            if theirs.is_empty() || map.insert(theirs.to_owned(), role).is_some() {
                return Err(format!("'{theirs}' must be named once"));
            }
        }
        Ok(Self(map))
    }

    /// Of the names in a token, the role that may do most.
    pub(super) fn of<'a>(&self, names: impl Iterator<Item = &'a str>) -> Role {
        let one =
            |name: &str| self.0.get(name).copied().or_else(|| name.parse().ok()).unwrap_or(Role::Unknown);
        names.map(one).max_by_key(|role| role.rank()).unwrap_or(Role::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applications_names_are_mapped_and_ours_are_known() {
        let map = RoleMap::parse(["instructor=teacher", " pupil = student", "admin=none"]).unwrap();
        let of = |names: &[&str]| map.of(names.iter().copied());
        assert_eq!(of(&["instructor"]), Role::Teacher);
        assert_eq!(of(&["teacher"]), Role::Teacher);
        assert_eq!(of(&["pupil", "guest", "instructor"]), Role::Teacher);
        assert_eq!(of(&["service", "pupil"]), Role::Student);
        assert_eq!(of(&["admin"]), Role::Unknown);
        assert_eq!(of(&[]), Role::Unknown);
        assert_eq!(of(&["Teacher"]), Role::Unknown);
        for wrong in ["x", "x=janitor", "=teacher", ""] {
            assert!(RoleMap::parse([wrong]).is_err(), "{wrong}");
        }
        assert!(RoleMap::parse(["x=student", "x=admin"]).is_err());
    }
}
