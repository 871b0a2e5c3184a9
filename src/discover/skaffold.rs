//! skaffold.yaml → statements (`skaffold: docs/content/en/schemas`, from v1 to v4).
//!
//! The base configuration counts, with what a profile puts in the place of its parts that is active for the context
//! `minikube` (`skaffold: docs/content/en/docs/environment/profiles.md`). Other profiles are reported.

mod environment;

use super::declared::Declared;
use super::declared::DeclaredChart;
use super::declared::DeclaredImage;
use super::declared::as_written;
use super::evidence::Evidence;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use super::variant::distance;
use crate::manifest::bind::repository;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::path::Path;

/// Reads every skaffold.yaml.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    for path in tree.texts.keys().filter(|path| is_skaffold(path)) {
        let environment = environment::read(tree, path);
        let text = environment.filled(tree.text(path).unwrap_or_default());
        for mut document in documents(&text, Path::new(path)).0 {
            as_written(&mut document, &text, &["/buildArgs/", "/setValues/", "/setValueTemplates/"]);
            let declared = Declared { tree, path, document: &document };
            let active = active(&declared, environment.profile());
            artifacts(&declared, &section(&declared, active, "build"), evidence);
            manifests(&declared, active, evidence);
            forwards(&declared, &section(&declared, active, "portForward"), evidence);
            others(&declared, active, evidence);
        }
    }
}

/// The profile that skaffold.env asks for; else the one that Skaffold activates by itself on minikube; where the base deploys nothing, the one that does for this machine.
fn active(declared: &Declared<'_>, asked: Option<&str>) -> Option<usize> {
    let on_minikube = |(_, profile): &(usize, &Value)| {
        let activation = profile["activation"].as_array().into_iter().flatten();
        let mut contexts = activation.filter(|item| item["command"].is_null() && item["env"].is_null());
        contexts.any(|context| context["kubeContext"] == "minikube")
    };
    let named = |(_, profile): &(usize, &Value)| asked.is_some() && profile["name"].as_str() == asked;
    let found =
        declared.list("/profiles").find(named).or_else(|| declared.list("/profiles").find(on_minikube));
    let found = found.map(|(index, _)| index);
    // A part of what another skaffold.yaml requires is not a deployment of its own.
    let other = |path: &&String| is_skaffold(path) && **path != declared.path;
    let alone = !declared.tree.texts.keys().any(|path| other(&path));
    found.or_else(|| (alone && !deploys(declared, "")).then(|| local(declared)).flatten())
}

fn is_skaffold(path: &str) -> bool {
    matches!(file_name(path), "skaffold.yaml" | "skaffold.yml")
}

/// The first profile that deploys something, and that `skaffold dev` or `run` activates or whose name is one of this machine.
fn local(declared: &Declared<'_>) -> Option<usize> {
    let near = |profile: &Value| {
        let mut activation = profile["activation"].as_array().into_iter().flatten();
        let named = profile["name"].as_str().is_some_and(|name| distance(name) < distance(""));
        named || activation.any(|item| matches!(item["command"].as_str(), Some("dev" | "run")))
    };
    let mut profiles = declared.list("/profiles");
    let found = profiles.find(|(index, one)| near(one) && deploys(declared, &format!("/profiles/{index}")));
    found.map(|(index, _)| index)
}

/// Whether the part of the file at `pointer` names something that is deployed; the base has a default in addition.
fn deploys(declared: &Declared<'_>, pointer: &str) -> bool {
    const KEYS: [&str; 6] = [
        "manifests/rawYaml",
        "manifests/kustomize",
        "manifests/helm",
        "deploy/kubectl",
        "deploy/kustomize",
        "deploy/helm",
    ];
    let named = |key: &&str| declared.document.value.pointer(&format!("{pointer}/{key}")).is_some();
    KEYS.iter().any(named) || pointer.is_empty() && declared.tree.matches(&declared.at("k8s/*.yaml"))
}

/// The pointer of a section: the profile's, where that has one.
fn section(declared: &Declared<'_>, active: Option<usize>, key: &str) -> String {
    let own = active.map(|index| format!("/profiles/{index}/{key}"));
    own.filter(|pointer| declared.document.value.pointer(pointer).is_some())
        .unwrap_or_else(|| format!("/{key}"))
}

/// The profiles that do not count, and the patches of the one that does.
fn others(declared: &Declared<'_>, active: Option<usize>, evidence: &mut Evidence) {
    let named = declared.list("/profiles").filter(|(index, _)| Some(*index) != active);
    let inactive: Vec<String> =
        named.filter_map(|(_, one)| Some(format!("`{}`", one["name"].as_str()?))).collect();
    if !inactive.is_empty() {
        let what = format!("has profiles that are not active on minikube: {}", inactive.join(", "));
        let help =
            "what they change is not taken over: name their manifests in [[manifests]], if they are needed";
        declared.besides("/profiles", what, help, evidence);
    }
    if let Some(index) =
        active.filter(|index| declared.document.value["profiles"][*index]["patches"].is_array())
    {
        let help = "write what they change into deploy.toml";
        let pointer = format!("/profiles/{index}/patches");
        declared.besides(&pointer, "patches itself on minikube".to_owned(), help, evidence);
    }
}

fn artifacts(declared: &Declared<'_>, build: &str, evidence: &mut Evidence) {
    for (index, artifact) in declared.list(&format!("{build}/artifacts")) {
        let pointer = format!("{build}/artifacts/{index}");
        let Some(image) = artifact["image"].as_str() else { continue };
        let docker = [&artifact["docker"], &artifact["kaniko"]].into_iter().find(|item| item.is_object());
        let foreign = ["buildpacks", "jib", "ko", "bazel", "custom"];
        if let Some(kind) = foreign.into_iter().find(|kind| !artifact[*kind].is_null()) {
            let what = format!("builds `{image}` with {kind}, without a Dockerfile");
            let help = "`todo` builds Dockerfiles: write one, or build it into the node before `todo up`";
            declared.besides(&pointer, what, help, evidence);
            if let Some(last) = evidence.besides.last_mut() {
                last.names.push(repository(image).to_owned());
            }
            continue;
        }
        let blank = Value::Null;
        let docker = docker.unwrap_or(&blank);
        let context = artifact["context"].as_str().or(artifact["workspace"].as_str()).unwrap_or(".");
        let file = docker["dockerfile"].as_str().unwrap_or("Dockerfile");
        let context = declared.at(context);
        let dockerfile = join(&context, file);
        declared.build(
            &pointer,
            DeclaredImage {
                name: image,
                context,
                dockerfile,
                target: docker["target"].as_str(),
                args: &docker["buildArgs"],
            },
            evidence,
        );
    }
}

fn manifests(declared: &Declared<'_>, active: Option<usize>, evidence: &mut Evidence) {
    let (manifests, deploy) = (section(declared, active, "manifests"), section(declared, active, "deploy"));
    let before = evidence.applied.len() + evidence.releases.len() + evidence.besides.len();
    for pointer in [format!("{manifests}/rawYaml"), format!("{deploy}/kubectl/manifests")] {
        for (index, one) in declared.list(&pointer) {
            declared.applied(&format!("{pointer}/{index}"), one.as_str(), false, None, evidence);
        }
    }
    for pointer in [format!("{manifests}/kustomize/paths"), format!("{deploy}/kustomize/paths")] {
        for (index, one) in declared.list(&pointer) {
            declared.applied(&format!("{pointer}/{index}"), one.as_str(), true, None, evidence);
        }
    }
    let value = &declared.document.value;
    for pointer in [format!("{manifests}/kustomize"), format!("{deploy}/kustomize")] {
        let one = value.pointer(&pointer).unwrap_or(&Value::Null);
        if one.is_object() && one["paths"].is_null() {
            declared.applied(&pointer, Some(one["path"].as_str().unwrap_or(".")), true, None, evidence);
        }
    }
    for pointer in [format!("{manifests}/helm/releases"), format!("{deploy}/helm/releases")] {
        for (index, release) in declared.list(&pointer) {
            let at = format!("{pointer}/{index}");
            let chart = release["chartPath"].as_str();
            if let Some(remote) = release["remoteChart"].as_str() {
                let what = format!("installs the chart `{remote}`, which is not in this tree");
                let name = release["name"].as_str().unwrap_or(remote);
                declared.installs(&at, what, &[name, remote], evidence);
                continue;
            }
            let files: Vec<&str> =
                release["valuesFiles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let (name, namespace) = (release["name"].as_str(), release["namespace"].as_str());
            let Some(folder) = chart else { continue };
            let set = &release["setValues"];
            let chart = DeclaredChart { release: name, folder, values: &files, set, namespace };
            declared.release(&at, &chart, evidence);
        }
    }
    if before == evidence.applied.len() + evidence.releases.len() + evidence.besides.len()
        && value["build"].is_object()
        && value["requires"].is_null()
        && declared.tree.matches(&declared.at("k8s/*.yaml"))
    {
        declared.applied("/build", Some("k8s/*.yaml"), false, None, evidence);
    }
}

fn forwards(declared: &Declared<'_>, pointer: &str, evidence: &mut Evidence) {
    for (index, one) in declared.list(pointer) {
        let port =
            one["localPort"].as_u64().or(one["port"].as_u64()).and_then(|port| u16::try_from(port).ok());
        let is_service =
            one["resourceType"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("service"));
        if let (Some(port), Some(name), true) = (port, one["resourceName"].as_str(), is_service) {
            evidence.local.push((Some(name.to_owned()), port, declared.place(&format!("{pointer}/{index}"))));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn images_manifests_charts_and_ports_are_read_from_old_and_new_files() {
        let old = "apiVersion: skaffold/v2beta29\nkind: Config\nbuild:\n  artifacts:\n  - image: me/api\n    context: src/api\n    docker: {dockerfile: Dockerfile.dev, target: run}\n  - {image: me/jar, jib: {}}\ndeploy:\n  kubectl:\n    manifests: [infra/*.yaml]\n  kustomize: {paths: [k/dev]}\n";
        let new = "apiVersion: skaffold/v4beta11\nkind: Config\nmanifests:\n  rawYaml: [infra/*.yaml]\n  kustomize: {paths: [k/dev]}\n  helm:\n    releases:\n    - {name: web, chartPath: charts/web, valuesFiles: [v.yaml], namespace: shop, setValues: {a.b: 1}}\n    - {name: db, remoteChart: bitnami/db}\nbuild:\n  artifacts:\n  - {image: me/api, context: src/api, docker: {dockerfile: Dockerfile.dev, target: run}}\nportForward:\n- {resourceType: service, resourceName: web, port: 80, localPort: 9000}\n";
        for (text, releases, besides) in [(old, 0, 1), (new, 1, 1)] {
            let tree = Tree::from_texts(
                "x",
                &[
                    ("skaffold.yaml", text),
                    ("infra/a.yaml", ""),
                    ("k/dev/kustomization.yaml", ""),
                    ("charts/web/Chart.yaml", ""),
                    ("v.yaml", ""),
                ],
            );
            let read = read(&tree);
            let build = &read.builds[0];
            assert_eq!(
                (build.names[0].as_str(), build.context.as_str(), build.dockerfile.as_str()),
                ("me/api", "src/api", "src/api/Dockerfile.dev")
            );
            assert_eq!(build.target.as_deref(), Some("run"));
            let paths: Vec<_> =
                read.applied.iter().map(|item| (item.path.as_str(), item.kustomize)).collect();
            assert_eq!(paths, [("infra/*.yaml", false), ("k/dev", true)]);
            assert_eq!((read.releases.len(), read.besides.len()), (releases, besides));
        }
        let tree = Tree::from_texts(
            "x",
            &[("skaffold.yaml", "build: {artifacts: [{image: a}]}\n"), ("k8s/a.yaml", "")],
        );
        assert_eq!(read(&tree).applied[0].path, "k8s/*.yaml");
    }

    #[test]
    fn numbers_without_quotes_keep_their_zeros_and_skaffold_env_fills_in() {
        let text = "build:\n  artifacts:\n  - image: a\n    docker: {buildArgs: {PYTHON: 3.10, NODE: '{{.NODE}}', KEY: '{{ .TOKEN }}'}}\ndeploy:\n  helm:\n    releases:\n    - {name: web, chartPath: chart, namespace: '{{.SPACE}}', setValues: {tag: 1.20, replicas: 2}}\nprofiles:\n- {name: here, deploy: {kubectl: {manifests: [here/*.yaml]}}}\n- {name: there}\n";
        let files = [("skaffold.yaml", text), ("chart/Chart.yaml", ""), ("here/a.yaml", "")];
        let read = |env: &str| read(&Tree::from_texts("x", &[&files[..], &[("skaffold.env", env)]].concat()));
        let filled = read("NODE=22\nSPACE=shop\nTOKEN=abc\n");
        let args = |pairs: &std::collections::BTreeMap<String, String>| {
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(args(&filled.builds[0].args), ["NODE=22", "PYTHON=3.10"], "no secret is copied");
        assert_eq!(args(&filled.releases[0].set), ["replicas=2", "tag=1.20"]);
        assert_eq!(filled.releases[0].namespace.as_deref(), Some("shop"));
        assert!(filled.applied.is_empty());
        let profile = read("SKAFFOLD_PROFILE=here\n");
        assert_eq!((profile.releases.len(), profile.applied[0].path.as_str()), (0, "here/*.yaml"));
    }

    #[test]
    fn arguments_are_texts_and_secret_ones_are_told() {
        let text = "build: {artifacts: [{image: a, docker: {buildArgs: {V: 3.11, FAST: true, PASSWORD: x, T: '{{.T}}'}}}]}\n";
        let read = read(&Tree::from_texts("x", &[("skaffold.yaml", text), ("k8s/a.yaml", "")]));
        let args: Vec<_> = read.builds[0].args.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(args, ["FAST=true", "V=3.11"]);
        assert!(read.besides[0].what.contains("`PASSWORD`") && read.besides[0].what.contains("`T`"));
    }

    #[test]
    fn a_profile_deploys_where_the_base_does_not() {
        let profile = |name: &str, activation: &str| {
            format!(
                "- name: {name}\n  activation: [{activation}]\n  deploy: {{kustomize: {{paths: [k/{name}]}}}}\n"
            )
        };
        let (cloud, run) = (profile("gke", ""), profile("here", "{command: run}"));
        let (local, base) = (profile("local", ""), "deploy: {kubectl: {manifests: [k/base/a.yaml]}}\n");
        for (base, profiles, path) in [
            ("", format!("{cloud}{run}"), &["k/here"][..]),
            ("", format!("{cloud}{local}"), &["k/local"]),
            ("", cloud.clone(), &[]),
            (base, format!("{cloud}{run}"), &["k/base/a.yaml"]),
        ] {
            let text = format!("build: {{artifacts: [{{image: web}}]}}\n{base}profiles:\n{profiles}");
            let files =
                ["k/gke/a.yaml", "k/here/a.yaml", "k/local/a.yaml", "k/base/a.yaml"].map(|path| (path, ""));
            let read =
                read(&Tree::from_texts("x", &[&files[..], &[("skaffold.yaml", text.as_str())]].concat()));
            assert_eq!(read.applied.iter().map(|item| item.path.as_str()).collect::<Vec<_>>(), path);
        }
    }

    #[test]
    fn a_profile_counts_that_is_active_on_minikube() {
        let text = "apiVersion: skaffold/v4beta6\nmanifests: {rawYaml: [base/a.yaml]}\nbuild: {artifacts: [{image: web}]}\nprofiles:\n- name: here\n  activation: [{kubeContext: CONTEXT}]\n  manifests: {rawYaml: [local/a.yaml]}\n- name: prod\n  manifests: {rawYaml: [prod/a.yaml]}\n";
        let files = [("base/a.yaml", ""), ("local/a.yaml", ""), ("prod/a.yaml", "")];
        for (context, path, others) in
            [("minikube", "local/a.yaml", "`prod`"), ("gke", "base/a.yaml", "`here`, `prod`")]
        {
            let text = text.replace("CONTEXT", context);
            let read =
                read(&Tree::from_texts("x", &[&files[..], &[("skaffold.yaml", text.as_str())]].concat()));
            assert_eq!(read.applied.iter().map(|item| item.path.as_str()).collect::<Vec<_>>(), [path]);
            assert_eq!(read.builds[0].names, ["web"], "what the profile does not name stays");
            assert!(read.besides[0].what.ends_with(others), "{:?}", read.besides);
        }
    }
}
