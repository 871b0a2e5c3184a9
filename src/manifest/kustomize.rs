//! kustomize: which program builds, and where in the user's files a built object stands.
//!
//! kustomize can write an origin into its objects, but only where the user's own kustomization asks for it. So the files
//! are read a second time and matched by kind and name, which a prefix, a suffix or a digest may have been added to;
//! only values that were not patched keep their line.

use crate::event::Code;
use crate::event::Place;
use crate::exec;
use crate::exec::Call;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::manifest::Object;
use crate::manifest::yaml;
use crate::manifest::yaml::Document;
use crate::relative::shown;
use crate::run::Run;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// What kustomize takes for a kustomization (`kustomize: api/konfig/general.go`).
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The kustomization of a directory.
pub(crate) fn file(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The call that builds the kustomization `what` in `folder`, by the first program there is.
pub(crate) fn build(run: &Run, what: &str, folder: &Path) -> Result<Call> {
    let program = |name: &str| exec::find(&run.world, name).map(|program| Call::new(program).read_only());
    let call = program("kustomize")
        .map(|call| call.args(["build"]))
        .or_else(|| program("kubectl").map(|call| call.args(["kustomize"])))
        .or_else(|| program("minikube").map(|call| call.args(["kubectl", "--", "kustomize"])));
    call.map(|call| call.args([folder])).ok_or_else(|| {
        let message = format!("{what} needs kustomize or kubectl, and neither is installed");
        Code::ProgramNotFound
            .fault(FaultKind::Prerequisite, message)
            .hint("install kubectl: https://kubernetes.io/docs/tasks/tools/")
            .hint("or kustomize: https://kubectl.docs.kubernetes.io/installation/kustomize/")
    })
}

/// Gives every object the place it is written at, where there is just one that it can be.
pub(crate) fn place(objects: &mut [Object], root: &Path, folder: &Path) {
    let mut written =
        Kustomized { root, seen: BTreeSet::new(), documents: Vec::new(), generated: Vec::new() };
    written.folder(folder);
    for object in objects {
        let document = only(&written.documents, |item| {
            matches(object, &item.value["kind"], item.value["metadata"]["name"].as_str().unwrap_or_default())
        });
        let generated =
            || only(&written.generated, |(kind, name, _)| matches(object, &Value::from(*kind), name));
        if let Some(document) = document {
            object.place = document.place.clone();
            let unpatched = document.places.iter().filter(|(pointer, _)| {
                let (wrote, has) = (document.value.pointer(pointer), object.value.pointer(pointer));
                has.is_some()
                    && (wrote == has || wrote.is_some_and(|value| value.is_object() || value.is_array()))
            });
            object.places = unpatched.map(|(pointer, place)| (pointer.clone(), place.clone())).collect();
        } else if let Some((_, _, place)) = generated() {
            object.place = place.clone();
        }
    }
}

/// The one that fits best, if no other fits as well.
fn only<T>(all: &[T], fits: impl Fn(&T) -> usize) -> Option<&T> {
    let best = all.iter().map(&fits).max().filter(|best| *best > 0)?;
    let mut these = all.iter().filter(|item| fits(item) == best);
    let first = these.next()?;
    these.next().is_none().then_some(first)
}

/// How well an object fits something of that kind and name, which may be a part of its own: by the letters of the name.
fn matches(object: &Object, kind: &Value, name: &str) -> usize {
    if *kind == object.kind() && object.name().contains(name) { name.len() } else { 0 }
}

/// The contents of a kustomization and of its bases.
struct Kustomized<'a> {
    root: &'a Path,
    seen: BTreeSet<PathBuf>,
    documents: Vec<Document>,
    /// Kind, name and place of generated objects.
    generated: Vec<(&'static str, String, Place)>,
}

impl Kustomized<'_> {
    fn folder(&mut self, folder: &Path) {
        let Some(file) = file(folder).filter(|file| self.seen.insert(file.clone())) else { return };
        for document in self.read(&file) {
            for list in ["resources", "bases", "components"] {
                for entry in document.value[list].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    // URLs are not local files.
                    let path = folder.join(entry);
                    if path.is_dir() {
                        self.folder(&path);
                    } else if path.is_file() && self.seen.insert(path.clone()) {
                        let documents = self.read(&path);
                        self.documents.extend(documents);
                    }
                }
            }
            for (list, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
                for (index, entry) in document.value[list].as_array().into_iter().flatten().enumerate() {
                    let pointer = format!("/{list}/{index}");
                    let place = document.places.get(&pointer).unwrap_or(&document.place).clone();
                    let name = entry["name"].as_str().unwrap_or_default();
                    self.generated.push((kind, name.to_owned(), place));
                }
            }
        }
    }

    fn read(&self, file: &Path) -> Vec<Document> {
        // Overlays name their bases by `../../base`.
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.to_owned());
        let text = file::read_text(&file, file::OBJECTS).unwrap_or_default();
        yaml::documents(&text, Path::new(&shown(&root, &file))).0
    }
}

#[cfg(test)]
mod tests {
    use super::place;
    use crate::manifest::read::objects;

    #[test]
    fn what_is_built_stands_in_the_users_files_as_far_as_it_is_theirs() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "k8s/overlays/local/kustomization.yaml",
                "namePrefix: dev-\nresources: [../../base]\nconfigMapGenerator:\n- name: settings\n  literals: [A=1]\n",
            ),
            ("k8s/base/kustomization.yaml", "resources:\n- web.yaml\n"),
            (
                "k8s/base/web.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n  paused: false\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
            ),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let built = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dev-settings-4f2h}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: dev-web}\nspec:\n  paused: false\n  replicas: 1\n---\napiVersion: v1\nkind: Service\nmetadata: {name: dev-web}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: other}\n";
        let mut objects = objects(built);
        for object in &mut objects {
            object.places.clear();
        }
        place(&mut objects, root.path(), &root.path().join("k8s/overlays/local"));
        let place_of =
            |index: usize, pointer: &str| objects[index].place_of(pointer).to_string().replace('\\', "/");
        assert_eq!(place_of(0, "/data/A"), "k8s/overlays/local/kustomization.yaml:4:3");
        assert_eq!(place_of(1, "/spec/paused"), "k8s/base/web.yaml:7:11");
        assert_eq!(
            place_of(1, "/spec/replicas"),
            "k8s/base/web.yaml:5:1",
            "a patched value is not in this file"
        );
        assert_eq!(place_of(2, "/spec"), "k8s/base/web.yaml:9:1");
        assert_eq!(place_of(3, ""), "app.yaml:16:1");
    }
}
