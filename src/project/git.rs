//! Which git repository a directory is in and what its remotes are, read from the files that git keeps.
//!
//! No program is started: git may not be installed, and an unchanged `up` takes less time than a process needs to start.
//! What cannot be read counts as not there.

use crate::file;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

/// The repository around a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// The directory with `.git`.
    pub(super) root: PathBuf,
    /// What all worktrees of the repository share (`gitrepository-layout(5)`: `commondir`).
    pub(super) common: PathBuf,
}

/// The repository that `folder`, a canonical path, is in.
pub(super) fn around(folder: &Path) -> Option<Repository> {
    let root = folder.ancestors().find(|folder| folder.join(".git").exists())?;
    let git = git_folder(root)?;
    let common = match text(&git.join("commondir")) {
        Some(named) => git.join(named.trim()),
        None => git,
    };
    Some(Repository { root: root.to_owned(), common: common.canonicalize().ok()? })
}

/// `.git` in `root`, or what that names in a worktree or a submodule.
pub(super) fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    Some(root.join(text(&git)?.strip_prefix("gitdir:")?.trim()))
}

/// The file that git keeps while it writes the working tree that `folder` is in (`gitrepository-layout(5)`: `index`).
pub(crate) fn index_lock(folder: &Path) -> Option<PathBuf> {
    let root = folder.ancestors().find(|folder| folder.join(".git").exists())?;
    Some(git_folder(root)?.join("index.lock"))
}

/// The first URL of every remote of the repository, by name, as it is written.
pub(super) fn remotes(common: &Path) -> BTreeMap<String, String> {
    text(&common.join("config")).map(|config| remotes_in(&config)).unwrap_or_default()
}

fn text(path: &Path) -> Option<String> {
    let bytes = file::read(path, file::TEXT).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `git-config(1)`, only the remotes: `[remote "NAME"]`, and `url` below it.
fn remotes_in(config: &str) -> BTreeMap<String, String> {
    let joined = config.replace("\\\r\n", "").replace("\\\n", "");
    let mut remotes = BTreeMap::new();
    let mut section: Option<String> = None;
    for line in joined.lines() {
        let mut line = line.trim();
        if line.starts_with('[') {
            let Some((header, rest)) = header(line) else { continue };
            section = remote(header);
            line = rest.trim();
        }
        let (Some(name), Some((key, written))) = (&section, line.split_once('=')) else { continue };
        if key.trim().eq_ignore_ascii_case("url") {
            remotes.entry(name.clone()).or_insert_with(|| value(written.trim()));
        }
    }
    remotes
}

/// The text between the brackets at the start of a line, and the text after them.
fn header(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some((&line[1..at], &line[at + 1..])),
            _ => {}
        }
    }
    None
}

/// The remote that a section is about.
fn remote(header: &str) -> Option<String> {
    let (section, name) = header.trim().split_once(char::is_whitespace)?;
    let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
    section.eq_ignore_ascii_case("remote").then(|| name.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// A value without its quotes and without the comment after it.
fn value(written: &str) -> String {
    let (mut value, mut kept) = (String::new(), 0);
    let mut letters = written.chars();
    let mut quoted = false;
    while let Some(c) = letters.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => value.extend(letters.next()),
            c => value.push(c),
        }
        if quoted || !c.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value
}

#[cfg(test)]
mod tests {
    use super::around;
    use super::remotes_in;
    use std::fs;

    #[test]
    fn remotes_are_read_as_git_reads_them() {
        // configuration: NAME=URL of every remote
        let table = [
            ("[remote \"origin\"]\n\turl = https://h/a.git\n\tfetch = +x\n", "origin=https://h/a.git"),
            ("[REMOTE \"o\"] URL=git@h:a # mine\n[core]\n url = no\n", "o=git@h:a"),
            ("[remote \"a]b\"]\nurl = \"/p;q\" ; x\nurl = second\n", "a]b=/p;q"),
            ("[remote \"x\"]\nurl = /long\\\n/path\r\n", "x=/long/path"),
            ("; [remote \"no\"]\n[branch \"main\"]\nremote = origin\nurl = no\n", ""),
            ("[remote \"broken\n url = no", ""),
        ];
        for (config, expected) in table {
            let found: Vec<String> =
                remotes_in(config).into_iter().map(|(name, url)| format!("{name}={url}")).collect();
            assert_eq!(found.join(" "), expected, "{config}");
        }
    }

    #[test]
    fn a_worktree_shares_the_repository_and_a_submodule_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let main = base.join("main");
        fs::create_dir_all(main.join(".git/worktrees/w")).unwrap();
        fs::create_dir_all(main.join(".git/modules/s")).unwrap();
        fs::create_dir_all(main.join("app")).unwrap();
        fs::create_dir_all(main.join("sub")).unwrap();
        fs::create_dir_all(base.join("w/app")).unwrap();
        fs::write(main.join(".git/worktrees/w/commondir"), "../..\n").unwrap();
        fs::write(base.join("w/.git"), format!("gitdir: {}\n", main.join(".git/worktrees/w").display()))
            .unwrap();
        fs::write(main.join("sub/.git"), "gitdir: ../.git/modules/s\n").unwrap();
        let found = |path: &str| around(&base.join(path)).unwrap();
        assert_eq!(found("main/app").root, main);
        assert_eq!(found("w/app").root, base.join("w"));
        assert_eq!(found("main/app").common, main.join(".git"));
        assert_eq!(found("w/app").common, main.join(".git"));
        assert_eq!(found("main/sub").common, main.join(".git/modules/s"));
        assert_eq!(around(&base.join("elsewhere")), None);
    }
}
