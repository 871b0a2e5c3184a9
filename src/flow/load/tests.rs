//! Projects with mistakes in several files at once: all of them are reported, without those that only follow from
//! others.

use super::gather;
use super::invalid;
use crate::event::Code;
use crate::fault::Fault;
use crate::project::check;
use crate::run::Run;
use crate::world::World;
use std::sync::Arc;

const TOML: &str = "namespace = 'shop'\n[image.web]\ncontext = 'web'\n[image.api]\ncontext = 'api'\n\
                    [[manifests]]\npath = 'k8s'\n[secret.keys]\nenv-file = '.env'\nkeys = ['TOKEN']\n";

fn deployment(name: &str, replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
         containers: [{{name: c, image: {name}, envFrom: [{{secretRef: {{name: keys}}}}]}}]\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}\n"
    )
}

/// A sound project, with some files written otherwise.
fn files(others: &[(&str, &str)]) -> Vec<(String, String)> {
    let dockerfile = "FROM alpine:3.20\nUSER 1000\nCMD [\"sleep\", \"1\"]\n".to_owned();
    let mut files = vec![
        ("deploy.toml".to_owned(), TOML.to_owned()),
        (".env".to_owned(), "TOKEN=abc\n".to_owned()),
        ("web/Dockerfile".to_owned(), dockerfile.clone()),
        ("api/Dockerfile".to_owned(), dockerfile),
        ("k8s/web.yaml".to_owned(), deployment("web", "1")),
        ("k8s/api.yaml".to_owned(), deployment("api", "1")),
    ];
    for (name, text) in others {
        files.retain(|(other, _)| other != name);
        files.push(((*name).to_owned(), (*text).to_owned()));
    }
    files
}

/// How reading the project ends, as `todo plan` does it.
async fn ends(others: &[(&str, &str)]) -> Option<Fault> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files(others) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let world = World::fake(folder.path(), [("", ""); 0]);
    let run = Run::fake(world).0;
    let checked = check::load_checked(&folder.path().join("deploy.toml")).unwrap();
    if checked.mistakes.is_empty() {
        gather(&run, &Arc::new(checked.project)).await.err()
    } else {
        Some(invalid(&run, checked).await)
    }
}

async fn messages(others: &[(&str, &str)]) -> Vec<(Code, String)> {
    let place = |place: Option<crate::event::Place>| {
        let place = place.unwrap_or_default();
        format!("{}:{}", place.file.display(), place.line)
    };
    let findings = ends(others).await.map(|fault| fault.findings).unwrap_or_default();
    findings.into_iter().map(|finding| (finding.code, place(finding.place))).collect()
}

fn at(code: Code, place: &str) -> (Code, String) {
    (code, place.to_owned())
}

#[tokio::test]
async fn the_sound_project_has_no_mistake() {
    assert!(ends(&[]).await.is_none());
}

#[tokio::test]
async fn a_dockerfile_hides_no_manifest_and_a_manifest_no_dockerfile() {
    let replicas = deployment("api", "one");
    let broken = [("web/Dockerfile", "FROM alpine:3.20\nRUNN x\n"), ("k8s/api.yaml", replicas.as_str())];
    assert_eq!(
        messages(&broken).await,
        [at(Code::DockerfileInvalid, "web/Dockerfile:2"), at(Code::ValueWrongType, "k8s/api.yaml:5")]
    );
}

#[tokio::test]
async fn a_manifest_that_is_no_yaml_hides_no_mistake_of_another_object() {
    let labels = deployment("api", "1").replace("labels: {app: api}", "labels: {app: pai}");
    let broken = [("k8s/web.yaml", "apiVersion: v1\nkind: [Service\n"), ("k8s/api.yaml", labels.as_str())];
    let messages = messages(&broken).await;
    assert_eq!(
        messages.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        [Code::YamlSyntax, Code::SelectorMismatch]
    );
    assert_eq!(messages[1].1, "k8s/api.yaml:6");
}

#[tokio::test]
async fn three_files_are_told_at_once() {
    let annotation = deployment("web", "1").replace(
        "metadata: {name: web}\nspec:\n  replicas",
        "metadata:\n  name: web\n  annotations: {todo.dev/patience: much}\nspec:\n  replicas",
    );
    let broken = [
        (".env", "OTHER=1\n"),
        ("k8s/web.yaml", annotation.as_str()),
        ("api/Dockerfile", "FROM alpine:3.20\nCOPY nothing /\n"),
    ];
    assert_eq!(
        messages(&broken).await,
        [
            at(Code::CopySourceMissing, "api/Dockerfile:2"),
            at(Code::SecretValueMissing, "deploy.toml:8"),
            at(Code::AnnotationInvalid, "k8s/web.yaml:5"),
        ]
    );
}

#[tokio::test]
async fn four_files_are_told_at_once_and_what_depends_on_them_is_not_judged() {
    let toml = TOML.replace("namespace = 'shop'", "namespace = shop");
    let replicas = deployment("web", "one");
    let broken = [
        ("deploy.toml", toml.as_str()),
        (".env", "TOKEN=abc\nno assignment\n"),
        ("k8s/web.yaml", replicas.as_str()),
        ("api/Dockerfile", "FROM alpine:3.20\nRUNN x\n"),
    ];
    assert_eq!(
        messages(&broken).await,
        [
            at(Code::DeployTomlSyntax, "deploy.toml:1"),
            at(Code::DockerfileInvalid, "api/Dockerfile:2"),
            at(Code::ValueWrongType, "k8s/web.yaml:5"),
            at(Code::EnvSyntax, ".env:2"),
        ]
    );
}

/// Each of these removes the target of a reference: an image, a Secret, its keys, the pods of a Service.
#[tokio::test]
async fn a_mistake_has_no_findings_that_only_follow_from_it() {
    let toml = |from: &str, to: &str| TOML.replace(from, to);
    for (file, text, code) in [
        ("deploy.toml", toml("[image.web]\ncontext", "[image.web]\ncontxt"), Code::DeployTomlUnknownKey),
        ("deploy.toml", toml("context = 'web'", "context = web"), Code::DeployTomlSyntax),
        ("deploy.toml", toml("[image.web]", "[image.web"), Code::DeployTomlSyntax),
        ("deploy.toml", toml("[secret.keys]", "[secert.keys]"), Code::DeployTomlUnknownKey),
        ("deploy.toml", toml("keys = ['TOKEN']", "keys = ['TOKEN'"), Code::DeployTomlSyntax),
        ("deploy.toml", toml("path = 'k8s'", "pth = 'k8s'"), Code::DeployTomlUnknownKey),
        (
            "k8s/web.yaml",
            deployment("web", "1").replace("kind: Deployment", "knd: Deployment"),
            Code::ManifestInvalid,
        ),
        ("k8s/web.yaml", deployment("web", "1").replace("{app: web}", "{app: 1}"), Code::ValueNotString),
        (".env", "this is no assignment\n".to_owned(), Code::EnvSyntax),
    ] {
        let messages = messages(&[(file, text.as_str())]).await;
        assert!(messages.iter().any(|(other, _)| *other == code), "{text}: {messages:?}");
        assert!(messages.iter().all(|(_, place)| place.starts_with(file)), "{text}: {messages:?}");
    }
}
