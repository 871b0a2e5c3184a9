//! devspace.yaml → statements (`devspace: docs/pages/configuration`), `v1beta` and `v2beta1`.

use super::declared::Declared;
use super::declared::DeclaredChart;
use super::declared::DeclaredImage;
use super::declared::as_written;
use super::evidence::Evidence;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::path::Path;

/// Reads every devspace.yaml.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    for path in tree.texts.keys().filter(|path| matches!(file_name(path), "devspace.yaml" | "devspace.yml")) {
        let text = tree.text(path).unwrap_or_default();
        for mut document in documents(text, Path::new(path)).0 {
            as_written(&mut document, text, &["/buildArgs/"]);
            let declared = Declared { tree, path, document: &document };
            images(&declared, evidence);
            deployments(&declared, evidence);
        }
    }
}

fn images(declared: &Declared<'_>, evidence: &mut Evidence) {
    for (name, image) in declared.document.value["images"].as_object().into_iter().flatten() {
        let pointer = format!("/images/{name}");
        let Some(repository) = image["image"].as_str() else { continue };
        let context = declared.at(image["context"].as_str().unwrap_or("."));
        let file = image["dockerfile"].as_str().unwrap_or("Dockerfile");
        let options = if image["build"]["docker"]["options"].is_object() {
            &image["build"]["docker"]["options"]
        } else {
            image
        };
        // The Dockerfile's path starts at devspace.yaml, and its directory is where none is given.
        let beside = declared.at(file);
        let dockerfile = if declared.tree.files.contains(&beside) { beside } else { join(&context, file) };
        declared.build(
            &pointer,
            DeclaredImage {
                name: repository,
                context,
                dockerfile,
                target: options["target"].as_str(),
                args: &options["buildArgs"],
            },
            evidence,
        );
    }
}

fn deployments(declared: &Declared<'_>, evidence: &mut Evidence) {
    let value = &declared.document.value["deployments"];
    let named = value.as_object().into_iter().flatten().map(|(name, one)| (name.clone(), name.as_str(), one));
    let listed = value.as_array().into_iter().flatten().enumerate();
    let listed = listed.map(|(at, one)| (at.to_string(), one["name"].as_str().unwrap_or_default(), one));
    for (key, name, one) in named.chain(listed) {
        let pointer = format!("/deployments/{key}");
        let namespace = one["namespace"].as_str().filter(|name| !name.contains('$'));
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let kubectl = &one["kubectl"];
        for written in texts(&kubectl["manifests"]) {
            let kustomize = kubectl["kustomize"] == true;
            declared.applied(&pointer, Some(&written), kustomize, namespace, evidence);
        }
        let chart = &one["helm"]["chart"];
        let path =
            chart["path"].as_str().or_else(|| chart["name"].as_str().filter(|name| name.starts_with('.')));
        if let Some(path) = path {
            let files = texts(&one["helm"]["valuesFiles"]);
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let release = one["helm"]["releaseName"].as_str().unwrap_or(name);
            let set = &Value::Null;
            let chart =
                DeclaredChart { release: Some(release), folder: path, values: &files, set, namespace };
            declared.release(&pointer, &chart, evidence);
            if one["helm"]["values"].is_object() {
                let what = format!("passes its own values to the chart `{path}`");
                declared.besides(
                    &pointer,
                    what,
                    "write them into a values file, and name it in `values`",
                    evidence,
                );
            }
        } else if one["helm"].is_object() {
            if let Some(chart) = chart["name"].as_str() {
                let what = format!("installs the chart `{chart}`, which is not in this tree");
                declared.installs(&pointer, what, &[chart], evidence);
            } else {
                let what = format!("deploys `{name}` with DevSpace's own chart");
                declared.besides(&pointer, what, "`todo up` does not: write manifests for it", evidence);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn images_and_deployments_are_read() {
        let text = "version: v2beta1\nimages:\n  api: {image: me/api, dockerfile: ./api/Dockerfile, context: ./api}\ndeployments:\n  app:\n    kubectl: {manifests: [k8s]}\n  web:\n    helm: {chart: {name: ./chart}, valuesFiles: [v.yaml]}\n    namespace: shop\n  db:\n    helm: {chart: {name: mysql, repo: https://x}}\n";
        let tree = Tree::from_texts(
            "x",
            &[
                ("devspace.yaml", text),
                ("api/Dockerfile", "FROM a"),
                ("k8s/a.yaml", ""),
                ("chart/Chart.yaml", ""),
                ("v.yaml", ""),
            ],
        );
        let read = read(&tree);
        assert_eq!(
            (read.builds[0].context.as_str(), read.builds[0].dockerfile.as_str()),
            ("api", "api/Dockerfile")
        );
        assert_eq!(
            (read.applied[0].path.as_str(), read.releases[0].namespace.as_deref()),
            ("k8s", Some("shop"))
        );
        assert_eq!((read.releases[0].name.as_str(), read.besides.len()), ("web", 1));
    }
}
