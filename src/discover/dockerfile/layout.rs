//! The context of a Dockerfile by where the files are that it copies and works with.

use super::is_aside;
use super::variant;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::is_dockerfile;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use crate::discover::tree::upwards;
use ::dockerfile::Dockerfile;

/// The directory where the files are that it copies: its own, one above, or one that is called like it.
pub(super) fn context(tree: &Tree, path: &str, sources: &[&str], within: &[String]) -> (String, String) {
    let own = parent(path);
    let named: Vec<&str> = sources.iter().copied().filter(|source| *source != ".").collect();
    let score = |folder: &str| {
        let optional = |source: &str| source.contains('*');
        let there = |source: &&&str| tree.matches(&join(folder, source)) || optional(source);
        let files = tree.below(folder).any(|file| !is_dockerfile(file_name(file)));
        (named.iter().filter(there).count(), usize::from(files && folder_has_sources(tree, folder, own)))
    };
    let called: Vec<String> = called_like(tree, path);
    // The directories above the current one, up to the root of the repository.
    let depth = tree.place.split('/').filter(|part| !part.is_empty()).count();
    let above: Vec<String> = (1..=depth).map(|ups| vec![".."; ups].join("/")).collect();
    let holding = holding(tree, &named);
    let candidates: Vec<&str> = upwards(own)
        .chain(called.iter().map(String::as_str))
        .chain(above.iter().map(String::as_str))
        .chain(holding.iter().map(String::as_str))
        .collect();
    let full = |folder: &&&str| score(folder).0 == named.len();
    let sure: Vec<&&str> = candidates.iter().filter(full).collect();
    let alone = !folder_has_sources(tree, own, own);
    // What it does with the files after `COPY . .` shows where they must have been.
    let has_all = |folder: &&&str| within.iter().all(|path| tree.matches(&join(folder, path)));
    let by_use = candidates.iter().find(has_all).copied().filter(|_| !within.is_empty());
    let best = if let Some(folder) = by_use.filter(|folder| score(folder).0 == named.len()) {
        folder
    } else if named.iter().all(|source| source.contains('*')) {
        // Nothing but `COPY . .`: its own directory, unless that holds nothing else than Dockerfiles.
        let elsewhere =
            called.first().map(String::as_str).or_else(|| sure.iter().map(|f| **f).find(|f| *f != own));
        if alone { elsewhere.unwrap_or(own) } else { own }
    } else if let Some(first) = sure.first() {
        first
    } else {
        let most = candidates.iter().map(|folder| score(folder).0).max().unwrap_or(0);
        candidates.iter().find(|folder| score(folder).0 == most).copied().unwrap_or(own)
    };
    let why = match named.iter().find(|source| tree.matches(&join(best, source))) {
        Some(source) if best != own => format!("`{source}`, which it copies, is in `{}`", shown(best)),
        _ if best != own && by_use == Some(best) => {
            format!("`{}`, its destination, is in `{}`", within[0], shown(best))
        }
        _ if best != own => format!("its own directory holds nothing to copy, `{}` does", shown(best)),
        _ => String::new(),
    };
    (best.to_owned(), why)
}

/// The one directory that holds every file that is copied by name, wherever it lies; none where several do.
fn holding(tree: &Tree, named: &[&str]) -> Option<String> {
    let plain: Vec<&&str> = named.iter().filter(|source| !source.contains(['*', '?', '['])).collect();
    let first = plain.first()?;
    let end = format!("/{first}");
    let folders = tree.files.iter().filter_map(|file| file.strip_suffix(&end));
    let mut all = folders.filter(|folder| {
        !is_aside(&join(folder, "x")) && plain.iter().all(|source| tree.matches(&join(folder, source)))
    });
    let one = all.next().map(str::to_owned);
    one.filter(|_| all.next().is_none())
}

/// The paths below the copied context that a Dockerfile works with: its `WORKDIR`s, and what its commands name.
pub(super) fn paths_within(read: &Dockerfile) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let (mut folder, mut root) = ("/".to_owned(), None::<String>);
    for instruction in &read.instructions {
        let words: Vec<&str> =
            instruction.rest.split([' ', '\t', ',', '"', '[', ']']).filter(|word| !word.is_empty()).collect();
        match instruction.keyword.as_str() {
            "FROM" => (folder, root) = ("/".to_owned(), None),
            "WORKDIR" => {
                let to = instruction.rest.trim();
                folder = if to.starts_with('/') { to.to_owned() } else { format!("{folder}/{to}") };
                let below = root.as_deref().and_then(|root| folder.strip_prefix(root)?.strip_prefix('/'));
                paths.extend(below.map(str::to_owned));
            }
            "COPY" | "ADD" => {
                let plain: Vec<&&str> = words.iter().filter(|word| !word.starts_with("--")).collect();
                if let [&("." | "./"), to] = plain[..] {
                    let to = join(&folder, to);
                    root = Some(format!("/{}", to.trim_matches('/')));
                }
            }
            "RUN" | "CMD" | "ENTRYPOINT" if root.is_some() => {
                const BEFORE: [&str; 6] = ["-r", "--prefix", "--project", "-f", "cd", "--file"];
                for pair in words.windows(2) {
                    let named =
                        BEFORE.contains(&pair[0]) || pair[1].starts_with("./") && words.contains(&"go");
                    let path = pair[1].trim_start_matches("./").trim_end_matches("...").trim_end_matches('/');
                    if named && path.contains('/') && !path.starts_with('/') && !path.contains(['$', '*']) {
                        paths.push(path.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    paths.retain(|path| !path.contains('$'));
    paths
}

/// Whether a directory has anything that a build could want other than Dockerfiles and scripts of the deployment.
fn folder_has_sources(tree: &Tree, folder: &str, own: &str) -> bool {
    let about_images = |file: &str| {
        let name = file_name(file);
        is_dockerfile(name) || ends(name, &["dockerignore", "sh", "md"])
    };
    tree.below(folder)
        .any(|file| !about_images(file) && (folder == own || !file.starts_with(&format!("{own}/"))))
}

/// The directories that are called as the Dockerfile or its directory is, the nearest first.
fn called_like(tree: &Tree, path: &str) -> Vec<String> {
    let name = file_name(path).to_ascii_lowercase();
    let words: Vec<String> = name
        .split('.')
        .chain(std::iter::once(file_name(parent(path))))
        .filter(|word| variant(word).is_none() && !word.is_empty())
        .map(str::to_owned)
        .collect();
    let mut folders: Vec<String> = Vec::new();
    for file in tree.files.iter().chain(&tree.outside) {
        for folder in upwards(parent(file)) {
            if words.iter().any(|word| word == file_name(folder)) && folder != parent(path) {
                folders.push(folder.to_owned());
            }
        }
    }
    folders.sort_by_key(|folder| {
        let aside = is_aside(&format!("{}/x", join(&tree.place, folder)));
        (folder.starts_with(".."), aside, folder.matches('/').count(), folder.clone())
    });
    folders.dedup();
    folders
}
