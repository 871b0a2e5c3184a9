//! A directory on the disk → its files, and the texts of those that may speak of a deployment.
//!
//! Not every file and not every directory: what package managers and builds put there is left out, symbolic links are not
//! followed, and the walk ends at a number of files that no small application has. Nearer files are seen first, so that
//! the deepest files are left out.

use super::mounted;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::is_dockerfile;
use super::tree::join;
use crate::file;
use crate::run::Run;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::path::Path;

/// How many files are looked at.
pub const MOST_FILES: usize = 20_000;
/// How many directories deep.
const DEEPEST: usize = 10;
/// The largest file that is read.
const LARGEST: u64 = 512 << 10;

/// Directories that hold third-party files, or build outputs.
const SKIPPED: [&str; 16] = [
    "node_modules",
    "bower_components",
    "vendor",
    "venv",
    "virtualenv",
    "target",
    "dist",
    "out",
    "obj",
    "__pycache__",
    "site-packages",
    "coverage",
    "tmp",
    "testdata",
    "fixtures",
    "tilt_modules",
];

/// Directories whose names begin with a dot and that contain deployments.
const DOTTED: [&str; 6] = [".docker", ".k8s", ".kube", ".deploy", ".helm", ".devops"];

/// Files of other endings that may speak of a deployment.
const NAMED: [&str; 10] = [
    "makefile",
    "justfile",
    ".justfile",
    "tiltfile",
    "kustomization",
    "package.json",
    ".gitmodules",
    ".gitattributes",
    ".dockerignore",
    ".env",
];

/// Reads the directory `root`; stops early, with the partial result, when the run is stopped.
pub fn walk(run: &Run, root: &Path) -> std::io::Result<Tree> {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut tree = Tree { name, ..Tree::default() };
    walk_into(run, root, &mut tree)?;
    // A user in a subdirectory may build from its sibling directories.
    let repository = root.ancestors().skip(1).take(5).find(|folder| folder.join(".git").exists());
    if let Some(repository) = repository.filter(|_| !root.join(".git").exists()) {
        let mut around = Tree::default();
        walk_into(run, repository, &mut around)?;
        let place = root.strip_prefix(repository).unwrap_or(root);
        tree.place = place.to_string_lossy().replace('\\', "/");
        for path in around.files.iter().filter(|path| !path.starts_with(&format!("{}/", tree.place))) {
            let seen = relative(&tree.place, path);
            if let Some(text) = around.texts.get(path).filter(|_| is_dockerfile(file_name(path))) {
                tree.texts.insert(seen.clone(), text.clone());
            }
            tree.outside.insert(seen);
        }
    }
    mounted::read(root, &mut tree);
    tree.pointers = pointers(root, &tree);
    Ok(tree)
}

/// The files that hold what Git LFS puts in the place of a file (`git-lfs: docs/spec.md`).
fn pointers(root: &Path, tree: &Tree) -> BTreeSet<String> {
    const LARGEST_POINTER: u64 = 1024;
    let uses_lfs = |path: &String| {
        file_name(path) == ".gitattributes" && tree.text(path).is_some_and(|text| text.contains("filter=lfs"))
    };
    if !tree.texts.keys().any(uses_lfs) {
        return BTreeSet::new();
    }
    let is_pointer = |path: &&String| {
        let path = root.join(path);
        path.symlink_metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_POINTER)
            && file::read(&path, LARGEST_POINTER)
                .is_ok_and(|bytes| bytes.starts_with(b"version https://git-lfs.github.com/spec/"))
    };
    tree.files.iter().filter(is_pointer).cloned().collect()
}

/// `path` of the repository as seen from the directory `place` of it.
fn relative(place: &str, path: &str) -> String {
    let shared = place.split('/').zip(path.split('/')).take_while(|(one, other)| one == other).count();
    let ups = place.split('/').count() - shared;
    let rest: Vec<&str> = path.split('/').skip(shared).collect();
    format!("{}{}", "../".repeat(ups), rest.join("/"))
}

fn walk_into(run: &Run, root: &Path, tree: &mut Tree) -> std::io::Result<()> {
    let mut folders = VecDeque::from([(String::new(), 0)]);
    while let Some((folder, depth)) = folders.pop_front() {
        if run.stopped().is_some() {
            break;
        }
        let entries = match root.join(&folder).read_dir() {
            Ok(entries) => entries,
            Err(error) if folder.is_empty() => return Err(error),
            // A directory of another owner inside the tree.
            Err(_) => continue,
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
            let path = join(&folder, &name);
            if kind.is_dir() {
                if depth + 1 < DEEPEST && !is_skipped(&name, &path) {
                    folders.push_back((path, depth + 1));
                } else {
                    tree.closed.insert(path);
                }
            } else if kind.is_file() {
                if tree.files.len() == MOST_FILES {
                    tree.capped = true;
                    return Ok(());
                }
                if is_interesting(&name)
                    && entry.metadata().is_ok_and(|data| data.len() <= LARGEST)
                    && let Ok(bytes) = file::read_utf8(&entry.path(), LARGEST)
                {
                    tree.texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
                }
                tree.files.insert(path);
            }
        }
    }
    Ok(())
}

fn is_skipped(name: &str, path: &str) -> bool {
    let workflows = matches!(path, ".github" | ".github/workflows");
    SKIPPED.contains(&name) || (name.starts_with('.') && !DOTTED.contains(&name) && !workflows)
}

fn is_interesting(name: &str) -> bool {
    const ENDINGS: [&str; 19] = [
        "yaml", "yml", "json", "sh", "bash", "bat", "cmd", "ps1", "tpl", "conf", "sql", "ini", "cnf", "md",
        "adoc", "asciidoc", "rst", "mk", "tiltfile",
    ];
    const NEVER: [&str; 5] =
        ["package-lock.json", "tsconfig.json", "composer.json", "pnpm-lock.yaml", "angular.json"];
    let small = name.to_ascii_lowercase();
    !NEVER.contains(&small.as_str())
        && (is_dockerfile(name)
            || NAMED.contains(&small.as_str())
            || small.starts_with(".env.")
            || ends(&small, &["env", "dockerignore"])
            || ends(&small, &ENDINGS))
}

#[cfg(test)]
mod tests {
    use super::walk;
    use crate::run::Run;
    use crate::world::World;

    #[test]
    #[cfg(unix)]
    fn what_others_put_there_is_not_looked_at_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/Dockerfile", "node_modules/b/Dockerfile", ".git/Dockerfile", "a/.venv/Dockerfile"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "FROM x").unwrap();
        }
        std::os::unix::fs::symlink("..", folder.path().join("a/loop")).unwrap();
        let run = Run::fake(World::fake(folder.path(), [("", ""); 0])).0;
        let tree = walk(&run, folder.path()).unwrap();
        assert_eq!(tree.files.iter().collect::<Vec<_>>(), ["a/Dockerfile"]);
        assert_eq!(tree.text("a/Dockerfile"), Some("FROM x"));
    }
}
