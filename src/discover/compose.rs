//! Compose files → what `docker compose config` makes of them, each value with its place.
//!
//! Nothing is run, and the environment of the caller is not read: what is generated from a compose file must be the
//! same for everybody. Variables of `.env` are resolved where they hold no secret; in `environment` all variables are
//! kept, because a variable for a secret becomes a reference (`generate/values`).

pub(super) mod dotenv;
mod load;
mod merge;
mod model;
mod node;
mod read;
mod scalar;
mod short;
mod template;
mod unset;

use super::dockerfile::is_aside;
use super::evidence::ComposeOptions;
use super::evidence::Composed;
use super::published::is_public;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
pub use model::After;
pub use model::Bind;
pub use model::Compose;
pub use model::ComposeBuild;
pub use model::ComposeHealth;
pub use model::ComposePort;
pub use model::ComposeValue;
pub use model::Condition;
pub use model::EnvFileOf;
pub use model::MountSource;
pub use model::Mounted;
pub use model::Protocol;
pub use model::Resources;
pub use model::Service;
pub use model::SharedFile;
pub use model::Untaken;
pub use model::Volume;
pub(crate) use short::seconds;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
pub use template::Fallback;
pub use template::Part;
pub use template::Template;
pub use template::Variable;
pub use unset::Unset;

/// The names that `docker compose` looks for, in its order.
pub(super) const BASES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The overrides that it lays over any of them.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Every compose project: of each directory those that a command starts with `-f`, then what `docker compose` would take, then
/// variants such as `compose.prod.yaml`; the nearest directory first.
#[must_use]
pub fn all(tree: &Tree, started: &[Composed]) -> Vec<Compose> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in tree.texts.keys().filter(|path| is_compose(file_name(path))) {
        folders.entry(parent(path)).or_default().push(path);
    }
    // What a command starts is a compose file, whatever it is called.
    for first in started.iter().filter_map(|item| item.files.first()) {
        folders.entry(parent(first)).or_default();
    }
    let included = included(tree);
    let mut found: Vec<Compose> =
        folders.iter().flat_map(|(folder, paths)| of_folder(tree, folder, paths)).collect();
    found.retain(|item| !included.contains(&item.path));
    for (folder, paths) in &folders {
        let best = by_command(folder, paths, started);
        let Some(first) = widest(&best) else { continue };
        // Commands that count as much and differ in their profiles are alternatives: none of these is taken.
        let agreed = best.iter().all(|candidate| candidate.options.profiles == first.options.profiles);
        let mut options = first.options.clone();
        options.profiles.retain(|_| agreed);
        if best.iter().any(|candidate| is_plain(candidate)) {
            let base = |compose: &&mut Compose| {
                compose.folder == *folder && BASES.contains(&file_name(&compose.path))
            };
            if options != ComposeOptions::default()
                && let Some(one) = found.iter_mut().find(base)
            {
                let files = one.files.clone();
                *one = load::load_as(tree, folder, &files, &options);
            }
        } else {
            let path = first.files.last().cloned().unwrap_or_default();
            found.retain(|item| item.path != path);
            let loaded = load::load_as(tree, folder, &first.files, &options);
            found.push(Compose { path, started: true, ..loaded });
        }
    }
    found.sort_by_key(|item| {
        let path = &item.path;
        (is_aside(path), path.matches('/').count(), !item.started, variant(path), path.clone())
    });
    found
}

/// The commands that start a project of a directory, of those the ones that count most.
fn by_command<'s>(folder: &str, paths: &[&str], started: &'s [Composed]) -> Vec<&'s Composed> {
    let own = |item: &&Composed| match item.files.first() {
        Some(first) => parent(first) == folder,
        None => paths.iter().any(|path| BASES.contains(&file_name(path))),
    };
    let best = started.iter().filter(own).map(|item| item.provenance.standing()).min();
    started.iter().filter(own).filter(|item| Some(item.provenance.standing()) == best).collect()
}

/// The first command; one that starts all of its files and more goes before it: `make app` before `make storages`.
fn widest<'s>(commands: &[&'s Composed]) -> Option<&'s Composed> {
    let wider = |item: &'s Composed, other: &'s Composed| {
        let more = other.files.len() > item.files.len();
        if more && item.files.iter().all(|file| other.files.contains(file)) { other } else { item }
    };
    commands.iter().copied().reduce(wider)
}

/// Whether a command starts what `docker compose` would take by itself.
fn is_plain(item: &Composed) -> bool {
    item.files.is_empty() || item.files.len() == 1 && BASES.contains(&file_name(&item.files[0]))
}

/// `compose.yaml`, `docker-compose.yml`, `docker-compose.prod.yml`; not overrides, which are half of one.
#[must_use]
pub fn is_compose(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let yaml = ends(name, &["yaml", "yml"]);
    let begins = ["docker-compose", "docker_compose", "compose", "podman-compose"];
    yaml && begins
        .iter()
        .any(|word| small.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_'])))
        && !small.contains("override")
}

/// How far a file is from the one that `docker compose` takes.
fn variant(path: &str) -> (u8, usize) {
    let name = file_name(path);
    if let Some(at) = BASES.iter().position(|base| *base == name) {
        return (0, at);
    }
    let words = ["local", "dev", "prod", "test", "ci"];
    let small = name.to_ascii_lowercase();
    (1, words.iter().position(|word| small.contains(word)).map_or(9, |at| at))
}

/// The files that other compose files bring in; they are not projects of their own.
fn included(tree: &Tree) -> BTreeSet<String> {
    let texts = tree.texts.iter().filter(|(path, _)| is_compose(file_name(path)));
    texts.flat_map(|(path, text)| load::included_paths(path, text)).collect()
}

/// The project of a directory, and its variants.
fn of_folder(tree: &Tree, folder: &str, paths: &[&str]) -> Vec<Compose> {
    let base = BASES.iter().map(|name| join(folder, name)).find(|path| tree.texts.contains_key(path));
    let mut taken: Vec<String> = load::compose_file(tree, folder).unwrap_or_else(|| {
        let over = OVERRIDES.iter().map(|name| join(folder, name)).find(|path| tree.texts.contains_key(path));
        base.iter().cloned().chain(over.filter(|_| base.is_some())).collect()
    });
    let mut found = Vec::new();
    let others = paths.iter().filter(|path| !taken.contains(&(**path).to_owned()));
    let mut others: Vec<(&str, Compose)> =
        others.map(|path| (*path, load::load(tree, folder, &[(*path).to_owned()]))).collect();
    others.sort_by_key(|(path, _)| variant(path));
    if !taken.is_empty() {
        let main = load::load(tree, folder, &taken);
        let completes = |(_, other): &&(&str, Compose)| completes(&main, other);
        match others.iter().find(completes) {
            Some((path, _)) => {
                taken.push((*path).to_owned());
                found.push(load::load(tree, folder, &taken));
            }
            None => found.push(main),
        }
    }
    for (path, other) in others {
        if taken.iter().any(|known| known == path) || BASES.contains(&file_name(path)) {
            continue;
        }
        found.push(if is_half(&other) && !taken.is_empty() {
            let both: Vec<String> = taken.iter().cloned().chain([path.to_owned()]).collect();
            Compose { path: path.to_owned(), ..load::load(tree, folder, &both) }
        } else {
            other
        });
    }
    found
}

/// Whether some service of a file has neither image nor build: then it is half of another file.
fn is_half(compose: &Compose) -> bool {
    compose.services.iter().any(|service| service.image.is_none() && service.build.is_none())
}

/// Whether `other` is half of a file, for development, and builds what `main` only names by an unpublished image.
fn completes(main: &Compose, other: &Compose) -> bool {
    let words = ["dev", "local", "build"];
    let named = words.iter().any(|word| file_name(&other.path).to_ascii_lowercase().contains(word));
    let builds = |service: &Service| {
        let known = main.services.iter().find(|known| known.name == service.name);
        service.build.is_some()
            && known.is_some_and(|known| {
                known.build.is_none() && known.image.as_deref().is_some_and(|image| !is_public(image))
            })
    };
    named && is_half(other) && other.services.iter().any(builds)
}

#[cfg(test)]
mod tests;
