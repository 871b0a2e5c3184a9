//! Sources that a compose file mounts into a container.

use super::got;
use super::proposed;
use serde_json::Value;

#[test]
fn a_stage_without_sources_is_not_built() {
    let text = "FROM python AS dev\nWORKDIR /srv\nCOPY requirements.txt .\nCMD [\"python\"]\nFROM dev AS final\nCOPY . .\n";
    let got = got(
        "services: {vote: {build: {context: vote, target: dev}, volumes: ['./vote:/srv']}, plain: {build: {context: vote, target: dev}}}\n",
        &[("vote/Dockerfile", text), ("vote/a.py", "")],
    );
    let targets: Vec<_> = got.proposal.images.iter().map(|image| image.target.as_deref()).collect();
    assert_eq!(targets, [None, Some("dev")]);
    assert!(got.notes_on("stage `dev`"));
}

#[test]
fn sources_over_a_stock_image_are_built_or_refused() {
    let compose = "services: {app: {image: 'node:22', command: npm run dev, volumes: ['./:/app']}}\n";
    let built = got(compose, &[]);
    assert_eq!(built.proposal.images.len(), 1);
    assert_eq!(built.container("Deployment/app", "/args"), Value::Null);
    let refused = proposed(&[("compose.yaml", compose), ("package.json", "{}")]);
    assert!(refused.files.is_empty() && !refused.wrong.is_empty());
}

#[test]
fn what_another_service_starts_after_can_be_found_by_its_name() {
    let plain = ("api/Dockerfile", "FROM python:3.12-slim\nCOPY . .\nCMD [\"python\", \"a.py\"]\n");
    for (more, found) in [
        ("depends_on: [api]", true),
        ("restart: always", false),
        ("depends_on: {api: {condition: service_completed_successfully}}", false),
    ] {
        let text = format!("services:\n  web: {{build: ., {more}}}\n  api: {{build: api}}\n");
        let got = got(&text, &[super::DOCKERFILE, plain]);
        assert_eq!(got.has("Service/api"), found, "{more}");
    }
}

#[test]
fn sources_that_no_image_has_come_first() {
    let dockerfile = ("php/Dockerfile", "FROM php:8-fpm\nWORKDIR /srv\n");
    let large = "x".repeat(1 << 20);
    let page = ("app/index.php", large.as_str());
    let compose = "services:\n  php: {build: php, volumes: ['./app:/srv']}\n";
    assert_eq!(got(compose, &[dockerfile, page]).proposal.first.len(), 1);
    let data = compose.replace("./app:/srv", "./app:/var/lib/mysql");
    assert_eq!(got(&data, &[dockerfile, page]).proposal.first.len(), 0);
}
