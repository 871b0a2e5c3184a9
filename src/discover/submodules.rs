//! Git submodules: folders that are empty until Git has fetched them.

use super::tree::Tree;

/// The submodule of `.gitmodules` that `folder` is or lies in, where it has no files.
pub(super) fn submodule(tree: &Tree, folder: &str) -> Option<String> {
    let text = tree.text(".gitmodules")?;
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("path")?.trim().strip_prefix('='));
    let path =
        paths.map(str::trim).find(|path| folder == *path || folder.starts_with(&format!("{path}/")))?;
    Some(path.to_owned())
}
