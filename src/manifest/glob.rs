//! Which files a path with `*`, `?` and `**` means.
//!
//! Not a shell: no braces, no classes, no `~`. As in a shell, a wildcard does not match what begins with a dot; and
//! `**` does not enter `node_modules` or follow links to directories.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Whether a path is to be expanded.
pub(crate) fn is_glob(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().contains(['*', '?']))
}

/// The files that `pattern`, an absolute path, means; in lexical order.
pub(crate) fn expand(pattern: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let (base, parts) = split(pattern);
    let mut found = BTreeSet::new();
    walk(&base, &parts, &mut found)?;
    Ok(found)
}

/// The directory that a pattern begins in, and its parts below that.
pub(crate) fn split(pattern: &Path) -> (PathBuf, Vec<String>) {
    let wild = |part: &std::path::Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?']);
    let base: PathBuf = pattern.components().take_while(|part| !wild(part)).collect();
    let parts = pattern
        .components()
        .skip_while(|part| !wild(part))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    (base, parts)
}

/// Whether [`expand`] finds a file at `path`, whose parts are relative to the pattern's base.
pub(crate) fn fits(pattern: &[String], path: &[&str]) -> bool {
    let (Some((first, rest)), Some((name, below))) = (pattern.split_first(), path.split_first()) else {
        return pattern.is_empty() && path.is_empty();
    };
    if first != "**" {
        return matches(first, name) && fits(rest, below);
    }
    let is_last = rest.is_empty() && below.is_empty() && !name.starts_with('.');
    is_last
        || !rest.is_empty() && fits(rest, path)
        || !below.is_empty() && is_entered(name) && fits(pattern, below)
}

/// Whether `**` stands for a directory of this name.
pub(crate) fn is_entered(name: &str) -> bool {
    !name.starts_with('.') && name != "node_modules"
}

/// The files in `folder` and in its directories, in order. Links are followed, as Helm does; each directory is entered once, so
/// that links in a circle have an end.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    fn enter(folder: &Path, entered: &mut BTreeSet<PathBuf>, files: &mut Vec<PathBuf>) {
        let Ok(entries) = folder.read_dir() else { return };
        if !folder.canonicalize().is_ok_and(|folder| entered.insert(folder)) {
            return;
        }
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                enter(&path, entered, files);
            } else {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    enter(folder, &mut BTreeSet::new(), &mut files);
    files
}

fn walk(folder: &Path, parts: &[String], found: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if first == "**" && !rest.is_empty() {
        walk(folder, rest, found)?;
    }
    for entry in folder.read_dir()? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if first == "**" {
            if entry.file_type()?.is_dir() && is_entered(&name) {
                walk(&path, parts, found)?;
            } else if rest.is_empty() && path.is_file() && !name.starts_with('.') {
                found.insert(path);
            }
        } else if matches(first, &name) {
            if rest.is_empty() && path.is_file() {
                found.insert(path);
            } else if !rest.is_empty() && path.is_dir() {
                walk(&path, rest, found)?;
            }
        }
    }
    Ok(())
}

/// Whether one part of a path fits one part of a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if pattern.get(p).is_some_and(|&c| c == '?' || c == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after, from)) = star {
            // Let the last star take one more.
            star = Some((after, from + 1));
            p = after;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::expand;
    use super::fits;
    use super::matches;

    #[test]
    fn what_fits_is_what_would_be_found() {
        let table = [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "b/a.yaml", false),
            ("**/*.yaml", "a.yaml", true),
            ("**/*.yaml", "b/c/a.yaml", true),
            ("**/*.yaml", "node_modules/a.yaml", false),
            ("**/*.yaml", "b/.c/a.yaml", false),
            ("**", "b/a", true),
            ("**", "b/.a", false),
            ("b/*/c?.yml", "b/x/c1.yml", true),
            ("b/*/c?.yml", "b/c1.yml", false),
        ];
        for (pattern, path, expected) in table {
            let pattern: Vec<String> = pattern.split('/').map(str::to_owned).collect();
            assert_eq!(fits(&pattern, &path.split('/').collect::<Vec<_>>()), expected, "{pattern:?} {path}");
        }
    }

    #[test]
    fn parts_match_as_in_a_shell() {
        for (pattern, good, bad) in [
            ("*.yaml", "a.yaml", "a.yml"),
            ("*.yaml", "..yaml.yaml.yaml".trim_start_matches('.'), ".a.yaml"),
            ("a?c", "abc", "ac"),
            ("a*b*c", "aXbYbc", "aXbY"),
            ("*", "x", ".x"),
            (".*", ".x", "x"),
            ("**", "x", ""),
        ] {
            assert!(matches(pattern, good), "{pattern} {good}");
            assert!(!matches(pattern, bad) || bad.is_empty(), "{pattern} {bad}");
        }
        let long = "a".repeat(200);
        assert!(!matches(&("a*".repeat(60) + "b"), &long));
    }

    #[test]
    #[cfg(unix)]
    fn links_in_a_circle_have_an_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/b.tpl"), "").unwrap();
        for name in ["x", "y", "a/z"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        assert_eq!(super::below(folder.path()), [folder.path().join("a/b.tpl")]);
    }

    #[test]
    fn two_stars_reach_into_folders() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.yaml", "x/b.yaml", "x/y/c.yaml", "x/y/d.txt", ".git/e.yaml", "node_modules/f.yaml"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let files = expand(&folder.path().join(pattern)).unwrap();
            let relative = |path: &std::path::PathBuf| path.strip_prefix(folder.path()).unwrap().to_owned();
            files.iter().map(|path| relative(path).to_string_lossy().replace('\\', "/")).collect()
        };
        assert_eq!(found("**/*.yaml"), ["a.yaml", "x/b.yaml", "x/y/c.yaml"]);
        assert_eq!(found("x/**"), ["x/b.yaml", "x/y/c.yaml", "x/y/d.txt"]);
        assert_eq!(found("*/b.yaml"), ["x/b.yaml"]);
        assert_eq!(found("*.yml"), Vec::<String>::new());
    }
}
