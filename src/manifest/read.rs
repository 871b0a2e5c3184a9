//! Files, folders and globs → objects, with everything that is wrong in any of them.
//!
//! Not applied in this order: phases decide that. A file is read once even if two entries name it. What lies among the
//! manifests and is no object (a kustomization, a chart's values) is an error that says what to write instead, because
//! skipping it would deploy something else than the folder shows.

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

/// The endings of what is read from a folder, as kubectl has them (`cli-runtime: pkg/resource/builder.go`).
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The objects of all sources that are paths, normalised, in the order of the sources and then of the files' names; and
/// everything that is wrong in them.
///
/// Places name files relative to `root`. Kustomizations and charts are [`crate::manifest::render`]'s.
#[must_use]
pub fn read(root: &Path, sources: &[Source]) -> (Vec<Object>, Vec<Finding>) {
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

/// [`parse`] for what a program has rendered, in which a repeated key is no mistake of this project's files
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

/// Leaves one of several objects that say the same. Objects of one kind and name that differ are errors, at the second
/// with the place of the first.
///
/// `namespace` is where objects without a namespace of their own go, if that is known already.
pub fn unite(objects: &mut Vec<Object>, namespace: Option<&Namespace>) -> Vec<Finding> {
    let mut first: HashMap<ObjectId, usize> = HashMap::new();
    let (mut repeated, mut found) = (BTreeSet::new(), Vec::new());
    for (index, object) in objects.iter().enumerate() {
        let mut id = object.id();
        id.namespace = id.namespace.or_else(|| namespace.map(ToString::to_string));
        let Some(known) = first.get(&id).map(|index| &objects[*index]) else {
            first.insert(id, index);
            continue;
        };
        if without_namespace(known) == without_namespace(object) {
            repeated.insert(index);
            continue;
        }
        let told = format!("`{id}` is defined twice, and not alike, first in {}", known.place);
        let finding = Code::ObjectDuplicate.error(told).about(id.to_string()).at(object.place.clone());
        found.push(finding.help("keep one of them, or give it another name or namespace"));
    }
    let mut index = 0;
    objects.retain(|_| {
        index += 1;
        !repeated.contains(&(index - 1))
    });
    found
}

/// What an object says, but for where it is: that two objects share it is known already.
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
            let told = format!("the directory `{shown}` has no .yaml, .yml or .json files");
            let help = format!("to include its subdirectories, write `{shown}/**/*.yaml`");
            return Err(Code::ManifestsMissing.error(told).help(help).into());
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
            let told = format!("no file matches `{shown}`");
            let help = "`*` matches within one directory; `**/` includes subdirectories";
            return Err(Code::ManifestsMissing.error(told).help(help).into());
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

/// A document of ours as an object without checks, for tests.
#[cfg(test)]
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let (objects, found) = parse(text, Path::new("app.yaml"));
    assert!(found.is_empty(), "{found:#?}");
    objects
}

#[cfg(test)]
mod tests {
    use super::objects;
    use super::parse;
    use super::read;
    use super::unite;
    use crate::event::Finding;
    use crate::event::Place;
    use crate::project::Source;
    use crate::project::SourceKind;
    use crate::project::name::Namespace;
    use std::path::Path;

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn sources(root: &Path, paths: &[&str]) -> Vec<Source> {
        let place = Place { file: "deploy.toml".into(), line: 7, column: 8 };
        let source = |path: &&str| Source { place: place.clone(), kind: SourceKind::Path(root.join(path)) };
        paths.iter().map(source).collect()
    }

    /// Each finding as `file:line:column message → help`.
    fn told(found: &[Finding]) -> Vec<String> {
        let place = |finding: &Finding| finding.place.as_ref().unwrap().to_string().replace('\\', "/");
        let one = |f: &Finding| format!("{} {} → {}", place(f), f.message, f.help.as_ref().unwrap());
        found.iter().map(one).collect()
    }

    fn wrong(text: &str) -> String {
        told(&parse(text, Path::new("k8s/a.yaml")).1).join("\n")
    }

    #[test]
    fn folders_files_and_globs_are_read_in_order_and_once() {
        let config = |name: &str| CONFIG.replace("NAME", name);
        let root = tree(&[
            ("k8s/b.yaml", &config("b")),
            ("k8s/a.yml", &config("a")),
            ("k8s/c.json", r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}"#),
            ("k8s/README.md", "no manifest"),
            ("k8s/.hidden.yaml", "no manifest"),
            ("k8s/sub/d.yaml", &config("d")),
        ]);
        let names = |paths: &[&str]| -> Vec<String> {
            let (objects, found) = read(root.path(), &sources(root.path(), paths));
            assert_eq!(found, []);
            objects.iter().map(|object| format!("{} {}", object.name(), object.place)).collect()
        };
        assert_eq!(names(&["k8s"]), ["a k8s/a.yml:1:1", "b k8s/b.yaml:1:1", "c k8s/c.json:1:1"]);
        assert_eq!(names(&["k8s/sub/d.yaml", "k8s/**/*.yaml"]), ["d k8s/sub/d.yaml:1:1", "b k8s/b.yaml:1:1"]);
        assert_eq!(names(&["k8s/**"]).len(), 4);
    }

    #[test]
    fn a_path_that_gives_nothing_is_told_at_the_entry_that_names_it() {
        let root = tree(&[("manifests/sub/a.yaml", CONFIG), ("x.yaml", "a: \u{1}")]);
        std::fs::write(root.path().join("bytes.yaml"), b"a: 1\nb: \xff").unwrap();
        let (_, found) =
            read(root.path(), &sources(root.path(), &["manifest", "manifests", "*.yml", "bytes.yaml"]));
        assert_eq!(
            told(&found),
            [
                "deploy.toml:7:8 `manifest` does not exist → did you mean `manifests`?",
                "deploy.toml:7:8 the directory `manifests` has no .yaml, .yml or .json files → to include its subdirectories, write `manifests/**/*.yaml`",
                "deploy.toml:7:8 no file matches `*.yml` → `*` matches within one directory; `**/` includes subdirectories",
                "bytes.yaml:2 the file is not UTF-8 → save the file as UTF-8",
            ]
        );
    }

    #[test]
    fn lists_are_taken_apart_with_their_places() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Secret, metadata: {name: x}}\n---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata:\n    name: w\n- metadata: {name: z}\n---\napiVersion: v1\nkind: List\nitems: []\n";
        let read: Vec<String> = objects(list)
            .iter()
            .map(|object| format!("{} {} {}", object.id(), object.place, object.place_of("/metadata/name")))
            .collect();
        assert_eq!(
            read,
            [
                "Secret/x app.yaml:7:5 app.yaml:7:53",
                "ConfigMap/w app.yaml:12:3 app.yaml:13:11",
                "ConfigMap/z app.yaml:14:3 app.yaml:14:20",
            ]
        );
    }

    #[test]
    fn what_has_no_identity_is_refused() {
        for (text, expected) in [
            (
                "{}",
                "k8s/a.yaml:1:1 not a Kubernetes object: it has neither `apiVersion` nor `kind` → move it out of `k8s`",
            ),
            (
                "apiVersion: v1\nkin: Pod\n",
                "k8s/a.yaml:1:1 the object has no `kind` → write `kind` instead of `kin`",
            ),
            ("- a\n", "k8s/a.yaml:1:1 not a Kubernetes object: it has no fields"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "k8s/a.yaml:3:11 the Pod has no `metadata.name`"),
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: a-\n",
                "k8s/a.yaml:4:17 the Pod has a `generateName`",
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: 12}\n",
                "k8s/a.yaml:3:18 `metadata/name` must be a string",
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: My_Pod}\n",
                "k8s/a.yaml:3:18 `My_Pod` is not a valid name for a Pod",
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: A}\n",
                "k8s/a.yaml:3:32 `A` is not a valid namespace",
            ),
            (
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
                "k8s/a.yaml:1:1 a Kustomization is not an object that can be applied to a cluster → it is kustomize's: write `kustomize = \"k8s\"`",
            ),
            (
                "services:\n  web: {}\n",
                "k8s/a.yaml:1:1 not a Kubernetes object: it has neither `apiVersion` nor `kind` → it looks like a compose file",
            ),
        ] {
            let told = wrong(text);
            assert!(told.starts_with(expected), "{told}");
        }
        assert!(
            parse("replicaCount: 1\n", Path::new("k/values.yaml")).1[0]
                .help
                .as_ref()
                .unwrap()
                .contains("Helm")
        );
        assert!(
            wrong("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'a:b'}\n")
                .is_empty()
        );
    }

    #[test]
    fn an_object_defined_twice_is_told_with_both_places() {
        let config = |name: &str, more: &str| format!("{}{more}", CONFIG.replace("NAME", name));
        let other = format!("{}---\n{}", config("b", ""), config("x", "data: {a: b}\n"));
        let root = tree(&[("a.yaml", &config("x", "")), ("b.yaml", &other)]);
        let (mut objects, _) = read(root.path(), &sources(root.path(), &["a.yaml", "b.yaml"]));
        let found = unite(&mut objects, None);
        assert_eq!(
            told(&found),
            [
                "b.yaml:6:1 `ConfigMap/x` is defined twice, and not alike, first in a.yaml:1:1 → keep one of them, or give it another name or namespace"
            ]
        );
    }

    #[test]
    fn objects_that_say_the_same_are_one() {
        let namespace = Namespace::parse("ns").unwrap();
        for (second, known, left, wrong) in [
            ("metadata: {name: x}\n", None, 1, 0),
            ("metadata: {name: x, creationTimestamp: null}\n", None, 1, 0),
            ("metadata: {name: x, labels: {a: b}}\n", None, 2, 1),
            ("metadata: {name: x, namespace: ns}\n", None, 2, 0),
            ("metadata: {name: x, namespace: ns}\n", Some(&namespace), 1, 0),
            ("metadata: {name: x, namespace: ns}\ndata: {}\n", Some(&namespace), 2, 1),
            ("metadata: {name: x, namespace: other}\n", Some(&namespace), 2, 0),
        ] {
            let kind = "apiVersion: v1\nkind: ConfigMap\n";
            let mut two = objects(&format!("{kind}metadata: {{name: x}}\n---\n{kind}{second}"));
            let found = unite(&mut two, known);
            assert_eq!((two.len(), found.len()), (left, wrong), "{second}");
            assert_eq!(two[0].place.line, 1, "the first one stays");
        }
    }
}
