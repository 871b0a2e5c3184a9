//! The files of a project → one tree of values: `include`, `extends`, overrides, in compose-go's order (`loader/loader.go`).

use super::dotenv;
use super::merge::merge;
use super::merge::without_reset;
use super::model::Compose;
use super::node::Body;
use super::node::MapEntry;
use super::node::Node;
use super::node::Scope;
use super::node::documents;
use super::read::read;
use super::short;
use super::unset::unset;
use crate::discover::evidence::ComposeOptions;
use crate::discover::keys;
use crate::discover::keys::is_secret;
use crate::discover::secrecy::is_placeholder;
use crate::discover::secrecy::looks_secret;
use crate::discover::tree::Tree;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use crate::event::Code;
use crate::event::Finding;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How deep files may bring in one another.
const DEEPEST: usize = 20;

/// Reads the project in `folder` out of these files, each laid over those before it.
pub(super) fn load(tree: &Tree, folder: &str, files: &[String]) -> Compose {
    load_as(tree, folder, files, &ComposeOptions::default())
}

/// The same, as a command with these options starts it.
pub(super) fn load_as(tree: &Tree, folder: &str, files: &[String], options: &ComposeOptions) -> Compose {
    let folder = options.folder.as_deref().unwrap_or(folder);
    let env_files = match options.env_files.as_slice() {
        [] => vec![join(folder, ".env")],
        named => named.to_vec(),
    };
    let mut values = env_files.iter().fold(BTreeMap::new(), |mut values, path| {
        values.extend(self::values(tree, path));
        values
    });
    if !options.profiles.is_empty() {
        values.insert("COMPOSE_PROFILES".to_owned(), options.profiles.join(","));
    }
    let env = env_files.last().cloned().unwrap_or_default();
    let scope = Rc::new(Scope { folder: folder.to_owned(), values });
    let mut loader = Loader { tree, wrong: Vec::new(), open: Vec::new() };
    let root = loader.files(files, &scope);
    let mut compose = Compose {
        path: files.first().cloned().unwrap_or_default(),
        files: files.to_vec(),
        folder: folder.to_owned(),
        env: env.clone(),
        values: scope.values.clone(),
        ..Compose::default()
    };
    compose.wrong = loader.wrong;
    if let Some(root) = root {
        compose.unset = unset(&root);
        read(&without_reset(&root), &mut compose);
        if let Some(example) = example(tree, &env).filter(|_| uses_any(tree, files, &compose.values)) {
            compose.notes.push((
                format!("`{env}` is not there: the values of `{example}` stand for it, secrets excepted"),
                format!("`cp {example} {env}`, fill it in, and `todo init --force`"),
            ));
        }
    } else if compose.wrong.is_empty() {
        compose.wrong.push(
            Code::ComposeInvalid.error(format!("`{}` is empty", compose.path)).help("write its services"),
        );
    }
    compose
}

/// Whether one of these variables stands in one of these files.
fn uses_any(tree: &Tree, files: &[String], values: &BTreeMap<String, String>) -> bool {
    let texts: Vec<&str> = files.iter().filter_map(|file| tree.text(file)).collect();
    let used = |name: &String| {
        texts.iter().any(|text| text.contains(&format!("${{{name}")) || text.contains(&format!("${name}")))
    };
    values.keys().any(used)
}

/// `COMPOSE_FILE` of the `.env` in a directory.
pub(super) fn compose_file(tree: &Tree, folder: &str) -> Option<Vec<String>> {
    let values = values(tree, &join(folder, ".env"));
    let separator = values.get("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
    let named = values.get("COMPOSE_FILE").filter(|files| !files.is_empty())?;
    let files: Vec<String> = named.split(separator).map(|file| join(folder, file)).collect();
    files.iter().all(|file| tree.texts.contains_key(file)).then_some(files)
}

/// The values of an env file; if it is missing, those of its example that are not secrets.
fn values(tree: &Tree, env: &str) -> BTreeMap<String, String> {
    if let Some(text) = tree.text(env) {
        return dotenv::values(text, &BTreeMap::new());
    }
    let Some(example) = example(tree, env) else { return BTreeMap::new() };
    let mut values = dotenv::values(tree.text(&example).unwrap_or_default(), &BTreeMap::new());
    values.retain(|key, value| !is_secret(key) && !looks_secret(key, value) && !is_placeholder(value));
    values
}

/// The example file next to a missing env file.
fn example(tree: &Tree, env: &str) -> Option<String> {
    keys::file(tree, env).filter(|file| !file.there)?.example
}

/// The files that a file brings in by `include`.
pub(super) fn included_paths(path: &str, text: &str) -> Vec<String> {
    if !text.contains("include:") {
        return Vec::new();
    }
    let scope = Rc::new(Scope { folder: parent(path).to_owned(), values: BTreeMap::new() });
    let read = documents(text, path, &scope, &mut Vec::new());
    let includes = read.iter().filter_map(|root| root.get("include").map(short::as_list));
    includes
        .flat_map(|include| {
            let entries = include.items().iter();
            entries.flat_map(|entry| paths_of(entry, parent(path))).collect::<Vec<_>>()
        })
        .collect()
}

/// The paths of an entry of `include`.
fn paths_of(entry: &Rc<Node>, folder: &str) -> Vec<String> {
    let paths = match entry.get("path") {
        Some(paths) => short::as_list(paths),
        None => short::as_list(entry),
    };
    paths.items().iter().filter_map(|path| path.text()).map(|path| join(folder, &path)).collect()
}

struct Loader<'t> {
    tree: &'t Tree,
    wrong: Vec<Finding>,
    /// The files that are being read, to find those that bring in themselves.
    open: Vec<String>,
}

impl Loader<'_> {
    fn files(&mut self, files: &[String], scope: &Rc<Scope>) -> Option<Rc<Node>> {
        let mut whole: Option<Rc<Node>> = None;
        for file in files {
            for document in self.file(file, scope) {
                whole = Some(match whole {
                    Some(base) => merge(&[], &base, &document),
                    None => document,
                });
            }
        }
        whole
    }

    /// The documents of a file, each with what it includes and with what its services extend.
    fn file(&mut self, path: &str, scope: &Rc<Scope>) -> Vec<Rc<Node>> {
        let Some(text) = self.tree.text(path) else {
            self.wrong.push(
                Code::ComposeInvalid
                    .error(format!("`{path}` is not there"))
                    .help("correct the path, or add the file"),
            );
            return Vec::new();
        };
        if self.open.iter().any(|open| open == path) || self.open.len() > DEEPEST {
            self.wrong.push(
                Code::ComposeInvalid
                    .error(format!("`{path}` includes itself"))
                    .help("remove one `include` or `extends`"),
            );
            return Vec::new();
        }
        self.open.push(path.to_owned());
        let read = documents(text, path, scope, &mut self.wrong);
        let documents = read.into_iter().map(|document| {
            let document = self.extended(&document, path);
            self.with_included(document, scope)
        });
        let documents = documents.collect();
        self.open.pop();
        documents
    }

    fn with_included(&mut self, document: Rc<Node>, scope: &Rc<Scope>) -> Rc<Node> {
        let Some(include) = document.get("include").map(short::as_list) else { return document };
        let mut whole: Option<Rc<Node>> = None;
        for entry in include.items() {
            let paths = paths_of(entry, &scope.folder);
            let Some(first) = paths.first() else {
                let message = "only files of this directory are included here".to_owned();
                self.wrong.push(
                    Code::ComposeInvalid
                        .error(message)
                        .at(entry.place.clone())
                        .help("write its services into this file"),
                );
                continue;
            };
            let folder = entry.get("project_directory").and_then(|node| node.text());
            let folder =
                folder.map_or_else(|| parent(first).to_owned(), |folder| join(&scope.folder, &folder));
            let env = entry.get("env_file").map(short::as_list);
            let env: Vec<String> = match &env {
                Some(files) => files
                    .items()
                    .iter()
                    .filter_map(|file| file.text())
                    .map(|file| join(&scope.folder, &file))
                    .collect(),
                None => vec![join(&folder, ".env")],
            };
            let mut values = scope.values.clone();
            for file in env {
                values = dotenv::values(self.tree.text(&file).unwrap_or_default(), &values);
            }
            let inner = Rc::new(Scope { folder, values });
            if let Some(part) = self.files(&paths, &inner) {
                whole = Some(whole.map_or_else(|| Rc::clone(&part), |base| merge(&[], &base, &part)));
            }
        }
        let own = without(&document, "include");
        // The including file's `name` counts, the included one's does not.
        whole.map_or_else(|| Rc::clone(&own), |base| merge(&[], &without(&base, "name"), &own))
    }

    /// The document with what its services extend.
    fn extended(&mut self, document: &Rc<Node>, path: &str) -> Rc<Node> {
        let Some(services) = document.get("services") else { return Rc::clone(document) };
        if !services.entries().iter().any(|entry| entry.node.get("extends").is_some()) {
            return Rc::clone(document);
        }
        let names: Vec<String> = services.entries().iter().map(|entry| entry.key.clone()).collect();
        let entries = names.into_iter().zip(services.entries()).map(|(name, entry)| {
            let node = self.service(document, path, &name, &mut Vec::new());
            MapEntry { node: node.unwrap_or_else(|| Rc::clone(&entry.node)), ..entry.clone() }
        });
        let services = services.beside(Body::Map(entries.collect()));
        let mut whole = (**document).clone();
        if let Body::Map(entries) = &mut whole.body {
            for entry in entries.iter_mut().filter(|entry| entry.key == "services") {
                entry.node = Rc::clone(&services);
            }
        }
        Rc::new(whole)
    }

    /// A service of a document with everything that it extends.
    fn service(
        &mut self,
        document: &Rc<Node>,
        path: &str,
        name: &str,
        open: &mut Vec<(String, String)>,
    ) -> Option<Rc<Node>> {
        let own = Rc::clone(document.get("services")?.get(name)?);
        let Some(extends) = own.get("extends") else { return Some(own) };
        let key = (path.to_owned(), name.to_owned());
        if open.contains(&key) {
            let message = format!("`{name}` extends itself");
            self.wrong.push(
                Code::ComposeInvalid.error(message).at(extends.place.clone()).help("remove one `extends`"),
            );
            return Some(own);
        }
        open.push(key);
        let field = |key: &str| extends.get(key).and_then(|node| node.text());
        let wanted = extends.text().or_else(|| field("service")).unwrap_or_default();
        let base = match field("file") {
            None => self.service(document, path, &wanted, open),
            Some(file) => {
                let file = join(&own.scope.folder, &file);
                let values = own.scope.values.clone();
                let scope = Rc::new(Scope { folder: parent(&file).to_owned(), values });
                let text = self.tree.text(&file).unwrap_or_default();
                let read = documents(text, &file, &scope, &mut self.wrong);
                read.iter().find_map(|document| self.service(document, &file, &wanted, open))
            }
        };
        let Some(base) = base else {
            let file = field("file").map_or_else(String::new, |file| format!(" of `{file}`"));
            let message = format!("`{name}` extends the service `{wanted}`{file}, which does not exist");
            self.wrong.push(
                Code::ComposeInvalid.error(message).at(extends.place.clone()).help("correct `extends`"),
            );
            return Some(own);
        };
        Some(merge(&["services", name], &without(&base, "extends"), &without(&own, "extends")))
    }
}

/// A mapping without a key.
fn without(node: &Rc<Node>, key: &str) -> Rc<Node> {
    let entries = node.entries().iter().filter(|entry| entry.key != key).cloned().collect();
    let mut node = (**node).clone();
    node.body = Body::Map(entries);
    Rc::new(node)
}
