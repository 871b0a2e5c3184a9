//! Whether git has a file, and with it everybody who has the repository.
//!
//! Reads git's index (`gitformat-index(5)`, versions 2 to 4) and starts no program: git may not be installed, and the
//! answer is one file away. What cannot be read is not judged.

use crate::event::Code;
use crate::event::Finding;
use crate::file;
use crate::project::Project;
use crate::project::git::git_folder;
use crate::relative::shown;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// The files of one repository that git has, by their path from its root.
#[derive(Debug)]
pub struct Repository {
    root: PathBuf,
    files: BTreeSet<Vec<u8>>,
}

impl Repository {
    /// The repository that `folder` is in, if there is one and its index can be read.
    #[must_use]
    pub fn around(folder: &Path) -> Option<Repository> {
        let folder = folder.canonicalize().ok()?;
        let root = folder.ancestors().find(|folder| folder.join(".git").exists())?;
        let index = file::read(&git_folder(root)?.join("index"), file::INDEX).ok()?;
        Some(Repository { root: root.to_owned(), files: paths(&index)? })
    }

    /// Whether git has this file.
    #[must_use]
    pub fn has(&self, file: &Path) -> bool {
        let Ok(file) = file.canonicalize() else { return false };
        let Ok(path) = file.strip_prefix(&self.root) else { return false };
        let path = path.to_string_lossy().replace('\\', "/");
        self.files.contains(path.as_bytes())
    }
}

/// A warning for each .env file that git has.
#[must_use]
pub fn env_files(project: &Project) -> Vec<Finding> {
    let files: Vec<_> = project
        .secrets
        .iter()
        .filter_map(|secret| Some((secret.env_file.as_deref()?, &secret.place)))
        .collect();
    if files.is_empty() {
        return Vec::new();
    }
    let Some(repository) = Repository::around(&project.root) else { return Vec::new() };
    let tracked = files.into_iter().filter(|(file, _)| repository.has(file));
    tracked
        .map(|(file, place)| {
            let name = shown(&project.root, file);
            let message = format!("git has `{name}`, and with it every secret that is in it");
            Code::SecretInGit.warning(message).at(place.clone()).help(format!(
                "`git rm --cached {name}`, write it into .gitignore, and get new values: the old ones are in the history"
            ))
        })
        .collect()
}

/// The paths of an index. `None` if it is in a form that we do not know, such as one with longer digests.
fn paths(index: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    const BEFORE_PATH: usize = 62;
    let number = |at: usize| Some(u32::from_be_bytes(index.get(at..at + 4)?.try_into().ok()?));
    if index.get(..4)? != b"DIRC" {
        return None;
    }
    let (version, count) = (number(4)?, number(8)?);
    let mut paths = BTreeSet::new();
    let (mut at, mut last) = (12, Vec::new());
    for _ in 0..count {
        let begin = at;
        let flags = u16::from_be_bytes(index.get(at + 60..at + 62)?.try_into().ok()?);
        at += BEFORE_PATH;
        if version >= 3 && flags & 0x4000 != 0 {
            at += 2;
        }
        let mut path = match version {
            2 | 3 => Vec::new(),
            4 => {
                let strip = offset(index, &mut at)?;
                last.get(..last.len().checked_sub(strip)?)?.to_vec()
            }
            _ => return None,
        };
        let end = at + index.get(at..)?.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(&index[at..end]);
        // Entries of the older versions are padded with 1 to 8 zeros to a multiple of eight.
        at = if version == 4 { end + 1 } else { begin + (end - begin + 8) / 8 * 8 };
        last.clone_from(&path);
        paths.insert(path);
    }
    Some(paths)
}

/// A number as pack files have it: seven bits a byte, the first ones first.
fn offset(index: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let byte = *index.get(*at)?;
        *at += 1;
        value = value.checked_shl(7)? | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;
    use super::env_files;
    use crate::project::check::check;

    fn entry(path: &str) -> Vec<u8> {
        let mut entry = vec![0; 60];
        entry.extend(u16::try_from(path.len()).unwrap().to_be_bytes());
        entry.extend(path.as_bytes());
        let padding = 8 - entry.len() % 8;
        entry.extend(vec![0; padding]);
        entry
    }

    fn index(version: u32, count: u32, entries: &[u8]) -> Vec<u8> {
        [b"DIRC".as_slice(), &version.to_be_bytes(), &count.to_be_bytes(), entries, &[0; 20]].concat()
    }

    fn repository(index: &[u8]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(".git")).unwrap();
        std::fs::create_dir_all(root.path().join("app")).unwrap();
        std::fs::write(root.path().join(".git/index"), index).unwrap();
        for file in ["app/.env", "app/other.env", "a"] {
            std::fs::write(root.path().join(file), "A=1").unwrap();
        }
        root
    }

    #[test]
    fn what_git_has_is_read_from_its_index() {
        let two = index(2, 2, &[entry("a"), entry("app/.env")].concat());
        // Version 4: the second path drops the last two bytes of the first, and appends `nv`.
        let fixed = |flags: u16| [vec![0; 60], flags.to_be_bytes().to_vec()].concat();
        let four = [fixed(9), vec![0], b"app/.exy\0".to_vec(), fixed(8), vec![2], b"nv\0".to_vec()].concat();
        for index in [two, index(4, 2, &four)] {
            let root = repository(&index);
            let found = Repository::around(&root.path().join("app")).unwrap();
            assert!(found.has(&root.path().join("app/.env")), "{found:?}");
            assert!(!found.has(&root.path().join("app/other.env")));
        }
        assert!(Repository::around(repository(b"something else").path()).is_none());
        assert!(Repository::around(repository(&index(9, 1, &entry("a"))).path()).is_none());
    }

    #[test]
    fn a_tracked_env_file_is_told_where_it_is_named() {
        let root = repository(&index(2, 1, &entry("app/.env")));
        let file = root.path().join("app/deploy.toml");
        let findings = |name: &str| {
            let text = format!("[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '{name}'\n");
            env_files(&check(&file, &text).unwrap())
        };
        let found = findings(".env");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "git has `.env`, and with it every secret that is in it");
        assert!(findings("other.env").is_empty() && findings("nowhere.env").is_empty());
    }
}
