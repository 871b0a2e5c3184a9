//! helmfile.yaml → statements (`helmfile: docs/index.md`), and score.yaml, which is only reported to exist.
//!
//! Values that a Go template computes are reported and not guessed.

use super::declared::Declared;
use super::declared::DeclaredChart;
use super::evidence::Evidence;
use super::tree::Tree;
use super::tree::file_name;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::path::Path;

/// Reads every helmfile.yaml and score.yaml.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    for path in tree.texts.keys() {
        let text = tree.text(path).unwrap_or_default();
        let name = file_name(path);
        let helmfile = matches!(name, "helmfile.yaml" | "helmfile.yml" | "helmfile.yaml.gotmpl");
        if !helmfile && !matches!(name, "score.yaml" | "score.yml") {
            continue;
        }
        for document in documents(text, Path::new(path)).0 {
            let declared = Declared { tree, path, document: &document };
            if helmfile {
                releases(&declared, evidence);
            } else if document.value["apiVersion"].as_str().is_some_and(|of| of.starts_with("score.dev")) {
                let what = "describes a workload and what it needs, for Score".to_owned();
                let help = "nothing of it is taken over: see that the manifests have its variables and its resources";
                declared.besides("/containers", what, help, evidence);
            }
        }
    }
}

fn releases(declared: &Declared<'_>, evidence: &mut Evidence) {
    for (index, release) in declared.list("/releases") {
        let pointer = format!("/releases/{index}");
        let text = |key: &str| release[key].as_str().filter(|text| !text.contains("{{"));
        if release["installed"] == false || release["condition"].is_string() {
            continue;
        }
        let Some(chart) = text("chart") else {
            let what = "computes a chart that it installs".to_owned();
            declared.besides(&pointer, what, "look which it is, and write it into deploy.toml", evidence);
            continue;
        };
        if !chart.starts_with('.') && !declared.tree.has_folder(&declared.at(chart)) {
            let what = format!("installs the chart `{chart}`, which is not in this tree");
            declared.installs(&pointer, what, &[text("name").unwrap_or(chart), chart], evidence);
            continue;
        }
        let values: Vec<&Value> = release["values"].as_array().into_iter().flatten().collect();
        let files: Vec<&str> = values.iter().filter_map(|item| item.as_str()).collect();
        declared.release(
            &pointer,
            &DeclaredChart {
                release: text("name"),
                folder: chart,
                values: &files,
                set: &sets(release),
                namespace: text("namespace"),
            },
            evidence,
        );
        if values.iter().any(|item| item.is_object()) {
            let what = format!("passes its own values to the chart `{chart}`");
            let help = "write them into a values file, and name it in `values`";
            declared.besides(&format!("{pointer}/values"), what, help, evidence);
        }
    }
}

/// `set: [{name: a.b, value: 1}]` as a mapping.
fn sets(release: &Value) -> Value {
    let pairs = release["set"].as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| Some((pair["name"].as_str()?.to_owned(), pair["value"].clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use crate::discover::evidence::Sort;
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn releases_of_the_tree_are_read_and_those_of_others_told() {
        let text = "releases:\n- name: shop\n  namespace: shop\n  chart: ./charts/shop\n  values: [dev.yaml, {a: 1}]\n  set:\n  - {name: replicas, value: 2}\n  - {name: db.password, value: hunter2}\n- {name: redis, chart: bitnami/redis}\n- {name: off, chart: ./charts/shop, installed: false}\n- {name: x, chart: '{{ .Values.chart }}'}\n";
        let tree = Tree::from_texts(
            "x",
            &[
                ("helmfile.yaml", text),
                ("charts/shop/Chart.yaml", ""),
                ("dev.yaml", ""),
                ("score.yaml", "apiVersion: score.dev/v1b1\ncontainers: {}\n"),
            ],
        );
        let read = read(&tree);
        let [one] = &read.releases[..] else { panic!("{:?}", read.releases) };
        assert_eq!((one.name.as_str(), one.namespace.as_deref()), ("shop", Some("shop")));
        assert_eq!((&one.values[..], one.set["replicas"].as_str()), (&["dev.yaml".to_owned()][..], "2"));
        assert!(one.secret.contains_key("db.password") && !format!("{read:?}").contains("hunter2"));
        let sorts: Vec<Sort> = read.besides.iter().map(|item| item.sort).collect();
        assert_eq!(sorts, [Sort::Lack, Sort::Install, Sort::Lack, Sort::Lack]);
    }
}
