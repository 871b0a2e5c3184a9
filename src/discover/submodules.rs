//! Git submodules: directories that are empty until Git has fetched them.

use super::tree::Tree;

/// The submodule of `.gitmodules` that `folder` is or lies in, where it has no files.
pub(super) fn submodule(tree: &Tree, folder: &str) -> Option<String> {
    let path = paths(tree).find(|path| folder == *path || folder.starts_with(&format!("{path}/")))?;
    Some(path.to_owned())
}

/// The submodules of which no file is there.
pub(super) fn empty(tree: &Tree) -> impl Iterator<Item = &str> {
    paths(tree).filter(|path| !tree.has_folder(path))
}

fn paths(tree: &Tree) -> impl Iterator<Item = &str> {
    let lines = tree.text(".gitmodules").unwrap_or_default().lines();
    lines.filter_map(|line| line.trim().strip_prefix("path")?.trim().strip_prefix('=')).map(str::trim)
}
