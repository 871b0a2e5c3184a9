//! The requests to an engine when nodes pull: they contain the user's login, and the result of the push is compared.

use crate::docker::Address;
use crate::event::Outcome;
use crate::image;
use crate::image::Destination;
use crate::image::tests::fake::Fake;
use crate::image::tests::sample::Sample;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

const ID: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const REPOSITORY: &str = "registry.example:5000/acme/web";
const TAG: &str = "i-0123456789abcdef";
const DIGEST: &str = "sha256:d1";
/// Its base64 has a `/` in the usual alphabet and a `_` in that of URLs.
const PASSWORD: &str = "??>>~~";

fn to(fake: &Fake) -> Destination {
    Destination {
        builder: Address::Unix(fake.socket.clone()),
        nodes: Vec::new(),
        registry: Some("registry.example:5000/acme".to_owned()),
    }
}

/// A user who is logged in at the registry.
fn sample() -> Sample {
    let sample = Sample::new("shop");
    sample.write("web", &[("Dockerfile", "FROM debian:12\nCOPY a /a\nRUN make\n"), ("a", "1")]);
    let auth = STANDARD.encode(format!("me:{PASSWORD}"));
    let configuration = format!(r#"{{"auths":{{"registry.example:5000":{{"auth":"{auth}"}}}}}}"#);
    std::fs::create_dir_all(sample.folder.path().join(".docker")).unwrap();
    std::fs::write(sample.folder.path().join(".docker/config.json"), configuration).unwrap();
    sample
}

fn inspected(digests: &[String]) -> (u16, String) {
    let image = serde_json::json!({
        "Id": ID, "RepoTags": [format!("{REPOSITORY}:{TAG}")], "RepoDigests": digests,
        "Os": "linux", "Architecture": "amd64", "Size": 143_000_000, "RootFS": { "Type": "layers", "Layers": [ID] },
    });
    (200, image.to_string())
}

fn descriptor(digest: &str) -> (u16, String) {
    (200, serde_json::json!({ "Descriptor": { "digest": digest }, "Platforms": [] }).to_string())
}

fn pushed() -> (u16, String) {
    let lines = [
        serde_json::json!({ "status": "Pushing", "id": "aa", "progressDetail": { "current": 1, "total": 2 } }),
        serde_json::json!({ "aux": { "Tag": TAG, "Digest": DIGEST, "Size": 3 } }),
    ];
    (200, lines.map(|line| line.to_string()).join("\r\n"))
}

#[tokio::test]
async fn an_image_is_pushed_with_the_users_login_and_pods_name_the_registry() {
    let sample = sample();
    let is_there = Arc::new(AtomicBool::new(false));
    let fake = Fake::start(sample.folder.path(), move |line| match line.split('?').next().unwrap() {
        "POST /images/registry.example:5000/acme/web/push" => {
            is_there.store(true, Ordering::SeqCst);
            pushed()
        }
        line if line.starts_with("GET /distribution/") && is_there.load(Ordering::SeqCst) => {
            descriptor(DIGEST)
        }
        line if line.starts_with("GET /distribution/") => {
            (404, r#"{"message":"manifest unknown"}"#.to_owned())
        }
        _ => inspected(&[]),
    });
    let surveyed = sample.survey(&["web"]);
    let made = image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap();
    assert_eq!((made[0].outcome, &made[0].reference), (Outcome::Unchanged, &format!("{REPOSITORY}:{TAG}")));
    let asked = fake.asked();
    let push = asked.iter().find(|asked| asked.line.starts_with("POST ")).unwrap();
    assert!(push.line.ends_with(&format!("/push?tag={TAG}")), "{}", push.line);
    let login = URL_SAFE.decode(&push.login).unwrap();
    let login: serde_json::Value = serde_json::from_slice(&login).unwrap();
    assert_eq!((&login["username"], &login["password"]), (&"me".into(), &PASSWORD.into()));
}

#[tokio::test]
async fn what_the_registry_has_is_not_pushed_again() {
    let sample = sample();
    let digests = vec![format!("{REPOSITORY}@{DIGEST}")];
    let fake = Fake::start(sample.folder.path(), move |line| {
        if line.starts_with("GET /distribution/") { descriptor(DIGEST) } else { inspected(&digests) }
    });
    let surveyed = sample.survey(&["web"]);
    image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap();
    let posted: Vec<String> = fake.lines().into_iter().filter(|line| line.starts_with("POST")).collect();
    assert!(posted.is_empty(), "{posted:?}");
}

#[tokio::test]
async fn something_else_under_the_name_is_no_success() {
    let sample = sample();
    let fake = Fake::start(sample.folder.path(), |line| match line.split('?').next().unwrap() {
        "POST /images/registry.example:5000/acme/web/push" => pushed(),
        line if line.starts_with("GET /distribution/") => descriptor("sha256:other"),
        _ => inspected(&[]),
    });
    let surveyed = sample.survey(&["web"]);
    let fault = image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap_err();
    let message = &fault.findings[0].message;
    assert!(message.contains("registry.example:5000") && message.contains("sha256:other"), "{message}");
}

#[tokio::test]
async fn a_registry_that_refuses_is_told_with_its_words_and_the_way_in() {
    let mut sample = sample();
    let fake = Fake::start(sample.folder.path(), |line| match line.split('?').next().unwrap() {
        "POST /images/registry.example:5000/acme/web/push" => {
            let why = "unauthorized: authentication required";
            let line = serde_json::json!({ "errorDetail": { "message": why }, "error": why });
            (200, format!("{line}\r\n"))
        }
        line if line.starts_with("GET /distribution/") => (401, r#"{"message":"unauthorized"}"#.to_owned()),
        _ => inspected(&[]),
    });
    let surveyed = sample.survey(&["web"]);
    let fault = image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap_err();
    assert_eq!(
        fault.findings[0].message,
        "cannot push the image to the registry `registry.example:5000`: unauthorized: authentication required"
    );
    assert!(fault.findings[0].help.as_ref().unwrap().contains("`docker login registry.example:5000`"));
    let all = format!("{fault:?} {:?}", sample.events());
    assert!(!all.contains(PASSWORD), "{all}");
}
