//! The files of a directory, the texts of those that may speak of a deployment, and paths among them; without a disk.

use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::read::parse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The objects of a file, and its errors.
pub(in crate::discover) type Parsed = Arc<(Vec<Object>, Vec<Finding>)>;

/// A directory's files, each by its path with `/`, and the texts of those that matter.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The directory's name, which names what nothing else does.
    pub name: String,
    /// Every file.
    pub files: BTreeSet<String>,
    /// Existing directories that were not read: build outputs, installed packages.
    pub closed: BTreeSet<String>,
    /// The contents of the relevant files.
    pub texts: BTreeMap<String, String>,
    /// The files of the repository around the directory, each by a path that begins with `..`; of them only Dockerfiles are read.
    pub outside: BTreeSet<String>,
    /// The directory's path in that repository.
    pub place: String,
    /// Whether there were more files than are looked at.
    pub capped: bool,
    /// The files that are programs, among those that compose files mount.
    pub executable: BTreeSet<String>,
    /// The files whose contents Git LFS has not fetched.
    pub pointers: BTreeSet<String>,
    /// The objects of files that were requested as manifests: each is parsed once.
    pub(in crate::discover) parsed: Arc<Mutex<BTreeMap<String, Parsed>>>,
}

impl Tree {
    /// A tree out of texts, for tests and for files about to be written.
    #[must_use]
    pub fn from_texts(name: &str, texts: &[(&str, &str)]) -> Tree {
        let texts: BTreeMap<String, String> =
            texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Tree { name: name.to_owned(), files: texts.keys().cloned().collect(), texts, ..Tree::default() }
    }

    /// The text of a file, without a byte order mark.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(|text| text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The objects of a file of manifests; none where it is not there.
    pub(in crate::discover) fn objects(&self, path: &str) -> Parsed {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.get(path) {
            return known.clone();
        }
        let objects = Arc::new(parse(self.text(path).unwrap_or_default(), Path::new(path)));
        parsed.insert(path.to_owned(), Arc::clone(&objects));
        objects
    }

    /// Whether the directory has files.
    #[must_use]
    pub fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.closed.contains(folder) || self.below(folder).next().is_some()
    }

    /// The files that a path means: one file, those in a directory, or those that fit a pattern.
    #[must_use]
    pub fn meant(&self, path: &str, recursive: bool) -> Vec<&str> {
        if self.files.contains(path) {
            return self.files.get(path).into_iter().map(String::as_str).collect();
        }
        if path.contains(['*', '?']) {
            let wanted: Vec<&str> = path.split('/').collect();
            let fits_all = |file: &&String| {
                let parts: Vec<&str> = file.split('/').collect();
                let deep = path.ends_with("/**") || path.contains("**/");
                (parts.len() == wanted.len() || deep && parts.len() + 1 >= wanted.len())
                    && wanted.iter().zip(&parts).all(|(wanted, part)| fits(wanted, part))
            };
            return self.files.iter().filter(fits_all).map(String::as_str).collect();
        }
        if recursive { self.below(path).collect() } else { self.inside(path).collect() }
    }

    /// The files in the directory and in those below it.
    pub fn below<'t>(&'t self, folder: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let files = if folder.starts_with("..") { &self.outside } else { &self.files };
        let from = files.range(prefix.clone()..).map(String::as_str);
        from.take_while(move |path| path.starts_with(&prefix))
    }

    /// The files in the directory itself.
    pub fn inside<'t>(&'t self, folder: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        let folder = folder.to_owned();
        self.below(&folder).filter(move |path| parent(path) == folder)
    }

    /// Whether some file or directory has this path, in which `*` and `?` may stand for letters of a name.
    #[must_use]
    pub fn matches(&self, pattern: &str) -> bool {
        // What lies in a directory that was not looked into may be there.
        if self.closed.iter().any(|closed| pattern == closed || pattern.starts_with(&format!("{closed}/"))) {
            return true;
        }
        if !pattern.contains(['*', '?', '[']) {
            return self.files.contains(pattern)
                || self.outside.contains(pattern)
                || self.has_folder(pattern);
        }
        let wanted: Vec<&str> = pattern.split('/').collect();
        self.files.iter().chain(&self.outside).any(|path| {
            let parts: Vec<&str> = path.split('/').collect();
            parts.len() >= wanted.len() && wanted.iter().zip(&parts).all(|(wanted, part)| fits(wanted, part))
        })
    }
}

/// Whether `name` is what `pattern`, with `*` and `?`, stands for.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        let same = |(a, b): (char, char)| a == b || a == '?' || a == '[';
        return pattern.chars().count() == name.chars().count()
            && pattern.chars().zip(name.chars()).all(same);
    };
    let Some(name) = name.strip_prefix(head) else { return false };
    (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
}

/// `Dockerfile`, `Dockerfile.prod`, `web.Dockerfile`, `Containerfile`.
#[must_use]
pub fn is_dockerfile(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let ending = |word: &str| {
        small == word
            || small.ends_with(&format!(".{word}"))
            || small.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    };
    (ending("dockerfile") || ending("containerfile"))
        && ![
            ".dockerignore",
            ".bak",
            ".orig",
            ".md",
            ".txt",
            "~",
            ".swp",
            ".j2",
            ".tmpl",
            ".rs",
            ".go",
            ".py",
        ]
        .iter()
        .any(|end| small.ends_with(end))
}

/// Whether a file's name ends in one of these, after a dot.
#[must_use]
pub fn ends(path: &str, endings: &[&str]) -> bool {
    let ending = file_name(path).rsplit_once('.').map_or("", |(_, ending)| ending);
    endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// The directory of a path; empty for the root.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `path` as seen from `folder`, `.` and `..` resolved; what leaves the root begins with `..`.
#[must_use]
pub fn join(folder: &str, path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// `path` and every directory above it, down to the root.
pub fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| (!path.is_empty()).then(|| parent(path)))
}

/// A path as deploy.toml has it: `.` for the root.
#[must_use]
pub fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use super::is_dockerfile;
    use super::join;
    use super::upwards;

    #[test]
    fn dockerfiles_have_many_names() {
        for name in [
            "Dockerfile",
            "Dockerfile.prod",
            "web.Dockerfile",
            "Dockerfile-api",
            "dockerfile",
            "Containerfile",
        ] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in ["Dockerfile.dockerignore", "Dockerfile.bak", "dockerfile.rs", "Dockerfiles", "docker"] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }

    #[test]
    fn paths_are_resolved_without_a_disk() {
        for (folder, path, whole) in [
            ("", "./a/b", "a/b"),
            ("a/b", "../c", "a/c"),
            ("a", "../..", ".."),
            ("a", ".", "a"),
            ("..", "../x", "../../x"),
            ("", "a\\b", "a/b"),
        ] {
            assert_eq!(join(folder, path), whole, "{folder} {path}");
        }
        assert_eq!(upwards("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
    }

    #[test]
    fn files_and_folders_are_found_by_pattern() {
        let tree = Tree::from_texts("x", &[("web/package.json", ""), ("web/src/a.ts", "")]);
        for found in ["web/package*.json", "web/src", "web", "*", "web/*/a.ts", "web/package?json"] {
            assert!(tree.matches(found), "{found}");
        }
        for absent in ["package.json", "web/*.txt", "we"] {
            assert!(!tree.matches(absent), "{absent}");
        }
    }
}
