//! Which images are the project's, and what is written for them.

use super::PullPolicy;
use super::bind;
use super::images_named;
use super::unused;
use crate::event::Place;
use crate::manifest::read::objects;
use crate::project::Binding;
use crate::project::Image;
use crate::project::name::ImageName;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

fn name(text: &str) -> ImageName {
    ImageName::parse(text).unwrap()
}

fn image(text: &str) -> Image {
    Image {
        name: name(text),
        place: Place { file: "deploy.toml".into(), line: 3, column: 8 },
        context: ".".into(),
        dockerfile: "Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        secrets: BTreeMap::new(),
        platform: None,
        max_size: None,
        sync: Some(Vec::new()),
    }
}

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n    - name: c\n      image: {image}\n      imagePullPolicy: Always\n"
    )
}

fn bound(image: &str) -> Value {
    let mut objects = objects(&pod(image));
    let built =
        [("web", "web:abc"), ("team/api", "team/api:def")].map(|(key, to)| (name(key), to.to_owned())).into();
    bind(&mut objects, &[], &built, PullPolicy::Never);
    objects[0].value["spec"]["containers"][0].clone()
}

#[test]
fn an_image_is_ours_by_its_repository() {
    for ours in [
        "web",
        "web:latest",
        "web:1.2",
        "web@sha256:aa",
        "web:1@sha256:aa",
        "docker.io/library/web",
        "docker.io/web:2",
        "library/web",
        "localhost/web:dev",
    ] {
        assert_eq!(
            bound(ours),
            json!({"name": "c", "image": "web:abc", "imagePullPolicy": "Never"}),
            "{ours}"
        );
    }
    assert_eq!(bound("docker.io/team/api:2")["image"], "team/api:def");
    for foreign in [
        "my-web",
        "ghcr.io/acme/web",
        "ghcr.io/web:1",
        "team/web",
        "localhost:5000/web",
        "api",
        "webs",
        "web/x",
    ] {
        let left = json!({"name": "c", "image": foreign, "imagePullPolicy": "Always"});
        assert_eq!(bound(foreign), left, "{foreign}");
    }
}

#[test]
fn every_kind_of_container_is_bound() {
    let mut objects = objects(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          initContainers: [{name: i, image: web}]\n          ephemeralContainers: [{name: e, image: web}]\n          containers: [{name: c, image: 'web:1'}, {name: d, image: busybox}]\n          volumes: [{name: v, image: {reference: web}}]\n",
    );
    let bound =
        bind(&mut objects, &[], &[(name("web"), "web:abc".to_owned())].into(), PullPolicy::IfNotPresent);
    assert_eq!(bound.changes.len(), 4);
    let spec = &objects[0].value["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(
        spec["initContainers"][0],
        json!({"name": "i", "image": "web:abc", "imagePullPolicy": "IfNotPresent"})
    );
    assert_eq!(spec["containers"][0]["image"], "web:abc");
    assert_eq!(spec["ephemeralContainers"][0]["image"], "web:abc");
    assert_eq!(spec["containers"][1], json!({"name": "d", "image": "busybox"}));
    assert_eq!(spec["volumes"][0]["image"], json!({"reference": "web:abc", "pullPolicy": "IfNotPresent"}));
}

#[test]
fn an_image_that_nothing_names_is_told_with_what_was_meant() {
    let objects = objects(&pod("todo-bakend:1"));
    assert_eq!(images_named(&objects, &[], [&name("todo-bakend")]).ours[&name("todo-bakend")][0].line, 7);
    let describe = |images: &[Image]| -> Vec<String> {
        let found = unused(&objects, &[], images);
        found
            .into_iter()
            .map(|f| format!("{} {} → {}", f.place.unwrap(), f.message, f.help.unwrap()))
            .collect()
    };
    assert_eq!(
        describe(&[image("todo-backend")]),
        [
            "deploy.toml:3:8 no manifest names the image `todo-backend` → write `todo-backend` instead of `todo-bakend:1` in app.yaml:7:14"
        ]
    );
    assert!(describe(&[image("worker")])[0].contains("remove [image.worker]"));
    assert!(describe(&[image("todo-bakend")]).is_empty());
}

#[test]
fn a_custom_resource_is_bound_where_the_project_file_says() {
    let rule = |path: &str, policy: Option<&str>| Binding {
        place: Place { file: "deploy.toml".into(), line: 9, column: 1 },
        kind: "Function".to_owned(),
        path: path.split('.').map(str::to_owned).collect(),
        policy: policy.map(str::to_owned),
    };
    let rules = [rule("spec.image", None), rule("spec.workers[].run.image", Some("pullPolicy"))];
    let text = "apiVersion: x.io/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  image: web:1\n  workers:\n  - run: {image: web}\n  - run: {image: other}\n  - {}\n---\napiVersion: x.io/v1\nkind: Other\nmetadata: {name: o}\nspec: {image: web}\n";
    let mut objects = objects(text);
    let built = [(name("web"), "web:abc".to_owned())].into();
    assert_eq!(images_named(&objects, &rules, [&name("web")]).ours[&name("web")].len(), 2);
    bind(&mut objects, &rules, &built, PullPolicy::Never);
    assert_eq!(
        objects[0].value["spec"],
        json!({"image": "web:abc", "workers": [
                {"run": {"image": "web:abc", "pullPolicy": "Never"}}, {"run": {"image": "other"}}, {}]})
    );
    assert_eq!(objects[1].value["spec"]["image"], "web");
    assert!(
        unused(&objects[1..], &rules[..1], &[])[0]
            .message
            .contains("no manifest has an object of kind `Function`")
    );
}

#[test]
fn a_namesake_in_a_registry_is_never_taken_for_ours_in_silence() {
    let objects = objects(&pod("ghcr.io/acme/todo-backend:v1"));
    let found = unused(&objects, &[], &[image("todo-backend")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].message.as_str(), found[0].help.as_deref().unwrap()),
        (
            "`ghcr.io/acme/todo-backend:v1` is not the image `todo-backend` that is built here: the node would pull it",
            "if it is the same, write `[image.\"ghcr.io/acme/todo-backend\"]` instead of `[image.todo-backend]` (deploy.toml:3:8), or `todo-backend` here"
        )
    );
    assert!(unused(&objects, &[], &[image("ghcr.io/acme/todo-backend")]).is_empty());
}

#[test]
fn a_policy_that_would_ask_a_registry_is_told_once() {
    let bound = |image: &str, policy: &str| {
        let text = pod(image).replace("imagePullPolicy: Always", policy);
        let built = [(name("web"), "web:abc".to_owned())].into();
        bind(&mut objects(&text), &[], &built, PullPolicy::Never).note()
    };
    for (image, policy, expected) in [
        ("web:1", "imagePullPolicy: Always", true),
        ("web", "", true),
        ("docker.io/library/web:latest", "", true),
        ("web:1", "", false),
        ("web", "imagePullPolicy: IfNotPresent", false),
        ("web:latest", "imagePullPolicy: Never", false),
        ("nginx", "imagePullPolicy: Always", false),
    ] {
        assert_eq!(bound(image, policy).is_some(), expected, "{image} {policy}");
    }
    let note = bound("web", "").unwrap();
    assert_eq!(note.evidence, ["Pod/p: `web` in app.yaml:7:14"]);
}
