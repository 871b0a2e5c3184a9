//! `todo rehearse` as people see it, on a machine that has nothing of what a real `up` needs.

use crate::binary::Place;
use crate::binary::Told;
use crate::validate::mistakes;
use std::path::Path;
use todo::event::schema::EVENTS;

/// Rehearses with the folder `tmp` for temporary files.
fn rehearse(place: &Place, arguments: &[&str]) -> Told {
    let program = Path::new(env!("CARGO_BIN_EXE_todo"));
    place.run_by(program, &[&["rehearse"], arguments].concat(), |command| {
        command.env("TMPDIR", place.path("tmp"));
    })
}

#[test]
fn a_rehearsal_shows_up_and_leaves_nothing_behind() {
    let manifests = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  \
        template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}\n\
        ---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n";
    let place = Place::new(&[
        (
            "deploy.toml",
            "[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n[service.web]\nexpect = { status = 200, contains = 'hello' }\n",
        ),
        ("k8s/web.yaml", manifests),
        ("web/Dockerfile", "FROM debian:12\nCOPY a /a\nRUN make\nUSER 1000\n"),
        ("web/a", "a"),
        ("tmp/mine", ""),
        (
            "bad.toml",
            "[[fault]]\nof = 'engine'\ncall = 'STEP RUN make'\ndoes = 'fail'\ncode = 402\nmessage = 'no rule to make target'\n",
        ),
        ("worse.toml", "[[fault]]\nof = 'engine'\n"),
    ]);
    let rehearse = |arguments: &[&str]| rehearse(&place, arguments);
    let told = rehearse(&[]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(0), ""), "{}", told.stderr);
    assert!(told.stderr.lines().nth(1).unwrap().starts_with("a rehearsal: "), "{}", told.stderr);
    assert!(
        told.stderr.contains("a real `todo up` would end at once: minikube is not on the PATH"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("[rehearsal-prerequisites]"), "{}", told.stderr);
    let last = told.stderr.lines().last().unwrap();
    assert!(!told.stderr.contains("would be up") && last.contains("was rehearsed"), "{}", told.stderr);

    let told = rehearse(&["--output", "json"]);
    let schema: serde_json::Value = serde_json::from_str(EVENTS).unwrap();
    for line in told.stdout.lines() {
        let line = serde_json::from_str(line).unwrap();
        assert_eq!(mistakes(&schema, &line), [""; 0], "{line}");
    }
    let first: serde_json::Value = serde_json::from_str(told.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["rehearsal"]), (&"run-started".into(), &true.into()));
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));

    let failed = rehearse(&["--scenario", "bad.toml", "--output", "json"]);
    for line in failed.stdout.lines() {
        let line = serde_json::from_str(line).unwrap();
        assert_eq!(mistakes(&schema, &line), [""; 0], "{line}");
    }

    let told = rehearse(&["--scenario", "bad.toml"]);
    assert_eq!(told.code, Some(30), "{}", told.stderr);
    assert!(
        told.stderr.contains("web/Dockerfile:3") && told.stderr.contains("no rule to make target"),
        "{}",
        told.stderr
    );
    let told = rehearse(&["--scenario", "worse.toml"]);
    assert_eq!(told.code, Some(2));
    assert!(
        told.stderr.contains("worse.toml:1:1") && told.stderr.contains("`[fault]` has no `call`"),
        "{}",
        told.stderr
    );

    let left: Vec<String> = std::fs::read_dir(place.path("tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["mine"]);
    for theirs in [".kube", ".minikube", ".docker", ".cache"] {
        assert!(!place.path(theirs).exists(), "{theirs}");
    }
}

const PAGE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: page}
spec:
  selector: {matchLabels: {app: page}}
  template:
    metadata: {labels: {app: page}}
    spec: {containers: [{name: page, image: 'nginx:1', ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: page}
spec: {selector: {app: page}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: page}
spec:
  ingressClassName: nginx
  rules: [{host: page.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: page, port: {number: 80}}}}]}}]
";

#[test]
fn a_rehearsed_ingress_is_served_by_the_addon() {
    let project = "[[manifests]]\npath = 'k8s'\n[service.page]\n";
    let place = Place::new(&[("deploy.toml", project), ("k8s/page.yaml", PAGE), ("tmp/mine", "")]);
    let told = rehearse(&place, &[]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    // By port 80 of the node where this user may open it, else through a port of localhost.
    assert!(told.stderr.contains("http://page.test"), "{}", told.stderr);
}
