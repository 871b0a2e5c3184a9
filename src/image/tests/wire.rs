//! The requests to an engine, and the use of its responses.

use crate::docker::Address;
use crate::event::Code;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::fault::FaultKind;
use crate::image;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::image::tests::fake::Fake;
use crate::image::tests::sample::Sample;
use crate::project::BuildSecret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use bollard_buildkit_proto::moby::buildkit::v1::Vertex;
use bollard_buildkit_proto::moby::buildkit::v1::VertexLog;
use prost::Message;
use std::io::Read;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

const ID: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn to(fake: &Fake) -> Destination {
    let builder = Address::Unix(fake.socket.clone());
    Destination { nodes: vec![NodeStore::Docker(builder.clone())], builder, registry: None }
}

fn inspected(id: &str, tags: &[&str]) -> (u16, String) {
    let image = serde_json::json!({
        "Id": id, "RepoTags": tags, "Os": "linux", "Architecture": "amd64", "Size": 143_000_000,
        "RootFS": { "Type": "layers", "Layers": [id] },
    });
    (200, image.to_string())
}

fn missing() -> (u16, String) {
    (404, r#"{"message":"No such image"}"#.to_owned())
}

fn sample() -> Sample {
    let sample = Sample::new("shop");
    sample.write("web", &[("Dockerfile", "FROM debian:12\nCOPY a /a\nRUN make\n"), ("a", "1")]);
    sample
}

#[tokio::test]
async fn an_image_that_is_there_costs_two_requests() {
    let sample = sample();
    let name = "todo.local/shop/web:i-0123456789abcdef";
    let fake = Fake::start(sample.folder.path(), move |_| inspected(ID, &[name]));
    let built =
        image::make(&sample.run, &sample.project, &to(&fake), &sample.survey(&["web"])).await.unwrap();
    assert_eq!((built[0].outcome, built[0].reference.as_str()), (Outcome::Unchanged, name));
    let key = &built[0].key;
    let lookup = format!("GET /images/todo.local/shop/web:k-{key}/json");
    let base = "GET /images/debian:12/json".to_owned();
    assert_eq!(fake.lines(), [base.clone(), lookup.clone()]);
    // Both are requested at once where the key is remembered, and nothing else.
    let again =
        image::make(&sample.run, &sample.project, &to(&fake), &sample.survey(&["web"])).await.unwrap();
    assert_eq!(again, built);
    let mut asked = fake.lines().split_off(2);
    asked.sort();
    assert_eq!(asked, [base, lookup]);
}

#[tokio::test]
async fn what_is_remembered_is_asked_for_in_vain_once_something_changed() {
    let sample = sample();
    let name = "todo.local/shop/web:i-0123456789abcdef";
    let fake = Fake::start(sample.folder.path(), move |_| inspected(ID, &[name]));
    let make = async || {
        let surveyed = sample.survey(&["web"]);
        image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap().remove(0)
    };
    let before = make().await;
    std::fs::write(sample.folder.path().join("web/new"), "new").unwrap();
    let now = make().await;
    assert_ne!(before.key, now.key);
    let lookup = |key: &str| format!("GET /images/todo.local/shop/web:k-{key}/json");
    assert_eq!(fake.lines()[4], lookup(&now.key));
    assert!(fake.lines()[2..4].contains(&lookup(&before.key)));
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let sample = sample();
    let fake = Fake::start(sample.folder.path(), |line| match line {
        "GET /images/debian:12/json" => inspected(ID, &[]),
        _ => missing(),
    });
    let looked =
        image::inspect(&sample.run, &sample.project, &to(&fake), &sample.survey(&["web"])).await.unwrap();
    assert_eq!((&looked[0].reference, looked[0].why.len()), (&None, 1));
    assert!(fake.asked().iter().all(|asked| asked.line.starts_with("GET ")), "{:?}", fake.lines());
}

/// BuildKit's messages about a RUN that fails.
fn failing() -> String {
    let vertex = |name: &str, error: &str| Vertex {
        digest: name.to_owned(),
        name: name.to_owned(),
        error: error.to_owned(),
        ..Vertex::default()
    };
    let log = VertexLog {
        vertex: "[3/3] RUN make".to_owned(),
        msg: b"no rule to make target\n".to_vec(),
        ..VertexLog::default()
    };
    let status = StatusResponse {
        vertexes: vec![
            vertex("[2/3] COPY a /a", ""),
            vertex(
                "[3/3] RUN make",
                "process \"/bin/sh -c make\" did not complete successfully: exit code: 2",
            ),
        ],
        logs: vec![log],
        ..StatusResponse::default()
    };
    let trace =
        serde_json::json!({ "id": "moby.buildkit.trace", "aux": STANDARD.encode(status.encode_to_vec()) });
    let error = serde_json::json!({ "errorDetail": { "message": "failed to solve: exit code: 2" }, "error": "failed" });
    format!("{trace}\r\n{error}\r\n")
}

/// An engine whose builds fail.
fn broken_builder(sample: &Sample) -> Fake {
    Fake::start(sample.folder.path(), |line| match line.split('?').next().unwrap() {
        "GET /images/debian:12/json" => inspected(ID, &[]),
        "POST /session" => (101, String::new()),
        "POST /build" => (200, failing()),
        _ => missing(),
    })
}

#[tokio::test]
async fn a_build_that_fails_ends_with_its_line_and_its_output() {
    let mut sample = sample();
    let fake = broken_builder(&sample);
    let fault =
        image::make(&sample.run, &sample.project, &to(&fake), &sample.survey(&["web"])).await.unwrap_err();
    assert_eq!((fault.kind, fault.causes()), (FaultKind::Image, vec!["cannot build image `web`".to_owned()]));
    let finding = &fault.findings[0];
    assert_eq!(finding.message, "`make` ended with exit code 2");
    assert_eq!(finding.place.as_ref().unwrap().to_string(), "web/Dockerfile:3");
    assert_eq!(finding.evidence.last().unwrap(), "no rule to make target");
    assert!(
        finding.evidence.iter().any(|line| line.starts_with('>') && line.ends_with("RUN make")),
        "{finding:?}"
    );
    assert!(
        sample
            .events()
            .iter()
            .any(|event| matches!(&event.kind, EventKind::ItemFinished { outcome: Outcome::Failed, .. }))
    );
}

#[tokio::test]
async fn an_engine_without_buildkit_gets_a_tar_and_it_is_said_once() {
    let mut sample = sample();
    sample.write("api", &[("Dockerfile", "FROM debian:12\nRUN true\n")]);
    let builds = AtomicUsize::new(0);
    let fake = Fake::start(sample.folder.path(), move |line| match line.split('?').next().unwrap() {
        "GET /images/debian:12/json" => inspected(ID, &[]),
        "POST /session" => missing(),
        "POST /build" => {
            builds.fetch_add(1, Ordering::SeqCst);
            (200, "{\"stream\":\"Step 1/2 : FROM debian:12\\n\"}\r\n{\"stream\":\"Successfully built 0123\\n\"}".to_owned())
        }
        line if line.contains(":k-") && builds.load(Ordering::SeqCst) > 0 => inspected(ID, &[]),
        line if line.contains("/tag") => (201, String::new()),
        _ => missing(),
    });
    let surveyed = sample.survey(&["web"]);
    let made = image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap();
    assert_eq!(made[0].outcome, Outcome::Built);
    let asked = fake.asked();
    let request = asked.iter().find(|asked| asked.line.starts_with("POST /build?")).unwrap();
    assert!(
        !request.line.contains("version=2") && request.line.contains("dockerfile=.todo.Dockerfile"),
        "{}",
        request.line
    );
    let mut tar = tar::Archive::new(&request.body[..]);
    let names: Vec<String> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names, [".todo.Dockerfile", "Dockerfile", "a"]);
    let events = sample.events();
    let warned = events.iter().filter(|event| matches!(event.kind, EventKind::Warned { .. })).count();
    assert_eq!(warned, 1);
    let why = "building, because it was not built before";
    assert!(
        events.iter().any(|event| matches!(&event.kind, EventKind::Progress { doing, .. } if doing == why)),
        "{events:?}"
    );
}

/// The tar contains at most the name of such an entry, never the content that the link points to.
#[tokio::test]
async fn a_file_or_folder_that_became_a_link_goes_into_no_tar() {
    let sample = sample();
    sample.write("web", &[("real/b", "2")]);
    sample.write("elsewhere", &[("a", "x"), ("b", "y")]);
    let fake = Fake::start(sample.folder.path(), |line| match line.split('?').next().unwrap() {
        "GET /images/debian:12/json" => inspected(ID, &[]),
        _ => missing(),
    });
    let (web, elsewhere) = (sample.folder.path().join("web"), sample.folder.path().join("elsewhere"));
    for (path, target) in [("a", elsewhere.join("a")), ("real", elsewhere.clone())] {
        let surveyed = sample.survey(&["web"]);
        let (at, kept) = (web.join(path), web.join("kept"));
        std::fs::rename(&at, &kept).unwrap();
        std::os::unix::fs::symlink(target, &at).unwrap();
        image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap_err();
        std::fs::remove_file(&at).unwrap();
        std::fs::rename(&kept, &at).unwrap();
    }
    let built = fake.asked().into_iter().filter(|asked| asked.line.starts_with("POST /build?"));
    for asked in built {
        let mut tar = tar::Archive::new(&asked.body[..]);
        for mut entry in tar.entries().unwrap().flatten() {
            let mut text = String::new();
            let _ = entry.read_to_string(&mut text);
            assert!(text != "x" && text != "y", "{:?}", entry.path());
        }
    }
}

#[tokio::test]
async fn the_value_of_a_build_secret_is_in_no_request_and_in_nothing_that_is_told() {
    let mut sample = sample();
    let fake = broken_builder(&sample);
    let mut web = sample.image("web");
    web.secrets.insert("token".to_owned(), BuildSecret::Env("SOME_TOKEN".to_owned()));
    let surveyed = sample.try_survey(vec![web]).unwrap();
    let fault = image::make(&sample.run, &sample.project, &to(&fake), &surveyed).await.unwrap_err();
    sample
        .run
        .sink
        .warn(Code::ImageTagMutable.warning("said again").evidence(["czNjcjN0IQ== s3cr3t!".to_owned()]));
    let asked = fake.asked();
    assert!(asked.iter().any(|asked| asked.line.starts_with("POST /build?")));
    let all = format!("{asked:?} {fault:?} {:?}", sample.events());
    assert!(all.contains("*** ***"), "{all}");
    for value in ["s3cr3t!", "s3cr3t%21", "czNjcjN0IQ"] {
        assert!(!all.contains(value), "{value} in {all}");
    }
}

#[tokio::test]
async fn an_engine_that_is_gone_is_named_with_a_next_step() {
    let sample = sample();
    let nowhere = Address::Unix(sample.folder.path().join("nothing.sock"));
    let to = Destination { nodes: Vec::new(), builder: nowhere, registry: None };
    let fault = image::make(&sample.run, &sample.project, &to, &sample.survey(&["web"])).await.unwrap_err();
    assert!(fault.causes()[0].contains("nothing.sock") && !fault.hints.is_empty(), "{fault:?}");
}
