//! Kustomizations, read without kustomize: which are meant to be built, and of which objects.
//!
//! Not a renderer: patches are not applied. What the proposal needs (images, Secrets, Services) hardly ever stands in one,
//! and where kustomize is installed the flow renders it and the result takes precedence.

use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::bind::repository;
use crate::manifest::pods;
use crate::manifest::yaml::documents;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

/// A kustomization of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kustomization {
    /// Its directory.
    pub folder: String,
    /// The files and directories that it is made of.
    pub resources: Vec<String>,
    /// Its patches and generators' files, which are not objects by themselves.
    pub others: Vec<String>,
    /// The namespace that it puts everything into.
    pub namespace: Option<String>,
    /// What it puts before and after names.
    pub affix: (String, String),
    /// Images that it renames.
    images: BTreeMap<String, String>,
    /// The ConfigMaps and Secrets that it makes, with their keys.
    made: Vec<(&'static str, String, Vec<String>)>,
    component: bool,
}

/// Every kustomization of the tree.
#[must_use]
pub fn all(tree: &Tree) -> Vec<Kustomization> {
    let named = |path: &&String| {
        matches!(file_name(path), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
    };
    tree.texts.keys().filter(named).map(|path| read_one(tree, path)).collect()
}

/// Those that no other one is made of, and those that are `applied` as they are.
#[must_use]
pub fn tops<'k>(all: &'k [Kustomization], applied: &dyn Fn(&str) -> bool) -> Vec<&'k Kustomization> {
    let used = |kustomization: &Kustomization| {
        all.iter().any(|other| other.resources.contains(&kustomization.folder))
    };
    all.iter().filter(|item| !item.component && (!used(item) || applied(&item.folder))).collect()
}

/// Every file that some kustomization reads.
#[must_use]
pub fn files(all: &[Kustomization]) -> BTreeSet<String> {
    all.iter().flat_map(|item| item.resources.iter().chain(&item.others)).cloned().collect()
}

/// The objects that a kustomization is made of, its images renamed, its generated objects among them.
#[must_use]
pub fn objects(tree: &Tree, all: &[Kustomization], folder: &str) -> (Vec<Object>, Vec<Finding>) {
    let (mut objects, mut found) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    gather(tree, all, folder, &mut seen, &mut objects, &mut found);
    let mut ids = BTreeSet::new();
    for object in &objects {
        if !ids.insert(object.id()) {
            let words = format!("kustomize refuses it: {} is there twice", object.id());
            found.push(
                Code::ObjectDuplicate.error(words).at(object.place.clone()).help("remove one of the two"),
            );
        }
    }
    (objects, found)
}

fn gather(
    tree: &Tree,
    all: &[Kustomization],
    folder: &str,
    seen: &mut BTreeSet<String>,
    objects: &mut Vec<Object>,
    found: &mut Vec<Finding>,
) {
    let Some(one) = all.iter().find(|item| item.folder == folder) else { return };
    if !seen.insert(folder.to_owned()) {
        return;
    }
    let begin = objects.len();
    for resource in &one.resources {
        if tree.text(resource).is_some() {
            let parsed = tree.objects(resource);
            objects.extend(parsed.0.iter().cloned());
            found.extend(parsed.1.iter().cloned());
        } else {
            gather(tree, all, resource, seen, objects, found);
        }
    }
    for object in &mut objects[begin..] {
        rename(object, &one.images);
    }
    for (kind, name, keys) in &one.made {
        let data: serde_json::Map<String, Value> =
            keys.iter().map(|key| (key.clone(), Value::from(""))).collect();
        let value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data});
        objects.push(Object::made(value, Place::file(&one.folder)));
    }
}

/// How many bytes a kustomization is built of; `None` where one of its files is too large to have been read.
#[must_use]
pub fn size(tree: &Tree, folder: &str) -> Option<usize> {
    let all = all(tree);
    let (mut folders, mut seen, mut size) = (vec![folder.to_owned()], BTreeSet::new(), 0);
    while let Some(folder) = folders.pop() {
        let Some(one) = all.iter().find(|item| item.folder == folder).filter(|_| seen.insert(folder)) else {
            continue;
        };
        for path in one.resources.iter().chain(&one.others) {
            match tree.text(path) {
                Some(text) => size += text.len(),
                None if tree.files.contains(path) => return None,
                None => folders.push(path.clone()),
            }
        }
    }
    Some(size)
}

fn rename(object: &mut Object, images: &BTreeMap<String, String>) {
    let Some(template) = pods::template(&object.value) else { return };
    let pointers: Vec<String> =
        template.containers().into_iter().map(|container| format!("{}/image", container.pointer)).collect();
    for pointer in pointers {
        if let Some(image) = object.value.pointer_mut(&pointer)
            && let Some(new) = image.as_str().and_then(|image| images.get(repository(image)))
        {
            *image = Value::from(new.clone());
        }
    }
}

fn read_one(tree: &Tree, path: &str) -> Kustomization {
    let folder = parent(path).to_owned();
    let text = tree.text(path).unwrap_or_default();
    let says =
        documents(text, Path::new(path)).0.into_iter().next().map_or(Value::Null, |document| document.value);
    let list = |key: &str| says[key].as_array().cloned().unwrap_or_default();
    let paths = |key: &str| -> Vec<String> {
        let texts = list(key).into_iter().filter_map(|item| item.as_str().map(str::to_owned));
        texts
            .filter(|text| !text.contains("://") && !text.contains('\n'))
            .map(|text| join(&folder, &text))
            .collect()
    };
    let resources = ["resources", "bases"].iter().flat_map(|key| paths(key)).collect();
    let mut others = ["patchesStrategicMerge", "components", "crds", "configurations"].map(paths).concat();
    for patch in [list("patches"), list("patchesJson6902")].concat() {
        others.extend(patch["path"].as_str().map(|path| join(&folder, path)));
    }
    let mut made = Vec::new();
    for (key, kind) in [("secretGenerator", "Secret"), ("configMapGenerator", "ConfigMap")] {
        for one in list(key) {
            let texts = |key: &str| {
                let items = one[key].as_array().cloned().unwrap_or_default();
                items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
            };
            let keys = texts("literals").into_iter().chain(texts("files"));
            let keys = keys.filter_map(|pair| pair.split('=').next().map(str::to_owned)).collect();
            others.extend(
                texts("files")
                    .iter()
                    .chain(&texts("envs"))
                    .map(|file| join(&folder, file.split_once('=').map_or(file.as_str(), |(_, file)| file))),
            );
            made.extend(one["name"].as_str().map(|name| (kind, name.to_owned(), keys)));
        }
    }
    let images = list("images").into_iter().filter_map(|image| {
        Some((image["name"].as_str()?.to_owned(), image["newName"].as_str()?.to_owned()))
    });
    let text = |key: &str| says[key].as_str().map(str::to_owned);
    Kustomization {
        namespace: text("namespace"),
        affix: (text("namePrefix").unwrap_or_default(), text("nameSuffix").unwrap_or_default()),
        images: images.collect(),
        made,
        component: says["kind"] == "Component",
        folder,
        resources,
        others,
    }
}

#[cfg(test)]
mod tests {
    use super::all;
    use super::objects;
    use super::tops;
    use crate::discover::tree::Tree;

    #[test]
    fn overlays_stand_above_their_base_and_rename_its_images() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'web:1'}]}\n";
        let tree = Tree::from_texts(
            "x",
            &[
                (
                    "k8s/base/kustomization.yaml",
                    "resources: [pod.yaml]\nsecretGenerator:\n- {name: s, literals: [A=1]}\n",
                ),
                ("k8s/base/pod.yaml", pod),
                (
                    "k8s/overlays/dev/kustomization.yaml",
                    "namespace: dev\nresources: [../../base]\nimages:\n- {name: web, newName: shop-web}\n",
                ),
            ],
        );
        let all = all(&tree);
        assert_eq!(
            tops(&all, &|_| false).iter().map(|item| item.folder.as_str()).collect::<Vec<_>>(),
            ["k8s/overlays/dev"]
        );
        let (objects, found) = objects(&tree, &all, "k8s/overlays/dev");
        assert!(found.is_empty());
        assert_eq!(objects[0].value["spec"]["containers"][0]["image"], "shop-web");
        assert_eq!(objects[1].id().to_string(), "Secret/s");
        assert_eq!(super::size(&tree, "k8s/overlays/dev"), Some(pod.len()));
    }
}
