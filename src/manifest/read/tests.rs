//! Files, lists and mistakes, each with its place.

use super::load;
use super::objects;
use super::parse;
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
fn messages(found: &[Finding]) -> Vec<String> {
    let place = |finding: &Finding| finding.place.as_ref().unwrap().to_string().replace('\\', "/");
    let one = |f: &Finding| format!("{} {} → {}", place(f), f.message, f.help.as_ref().unwrap());
    found.iter().map(one).collect()
}

fn wrong(text: &str) -> String {
    messages(&parse(text, Path::new("k8s/a.yaml")).1).join("\n")
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
        let (objects, found) = load(root.path(), &sources(root.path(), paths));
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
        load(root.path(), &sources(root.path(), &["manifest", "manifests", "*.yml", "bytes.yaml"]));
    assert_eq!(
        messages(&found),
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
        let message = wrong(text);
        assert!(message.starts_with(expected), "{message}");
    }
    assert!(
        parse("replicaCount: 1\n", Path::new("k/values.yaml")).1[0].help.as_ref().unwrap().contains("Helm")
    );
    assert!(
        wrong("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'a:b'}\n").is_empty()
    );
}

#[test]
fn an_object_defined_twice_is_told_with_both_places() {
    let config = |name: &str, more: &str| format!("{}{more}", CONFIG.replace("NAME", name));
    let other = format!("{}---\n{}", config("b", ""), config("x", "data: {a: b}\n"));
    let root = tree(&[("a.yaml", &config("x", "")), ("b.yaml", &other)]);
    let (mut objects, _) = load(root.path(), &sources(root.path(), &["a.yaml", "b.yaml"]));
    let found = unite(&mut objects, None);
    assert_eq!(
        messages(&found),
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

#[test]
fn several_files_may_make_one_namespace_with_labels_of_their_own() {
    for (second, left) in [
        ("metadata: {name: x, labels: {b: '2'}}\n", 1),
        ("metadata: {name: x}\n", 1),
        ("metadata: {name: x, labels: {a: '2'}}\n", 2),
    ] {
        let kind = "apiVersion: v1\nkind: Namespace\n";
        let mut two =
            objects(&format!("{kind}metadata: {{name: x, labels: {{a: '1'}}}}\n---\n{kind}{second}"));
        let found = unite(&mut two, None);
        assert_eq!((two.len(), found.len()), (left, left - 1), "{second}");
        assert_eq!(two[0].value["metadata"]["labels"]["a"], "1", "{second}");
        let added = two[0].value.pointer("/metadata/labels/b").is_some();
        assert_eq!(added, second.contains("b:"), "{second}");
    }
}
