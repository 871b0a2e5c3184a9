//! Names of files and directories that editors and tools create for themselves next to the edited ones.
//!
//! A change of one of them starts nothing. It still counts as content: if a build context contains it, the next run builds
//! with it (names: docker/compose `pkg/watch/ephemeral.go`, watchfiles `filters.py`).

/// Whether a change of a file of this name, or below a directory of this name, is not an edit of the user.
pub(super) fn is_ephemeral(name: &str) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    matches!(name, ".git" | ".hg" | ".svn" | ".idea" | "__pycache__" | "4913" | ".DS_Store")
        || ends(&["___jb_tmp___", "___jb_old___", "~", "-go-tmp-umask", ".pyc", ".kate-swp"])
        || name.starts_with(".#")
        || name.len() > 2 && name.starts_with('#') && name.ends_with('#')
        || name.starts_with('.') && ends(&[".swp", ".swx", ".swo", ".swn"])
}

#[cfg(test)]
mod tests {
    use super::is_ephemeral;

    #[test]
    fn files_of_editors_are_told_from_files_of_people() {
        for name in [
            "main.py~",
            ".main.py.swp",
            ".main.py.swx",
            "4913",
            "#main.py#",
            ".#main.py",
            "a.js___jb_tmp___",
            "a.js___jb_old___",
            ".DS_Store",
            "main.cpython-312.pyc",
            "__pycache__",
            ".git",
            ".idea",
            "x-go-tmp-umask",
            ".a.kate-swp",
        ] {
            assert!(is_ephemeral(name), "{name}");
        }
        for name in [
            "main.py",
            "a.swift",
            "swp",
            "a.swp",
            "5913",
            "#1",
            ".gitignore",
            ".env",
            "~a",
            "git",
            ".swiftlint",
        ] {
            assert!(!is_ephemeral(name), "{name}");
        }
    }
}
