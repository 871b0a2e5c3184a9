//! Where a project comes from, and whether two places are one project: a directory that was moved or renamed, a second clone
//! and a worktree are; another directory, another repository, another directory of the same repository are not.
//!
//! `up` in a project replaces and prunes what the project has in the cluster, so this must not be guessed from a name:
//! many repositories have `namespace = "todo-app"`. The known facts of a place are stored next to the inventory.
//! Nothing in it is secret: URLs of remotes are kept without user names and passwords (`remote`).

use super::git;
use super::locate;
use super::remote;
use super::remote::shown;
use crate::world::World;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

/// Where the files of a project are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The machine's host name, up to the first dot.
    pub machine: String,
    /// The directory of the project file, without symbolic links.
    pub folder: String,
    /// The project file's name: `deploy.toml`.
    pub file: String,
    /// The git repository that the directory is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
}

/// A git repository, with the facts that identify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The directory that all worktrees share, as a URL with the machine's name: `file://box/home/kim/shop`.
    pub local: String,
    /// The remotes by name, their URLs in one form and without credentials: `github.com/kim/shop`.
    #[serde(default)]
    pub remotes: BTreeMap<String, String>,
    /// The project's directory inside the repository; empty for its root.
    pub path: String,
}

/// What two places have to do with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// They are the same file.
    Same,
    /// They are the same file of two clones or worktrees of a repository.
    Clone,
    /// They may be one project: its objects have to be compared.
    Doubtful(Doubt),
    /// They are two projects.
    Other,
}

/// Why two places may be one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The file is no longer where it was.
    Moved,
    /// They are two files of one directory.
    OtherFile,
}

impl Origin {
    /// Of the project file at `file`. Reads a few small files of git's, and starts no program.
    #[must_use]
    pub fn locate(world: &World, file: &Path) -> Origin {
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
        let folder = folder.canonicalize().unwrap_or(folder);
        let machine = world.machine.clone();
        let repository = git::around(&folder).and_then(|found| {
            let remotes = git::remotes(&found.common).into_iter();
            let normal =
                |(name, url): (String, String)| Some((name, remote::normal(&url, &found.root, &machine)?));
            Some(Repository {
                local: remote::local(&found.common, &machine),
                remotes: remotes.filter_map(normal).collect(),
                path: shown(folder.strip_prefix(&found.root).ok()?),
            })
        });
        let file = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Origin { machine, folder: shown(&folder), file, repository }
    }

    /// How the place `self`, from which a project was deployed, relates to `here`. `exists` returns whether there is a
    /// file of this machine.
    #[must_use]
    pub fn kinship(&self, here: &Origin, exists: &dyn Fn(&Path) -> bool) -> Kinship {
        let same_place = self.machine == here.machine && self.folder == here.folder;
        let relation = relation(self.repository.as_ref(), here.repository.as_ref());
        let paths = self.repository.as_ref().zip(here.repository.as_ref());
        let same_path = paths.is_some_and(|(recorded, here)| recorded.path == here.path);
        let same_in_repository = relation == Relation::Same && same_path;
        if same_place || same_in_repository {
            return if self.file != here.file {
                Kinship::Doubtful(Doubt::OtherFile)
            } else if same_place {
                Kinship::Same
            } else {
                Kinship::Clone
            };
        }
        let before = match paths {
            // Somewhere else in the repository: was it moved, or is it another directory of it?
            Some((recorded, now)) if relation == Relation::Same => {
                let root = Path::new(&here.folder).ancestors().nth(Path::new(&now.path).components().count());
                root.map(|root| root.join(&recorded.path))
            }
            _ if relation == Relation::Unknown && self.machine == here.machine => {
                Some(PathBuf::from(&self.folder))
            }
            _ => None,
        };
        match before {
            Some(before) if !exists(&before.join(&self.file)) => Kinship::Doubtful(Doubt::Moved),
            _ => Kinship::Other,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { machine, folder, file, .. } = self;
        match file.as_str() {
            locate::NAME => write!(f, "{folder} on {machine}")?,
            file => write!(f, "{folder}/{file} on {machine}")?,
        }
        let remotes = self.repository.as_ref().map(|repository| &repository.remotes);
        let named = remotes.and_then(|remotes| remotes.get("origin").or_else(|| remotes.values().next()));
        named.map_or(Ok(()), |url| write!(f, " ({url})"))
    }
}

/// Whether two repositories are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Different,
    /// Nothing identifies them.
    Unknown,
}

/// `origin` decides where both have one: two forks have the same `upstream`, and are two projects.
fn relation(recorded: Option<&Repository>, here: Option<&Repository>) -> Relation {
    let is = |same: bool| if same { Relation::Same } else { Relation::Different };
    match (recorded, here) {
        (None, None) => Relation::Unknown,
        // A directory may have become a repository since; one with remotes came from somewhere else.
        (None, Some(here)) if here.remotes.is_empty() => Relation::Unknown,
        (Some(a), Some(b)) => {
            let cloned =
                |of: &Repository, from: &Repository| of.remotes.values().any(|url| *url == from.local);
            if a.local == b.local || cloned(a, b) || cloned(b, a) {
                return Relation::Same;
            }
            match (a.remotes.get("origin"), b.remotes.get("origin")) {
                (Some(a), Some(b)) => is(a == b),
                _ if a.remotes.is_empty() && b.remotes.is_empty() => Relation::Unknown,
                _ => is(a.remotes.values().any(|url| b.remotes.values().any(|other| url == other))),
            }
        }
        _ => Relation::Different,
    }
}

#[cfg(test)]
mod tests;
