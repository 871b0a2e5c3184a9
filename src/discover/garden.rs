//! garden.yml → statements (`garden: docs/reference/action-types`): `Build` and `Deploy` actions, and modules of older files.

use super::declared::Declared;
use super::declared::DeclaredChart;
use super::declared::DeclaredImage;
use super::evidence::Evidence;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::path::Path;

/// Reads every garden.yml.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    let named = |path: &&String| {
        let name = file_name(path);
        matches!(name, "garden.yml" | "garden.yaml")
            || name.ends_with(".garden.yml")
            || name.ends_with(".garden.yaml")
    };
    for path in tree.texts.keys().filter(named) {
        let text = tree.text(path).unwrap_or_default();
        for document in documents(text, Path::new(path)).0 {
            action(&Declared { tree, path, document: &document }, evidence);
        }
    }
}

fn action(declared: &Declared<'_>, evidence: &mut Evidence) {
    let value = &declared.document.value;
    let is_module = value["kind"] == "Module";
    let spec = if is_module { value } else { &value["spec"] };
    let name = value["name"].as_str().unwrap_or_default();
    let source = declared.at(value["source"]["path"].as_str().unwrap_or("."));
    let namespace = spec["namespace"].as_str().filter(|name| !name.contains('$'));
    let texts = |keys: &[&str]| -> Vec<String> {
        let lists = keys.iter().flat_map(|key| spec[*key].as_array().into_iter().flatten());
        lists.filter_map(|list| list.as_str().map(str::to_owned)).collect()
    };
    match (value["kind"].as_str(), value["type"].as_str()) {
        (Some("Build" | "Module"), Some("container")) => {
            let file = spec["dockerfile"].as_str().unwrap_or("Dockerfile");
            let image = spec["image"].as_str().unwrap_or(name);
            let dockerfile = join(&source, file);
            if declared.tree.files.contains(&dockerfile) {
                declared.build(
                    "",
                    DeclaredImage {
                        name: image,
                        context: source,
                        dockerfile,
                        target: spec["targetStage"].as_str(),
                        args: &spec["buildArgs"],
                    },
                    evidence,
                );
            }
        }
        (Some("Deploy" | "Module"), Some("kubernetes")) => {
            for file in texts(&["files", "manifestFiles"]) {
                declared.applied("", Some(&file), false, namespace, evidence);
            }
            if let Some(path) = spec["kustomize"]["path"].as_str() {
                declared.applied("", Some(path), true, namespace, evidence);
            }
        }
        (Some("Deploy" | "Module"), Some("helm")) => {
            let chart = spec["chart"]["path"].as_str().or(spec["chartPath"].as_str());
            let files = texts(&["valueFiles"]);
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let release = spec["releaseName"].as_str().unwrap_or(name);
            match (chart, spec["chart"]["name"].as_str()) {
                (None, Some(remote)) => {
                    let what = format!("installs the chart `{remote}`, which is not in this tree");
                    declared.installs("", what, &[release, remote], evidence);
                }
                (chart, _) => {
                    let chart = chart.unwrap_or(".");
                    let set = &Value::Null;
                    let chart = DeclaredChart {
                        release: Some(release),
                        folder: chart,
                        values: &files,
                        set,
                        namespace,
                    };
                    declared.release("", &chart, evidence);
                }
            }
        }
        (Some("Deploy"), Some("container")) => {
            let what = format!("deploys `{name}` without a manifest");
            declared.besides("", what, "write a manifest for it", evidence);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn actions_are_read_from_their_folder() {
        let text = "kind: Build\ntype: container\nname: api\nspec: {targetStage: run}\n---\nkind: Deploy\ntype: kubernetes\nname: api\nspec: {files: [k8s/a.yaml]}\n---\nkind: Deploy\ntype: helm\nname: web\nspec: {chart: {path: chart}, namespace: shop}\n";
        let tree = Tree::from_texts(
            "x",
            &[
                ("svc/garden.yml", text),
                ("svc/Dockerfile", "FROM a"),
                ("svc/k8s/a.yaml", ""),
                ("svc/chart/Chart.yaml", ""),
            ],
        );
        let read = read(&tree);
        assert_eq!((read.builds[0].names[0].as_str(), read.builds[0].context.as_str()), ("api", "svc"));
        assert_eq!(
            (read.applied[0].path.as_str(), read.releases[0].chart.as_str()),
            ("svc/k8s/a.yaml", "svc/chart")
        );
    }
}
