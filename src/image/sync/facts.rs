//! The facts about the container and the base images that are needed before files can be synced.

use std::collections::BTreeMap;

/// The known facts. Missing ones were not requested yet; see [`Question`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncFacts {
    /// The configuration of each base image, by its reference.
    pub bases: BTreeMap<String, BaseConfig>,
    /// The types of paths in a container of the image, of links themselves.
    pub paths: BTreeMap<String, PathKind>,
    /// Whether the base image of the last stage has something at a path.
    pub below: BTreeMap<String, bool>,
    /// `/etc/passwd` and `/etc/group` of a container of the image.
    pub accounts: Option<Accounts>,
}

/// Something that is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The configuration of a base image: [`SyncFacts::bases`].
    Base(String),
    /// The type of a path in a container of the image: [`SyncFacts::paths`].
    Path(String),
    /// Whether the base image has something at a path: [`SyncFacts::below`].
    Below {
        /// The base image.
        base: String,
        /// The path.
        path: String,
    },
    /// The users and groups of a container: [`SyncFacts::accounts`].
    Accounts,
}

/// The parts of an image's configuration that affect images based on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseConfig {
    /// `WORKDIR`; empty for `/`.
    pub working_dir: String,
    /// `ENV`.
    pub env: BTreeMap<String, String>,
    /// `VOLUME`.
    pub volumes: Vec<String>,
    /// Whether it has `ONBUILD` triggers.
    pub has_triggers: bool,
}

/// The type of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Nothing.
    Missing,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A file, or something else that is neither a directory nor a link.
    File,
}

/// Users and groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// User and group numbers, by user name.
    users: BTreeMap<String, (u32, u32)>,
    /// Group numbers, by name.
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// Reads the two files. A line that is not as it should be is not an account.
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Accounts {
        let mut accounts = Accounts::default();
        for line in passwd.lines() {
            if let [name, _, uid, gid, ..] = line.split(':').collect::<Vec<_>>()[..]
                && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
            {
                accounts.users.entry(name.to_owned()).or_insert((uid, gid));
            }
        }
        for line in group.lines() {
            if let [name, _, gid, ..] = line.split(':').collect::<Vec<_>>()[..]
                && let Ok(gid) = gid.parse()
            {
                accounts.groups.entry(name.to_owned()).or_insert(gid);
            }
        }
        accounts
    }

    /// The user and group of `USER[:GROUP]` (`buildkit: solver/llbsolver/file/user_linux.go`): a numeric user is also
    /// the group, a named user has its own group. `None` if a name is not known.
    #[must_use]
    pub fn owner(&self, spec: &str) -> Option<(u32, u32)> {
        let (user, group) = match spec.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (spec, None),
        };
        let (uid, own) = match user.parse() {
            Ok(uid) => (uid, uid),
            Err(_) => *self.users.get(user)?,
        };
        let gid = match group {
            None => own,
            Some(group) => group.parse().ok().or_else(|| self.groups.get(group).copied())?,
        };
        Some((uid, gid))
    }
}

/// Whether an owner can be determined without [`Accounts`].
pub(super) fn is_numeric(spec: &str) -> bool {
    spec.split(':').all(|part| part.parse::<u32>().is_ok())
}
