//! The files that compose files mount into containers or give to them: they are read whatever they are called.
//!
//! Not those outside of the tree, not links, and of a directory only as many as a configuration has.

use super::compose;
use super::compose::MountSource;
use super::compose::Volume;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::is_dockerfile;
use super::tree::join;
use super::tree::parent;
use crate::file;
use std::path::Path;

/// How many files of a directory are read.
const MOST_FILES: usize = 40;
/// The largest file that a ConfigMap could hold.
const LARGEST: u64 = 1 << 20;

/// The maximum depth of the configuration in a build context.
const DEEPEST: usize = 6;

/// Whether a file is called like one of configuration.
pub(super) fn is_config(path: &str) -> bool {
    const ENDS: [&str; 14] = [
        "conf",
        "config",
        "cfg",
        "yml",
        "yaml",
        "properties",
        "json",
        "ini",
        "template",
        "tmpl",
        "toml",
        "xml",
        "env",
        "vcl",
    ];
    let name = file_name(path);
    ends(path, &ENDS)
        || is_dockerfile(name)
        || matches!(name, "conf" | "config" | "Caddyfile" | "settings" | "haproxy")
}

/// Adds to the tree what its compose files mount.
pub(super) fn read(root: &Path, tree: &mut Tree) {
    for path in paths(tree) {
        if path.is_empty() || path.starts_with("..") {
            continue;
        }
        let there = std::fs::symlink_metadata(root.join(&path));
        match there {
            Ok(data) if data.is_file() => add(root, &path, tree),
            Ok(data) if data.is_dir() => {
                let mut found = Vec::new();
                below(root, &path, &mut found);
                if found.len() <= MOST_FILES {
                    for path in &found {
                        add(root, path, tree);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The paths that compose files name.
fn paths(tree: &Tree) -> Vec<String> {
    let mut paths = Vec::new();
    for compose in compose::all(tree, &[]) {
        paths.extend(super::keys::EXAMPLES.iter().map(|name| join(&compose.folder, name)));
        for service in &compose.services {
            paths.extend(service.volumes.iter().filter_map(|volume| match volume {
                Volume::Bind(bind) if !bind.elsewhere => Some(bind.source.clone()),
                _ => None,
            }));
            for file in &service.env_files {
                let name = file_name(&file.path).trim_start_matches('.');
                let beside = tree.inside(parent(&file.path)).filter(|path| file_name(path).contains(name));
                paths.extend(std::iter::once(file.path.clone()).chain(beside.map(str::to_owned)));
            }
            paths.extend(service.build.iter().map(|build| build.dockerfile.clone()));
            // Files copied into an image may name other services: `conf`, `application.properties`.
            let contexts = service
                .build
                .iter()
                .map(|build| build.context.as_str())
                .filter(|context| !context.is_empty());
            let inside = contexts.flat_map(|context| tree.below(context));
            let small = inside.filter(|path| is_config(path) && path.matches('/').count() < DEEPEST);
            paths.extend(small.take(MOST_FILES).map(str::to_owned));
        }
        let shared = compose.secrets.values().chain(compose.configs.values());
        paths.extend(shared.filter_map(|shared| match &shared.source {
            MountSource::File(path) => Some(path.clone()),
            _ => None,
        }));
        let devices = compose.volumes.values().filter(|bind| !bind.elsewhere);
        paths.extend(devices.map(|bind| bind.source.clone()));
    }
    paths
}

/// The files below a directory, one more than are read at most.
fn below(root: &Path, folder: &str, found: &mut Vec<String>) {
    let Ok(entries) = root.join(folder).read_dir() else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if found.len() > MOST_FILES {
            return;
        }
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
        let path = join(folder, &name);
        if kind.is_dir() && name != ".git" && name != "node_modules" {
            below(root, &path, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

fn add(root: &Path, path: &str, tree: &mut Tree) {
    let full = root.join(path);
    tree.files.insert(path.to_owned());
    if is_program(&full) {
        tree.executable.insert(path.to_owned());
    }
    if !tree.texts.contains_key(path)
        && let Ok(bytes) = file::read(&full, LARGEST)
    {
        tree.texts.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_program(_path: &Path) -> bool {
    false
}
