//! `todo rehearse` as people see it, on a machine that has nothing of what a real `up` needs.

use crate::binary::Fixture;
use crate::binary::RunOutput;
use crate::validate::mistakes;
use std::path::Path;
use todo::event::schema::EVENTS;

/// Rehearses with the directory `tmp` for temporary files.
fn rehearse(fixture: &Fixture, arguments: &[&str]) -> RunOutput {
    let program = Path::new(env!("CARGO_BIN_EXE_todo"));
    fixture.run_by(program, &[&["rehearse"], arguments].concat(), |command| {
        command.env("TMPDIR", fixture.path("tmp"));
    })
}

#[test]
fn a_rehearsal_shows_up_and_leaves_nothing_behind() {
    let manifests = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  \
        template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]}\n\
        ---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n";
    let fixture = Fixture::new(&[
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
    let rehearse = |arguments: &[&str]| rehearse(&fixture, arguments);
    let output = rehearse(&[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{}", output.stderr);
    assert!(output.stderr.lines().nth(1).unwrap().starts_with("a rehearsal: "), "{}", output.stderr);
    assert!(
        output.stderr.contains("a real `todo up` would end at once: minikube is not on the PATH"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("[rehearsal-prerequisites]"), "{}", output.stderr);
    let last = output.stderr.lines().last().unwrap();
    assert!(!output.stderr.contains("would be up") && last.contains("was rehearsed"), "{}", output.stderr);

    let output = rehearse(&["--output", "json"]);
    let schema: serde_json::Value = serde_json::from_str(EVENTS).unwrap();
    for line in output.stdout.lines() {
        let line = serde_json::from_str(line).unwrap();
        assert_eq!(mistakes(&schema, &line), [""; 0], "{line}");
    }
    let first: serde_json::Value = serde_json::from_str(output.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["rehearsal"]), (&"run-started".into(), &true.into()));
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));

    let failed = rehearse(&["--scenario", "bad.toml", "--output", "json"]);
    for line in failed.stdout.lines() {
        let line = serde_json::from_str(line).unwrap();
        assert_eq!(mistakes(&schema, &line), [""; 0], "{line}");
    }

    let output = rehearse(&["--scenario", "bad.toml"]);
    assert_eq!(output.code, Some(30), "{}", output.stderr);
    assert!(
        output.stderr.contains("web/Dockerfile:3") && output.stderr.contains("no rule to make target"),
        "{}",
        output.stderr
    );
    let output = rehearse(&["--scenario", "worse.toml"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("worse.toml:1:1") && output.stderr.contains("`[fault]` has no `call`"),
        "{}",
        output.stderr
    );

    let left: Vec<String> = std::fs::read_dir(fixture.path("tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, ["mine"]);
    for theirs in [".kube", ".minikube", ".docker", ".cache"] {
        assert!(!fixture.path(theirs).exists(), "{theirs}");
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
    let fixture = Fixture::new(&[("deploy.toml", project), ("k8s/page.yaml", PAGE), ("tmp/mine", "")]);
    let output = rehearse(&fixture, &[]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    // By port 80 of the node where this user may open it, else through a port of localhost.
    assert!(output.stderr.contains("http://page.test"), "{}", output.stderr);
}
