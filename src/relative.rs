//! Paths as people write them in deploy.toml: from the project's directory on, with `/` between directories on every platform.
//!
//! Not for opening files, though Windows would take it: for messages, and above all for lines to copy, since `\` in a TOML
//! string begins an escape.

use std::path::Path;
use std::path::PathBuf;

/// `path` as deploy.toml in `root` would have it; as it is, if it is not below.
#[must_use]
pub fn relative(root: &Path, path: &Path) -> PathBuf {
    slashed(path.strip_prefix(root).unwrap_or(path))
}

/// As [`relative`], for messages.
#[must_use]
pub fn shown(root: &Path, path: &Path) -> String {
    relative(root, path).display().to_string()
}

/// `path` with `/` between directories.
#[must_use]
pub fn slashed(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(text) if cfg!(windows) => text.replace('\\', "/").into(),
        // Elsewhere a `\` is a letter of a name.
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;
    use std::path::Path;

    #[test]
    fn what_is_below_the_project_is_told_from_there() {
        let describe =
            |path: &str| relative(Path::new("/p"), &Path::new("/p").join(path)).display().to_string();
        assert_eq!(describe("web").as_str(), "web");
        assert_eq!(relative(Path::new("/p"), Path::new("/q/a")).display().to_string(), "/q/a");
        let joined = Path::new("/p").join("k8s").join("a.yaml");
        assert_eq!(relative(Path::new("/p"), &joined).display().to_string(), "k8s/a.yaml");
    }
}
