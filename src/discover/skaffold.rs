//! skaffold.yaml → statements (`skaffold: docs/content/en/schemas`, from v1 to v4).
//!
//! The base configuration counts: a profile replaces parts of it only where somebody asks for it, and is told.

use super::declared::Declared;
use super::evidence::Evidence;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use crate::manifest::yaml::documents;
use serde_json::Value;
use std::path::Path;

/// Reads every skaffold.yaml.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    let named = |path: &&String| matches!(file_name(path), "skaffold.yaml" | "skaffold.yml");
    for path in tree.texts.keys().filter(named) {
        let text = tree.text(path).unwrap_or_default();
        for document in documents(text, Path::new(path)).0 {
            let declared = Declared { tree, path, document: &document };
            artifacts(&declared, evidence);
            manifests(&declared, evidence);
            forwards(&declared, evidence);
        }
    }
}

fn artifacts(declared: &Declared<'_>, evidence: &mut Evidence) {
    for (index, artifact) in declared.list("/build/artifacts") {
        let pointer = format!("/build/artifacts/{index}");
        let Some(image) = artifact["image"].as_str() else { continue };
        let docker = [&artifact["docker"], &artifact["kaniko"]].into_iter().find(|one| one.is_object());
        let foreign = ["buildpacks", "jib", "ko", "bazel", "custom"];
        if let Some(kind) = foreign.into_iter().find(|kind| !artifact[*kind].is_null()) {
            let what = format!("builds `{image}` with {kind}, without a Dockerfile");
            let help = "`todo` builds Dockerfiles: write one, or build it into the node before `todo up`";
            declared.besides(&pointer, what, help, evidence);
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
            image,
            context,
            dockerfile,
            docker["target"].as_str(),
            &docker["buildArgs"],
            evidence,
        );
    }
}

fn manifests(declared: &Declared<'_>, evidence: &mut Evidence) {
    let before = evidence.applied.len() + evidence.releases.len() + evidence.besides.len();
    for pointer in ["/manifests/rawYaml", "/deploy/kubectl/manifests"] {
        for (index, one) in declared.list(pointer) {
            declared.applied(&format!("{pointer}/{index}"), one.as_str(), false, None, evidence);
        }
    }
    for pointer in ["/manifests/kustomize/paths", "/deploy/kustomize/paths"] {
        for (index, one) in declared.list(pointer) {
            declared.applied(&format!("{pointer}/{index}"), one.as_str(), true, None, evidence);
        }
    }
    let value = &declared.document.value;
    for (pointer, one) in
        [("/manifests/kustomize", &value["manifests"]), ("/deploy/kustomize", &value["deploy"])]
    {
        let one = &one["kustomize"];
        if one.is_object() && one["paths"].is_null() {
            declared.applied(pointer, Some(one["path"].as_str().unwrap_or(".")), true, None, evidence);
        }
    }
    for pointer in ["/manifests/helm/releases", "/deploy/helm/releases"] {
        for (index, release) in declared.list(pointer) {
            let at = format!("{pointer}/{index}");
            let chart = release["chartPath"].as_str();
            if let Some(remote) = release["remoteChart"].as_str() {
                let what = format!("installs the chart `{remote}`, which is not in this tree");
                declared.besides(
                    &at,
                    what,
                    "`todo up` does not: install it once, before `todo up`",
                    evidence,
                );
                continue;
            }
            let files: Vec<&str> =
                release["valuesFiles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let (name, namespace) = (release["name"].as_str(), release["namespace"].as_str());
            declared.release(&at, name, chart, &files, &release["setValues"], namespace, evidence);
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

fn forwards(declared: &Declared<'_>, evidence: &mut Evidence) {
    for (index, one) in declared.list("/portForward") {
        let port =
            one["localPort"].as_u64().or(one["port"].as_u64()).and_then(|port| u16::try_from(port).ok());
        let is_service =
            one["resourceType"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("service"));
        if let (Some(port), Some(name), true) = (port, one["resourceName"].as_str(), is_service) {
            evidence.local.push((
                Some(name.to_owned()),
                port,
                declared.place(&format!("/portForward/{index}")),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::evidence::read;
    use crate::discover::tree::Tree;

    #[test]
    fn images_manifests_charts_and_ports_are_read_from_old_and_new_files() {
        let old = "apiVersion: skaffold/v2beta29\nkind: Config\nbuild:\n  artifacts:\n  - image: me/api\n    context: src/api\n    docker: {dockerfile: Dockerfile.dev, target: run}\n  - {image: me/jar, jib: {}}\ndeploy:\n  kubectl:\n    manifests: [infra/*.yaml]\n  kustomize: {paths: [k/dev]}\n";
        let new = "apiVersion: skaffold/v4beta11\nkind: Config\nmanifests:\n  rawYaml: [infra/*.yaml]\n  kustomize: {paths: [k/dev]}\n  helm:\n    releases:\n    - {name: web, chartPath: charts/web, valuesFiles: [v.yaml], namespace: shop, setValues: {a.b: 1}}\n    - {name: db, remoteChart: bitnami/db}\nbuild:\n  artifacts:\n  - {image: me/api, context: src/api, docker: {dockerfile: Dockerfile.dev, target: run}}\nportForward:\n- {resourceType: service, resourceName: web, port: 80, localPort: 9000}\n";
        for (text, releases, besides) in [(old, 0, 1), (new, 1, 1)] {
            let tree = Tree::of(
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
            let paths: Vec<_> = read.applied.iter().map(|one| (one.path.as_str(), one.kustomize)).collect();
            assert_eq!(paths, [("infra/*.yaml", false), ("k/dev", true)]);
            assert_eq!((read.releases.len(), read.besides.len()), (releases, besides));
        }
        let tree =
            Tree::of("x", &[("skaffold.yaml", "build: {artifacts: [{image: a}]}\n"), ("k8s/a.yaml", "")]);
        assert_eq!(read(&tree).applied[0].path, "k8s/*.yaml");
    }
}
