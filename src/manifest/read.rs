//! Files, directories and globs → objects, with everything that is wrong in any of them.
//!
//! Not applied in this order: phases decide that. A file is read once even if two entries name it. A file among the
//! manifests that is not an object (a kustomization, a chart's values) is an error with the correction, because
//! skipping it would deploy something else than the directory shows.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::file;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::glob;
use crate::manifest::identity;
use crate::manifest::normal;
use crate::manifest::yaml;
use crate::manifest::yaml::Document;
use crate::project::Source;
use crate::project::SourceKind;
use crate::project::name::Namespace;
use crate::relative::relative;
use crate::relative::shown;
use crate::relative::slashed;
use nearest::nearest;
use serde_json::Value;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

/// The extensions of files that are read from a directory, as in kubectl (`cli-runtime: pkg/resource/builder.go`).
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The objects of all sources that are paths, normalised, in the order of the sources and then of the files' names; and
/// everything that is wrong in them.
///
/// Places name files relative to `root`. Kustomizations and charts are [`crate::manifest::render`]'s.
#[must_use]
pub fn load(root: &Path, sources: &[Source]) -> (Vec<Object>, Vec<Finding>) {
    let (mut objects, mut found) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for source in sources {
        let SourceKind::Path(path) = &source.kind else { continue };
        let files = files(root, path).unwrap_or_else(|finding| {
            found.push(finding.at(source.place.clone()));
            Vec::new()
        });
        for file in files.into_iter().filter(|file| seen.insert(file.clone())) {
            let shown = relative(root, &file);
            match text(&file, &shown) {
                Ok(text) => {
                    let (more, wrong) = parse(&text, &shown);
                    objects.extend(more);
                    found.extend(wrong);
                }
                Err(finding) => found.push(*finding),
            }
        }
    }
    (objects, found)
}

/// The objects of one text, normalised, lists taken apart, and everything that is wrong in it.
#[must_use]
pub fn parse(text: &str, file: &Path) -> (Vec<Object>, Vec<Finding>) {
    objects_of(yaml::documents(text, file), file)
}

/// [`parse`] for rendered output, in which a repeated key is not a mistake of this project's files
/// ([`yaml::rendered`]).
#[must_use]
pub fn parse_rendered(text: &str, file: &Path) -> (Vec<Object>, Vec<Finding>) {
    objects_of(yaml::rendered(text, file), file)
}

fn objects_of(
    (documents, mut found): (Vec<Document>, Vec<Finding>),
    file: &Path,
) -> (Vec<Object>, Vec<Finding>) {
    let mut objects = Vec::new();
    for document in documents {
        let object =
            Object { value: document.value.into(), place: document.place, places: document.places.into() };
        take(object, file, &mut objects, &mut found);
    }
    (objects, found)
}

/// Keeps one of several equal objects. Objects of one kind and name that differ are errors, at the second
/// with the place of the first; but several files may make the Namespace that they are in, each with labels of its own.
///
/// `namespace` is where objects without a namespace of their own go, if that is known already.
pub fn unite(objects: &mut Vec<Object>, namespace: Option<&Namespace>) -> Vec<Finding> {
    let mut first: HashMap<ObjectId, usize> = HashMap::new();
    let (mut repeated, mut found) = (BTreeSet::new(), Vec::new());
    for index in 0..objects.len() {
        let object = &objects[index];
        let mut id = object.id();
        id.namespace = id.namespace.or_else(|| namespace.map(ToString::to_string));
        let Some(known) = first.get(&id).copied() else {
            first.insert(id, index);
            continue;
        };
        if without_namespace(&objects[known]) == without_namespace(object) {
            repeated.insert(index);
        } else if let Some(whole) = one_namespace(&objects[known], object) {
            objects[known].value = whole.into();
            repeated.insert(index);
        } else {
            let message =
                format!("`{id}` is defined twice, and not alike, first in {}", objects[known].place);
            let finding = Code::ObjectDuplicate.error(message).about(id.to_string()).at(object.place.clone());
            found.push(finding.help("keep one of them, or give it another name or namespace"));
        }
    }
    let mut index = 0;
    objects.retain(|_| {
        index += 1;
        !repeated.contains(&(index - 1))
    });
    found
}

/// The union of two definitions of one Namespace, if they do not conflict.
pub(crate) fn one_namespace(object: &Object, other: &Object) -> Option<Value> {
    if object.kind() != "Namespace" || object.id() != other.id() {
        return None;
    }
    let mut whole = (*object.value).clone();
    add(&mut whole, &other.value).then_some(whole)
}

/// Adds what `more` has to `value`; `false` where both have something, and not the same.
fn add(value: &mut Value, more: &Value) -> bool {
    match (value, more) {
        (Value::Object(fields), Value::Object(more)) => more.iter().all(|(key, more)| {
            let field = fields.entry(key.as_str()).or_insert(Value::Null);
            if field.is_null() {
                *field = more.clone();
            }
            add(field, more)
        }),
        (value, more) => value == more,
    }
}

/// An object without its namespace: the caller has already compared that.
fn without_namespace(object: &Object) -> Value {
    let mut value = (*object.value).clone();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    value
}

fn files(root: &Path, path: &Path) -> Result<Vec<PathBuf>, Box<Finding>> {
    let shown = shown(root, path);
    let unreadable = |error: std::io::Error| -> Box<Finding> {
        Code::FileUnreadable
            .error(format!("cannot read `{shown}`: {error}"))
            .help("check its permissions")
            .into()
    };
    if path.is_dir() {
        let mut files = Vec::new();
        for entry in path.read_dir().map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if is_manifest(&file) && !is_hidden(&file) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            let message = format!("the directory `{shown}` has no .yaml, .yml or .json files");
            let help = format!("to include its subdirectories, write `{shown}/**/*.yaml`");
            return Err(Code::ManifestsMissing.error(message).help(help).into());
        }
        return Ok(files);
    }
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    if glob::is_glob(path) {
        let any = path.file_name().is_some_and(|name| !name.to_string_lossy().contains('.'));
        let files = glob::expand(path).map_err(unreadable)?;
        let files: Vec<_> = files.into_iter().filter(|file| !any || is_manifest(file)).collect();
        if files.is_empty() {
            let message = format!("no file matches `{shown}`");
            let help = "`*` matches within one directory; `**/` includes subdirectories";
            return Err(Code::ManifestsMissing.error(message).help(help).into());
        }
        return Ok(files);
    }
    let siblings: Vec<String> = path
        .parent()
        .and_then(|folder| folder.read_dir().ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let meant = nearest(&name, siblings.iter().map(String::as_str));
    let help = match meant {
        Some(meant) => {
            format!("did you mean `{}`?", slashed(&Path::new(&shown).with_file_name(meant)).display())
        }
        None => "the path is relative to the directory of deploy.toml".to_owned(),
    };
    Err(Code::ManifestsMissing.error(format!("`{shown}` does not exist")).help(help).into())
}

fn is_manifest(file: &Path) -> bool {
    file.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// As [`is_manifest`], by the file's name.
pub(crate) fn is_manifest_name(name: &str) -> bool {
    is_manifest(Path::new(name))
}

fn is_hidden(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn text(file: &Path, shown: &Path) -> Result<String, Box<Finding>> {
    let bytes = file::read_utf8(file, file::OBJECTS).map_err(|error| {
        let finding = Code::FileUnreadable.error(format!("cannot read it: {error}")).at(Place::file(shown));
        Box::new(finding.help(file::advice(&error)))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        let place = Place { file: shown.to_owned(), line, column: 0 };
        Code::NotUtf8.error("the file is not UTF-8").at(place).help("save the file as UTF-8").into()
    })
}

/// Takes lists apart, checks that the rest are objects, and normalises them.
fn take(mut object: Object, file: &Path, objects: &mut Vec<Object>, found: &mut Vec<Finding>) {
    if object.kind().ends_with("List")
        && object.value.get("items").is_some_and(|i| i.is_array() || i.is_null())
    {
        for (index, item) in object.value["items"].as_array().into_iter().flatten().enumerate() {
            let prefix = format!("/items/{index}");
            let mut item = Object {
                value: item.clone().into(),
                place: object.place_of(&prefix).clone(),
                places: object
                    .places
                    .iter()
                    .filter_map(|(pointer, place)| {
                        let rest = pointer.strip_prefix(&prefix)?;
                        rest.starts_with('/').then(|| (rest.to_owned(), place.clone()))
                    })
                    .collect(),
            };
            // The items of a typed list have its kind (`ConfigMapList`), as the API server sends them.
            if let (Some(kind), Some(fields)) =
                (object.kind().strip_suffix("List"), item.value.as_object_mut())
                && !kind.is_empty()
            {
                fields.entry("kind").or_insert_with(|| Value::from(kind));
                fields.entry("apiVersion").or_insert_with(|| Value::from(object.api_version()));
            }
            take(item, file, objects, found);
        }
        return;
    }
    match identity::check(&object, file) {
        Ok(()) => {
            found.extend(normal::normalise(&mut object));
            objects.push(object);
        }
        Err(finding) => {
            let placed = finding.place.is_some();
            found.push(if placed { *finding } else { finding.at(object.place) });
        }
    }
}

/// A document as an object without checks, for tests.
#[cfg(test)]
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let (objects, found) = parse(text, Path::new("app.yaml"));
    assert!(found.is_empty(), "{found:#?}");
    objects
}

#[cfg(test)]
mod tests;
