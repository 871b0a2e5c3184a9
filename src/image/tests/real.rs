//! Against a real engine, whose address is in TODO_TEST_ENGINE (with certificates in TODO_TEST_CERTS) and which has the
//! image of TODO_TEST_BASE, a Linux with a shell.

use crate::docker;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::image;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::image::tests::sample::Sample;
use crate::project::BuildSecret;
use crate::world::World;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) fn engine() -> (Destination, String) {
    let world = World::of_this_process().unwrap();
    let address = world.var("TODO_TEST_ENGINE").unwrap_or("unix:///var/run/docker.sock");
    let certificates = world.var_os("TODO_TEST_CERTS").map(Into::into);
    let builder = docker::parse(address, certificates).unwrap();
    let nodes = vec![NodeStore::Docker(builder.clone())];
    let base = world.var("TODO_TEST_BASE").unwrap_or("lab/slim").to_owned();
    (Destination { builder, nodes, registry: None }, base)
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_is_built_once_and_a_changed_line_sends_little() {
    let (to, base) = engine();
    let mut sample = Sample::new("todo-test-once");
    let many: Vec<(String, String)> =
        (0..300).map(|n| (format!("src/d{}/f{n}.txt", n % 17), format!("{n}\n").repeat(100))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    sample.write("web", &many);
    sample.write(
        "web",
        &[(
            "Dockerfile",
            &format!("FROM {base}\nRUN echo hello && cat /etc/hostname\nCOPY src /src\nCMD [\"true\"]\n"),
        )],
    );
    let first = image::make(&sample.run, &sample.project, &to, &sample.survey(&["web"])).await.unwrap();
    for _ in 0..3 {
        let surveyed = sample.survey(&["web"]);
        let second = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
        assert_eq!(second[0].outcome, Outcome::Unchanged);
        assert_eq!(second[0].reference, first[0].reference);
    }
    sample.events();
    sample.write("web", &[("src/d0/f0.txt", "changed\n")]);
    let surveyed = sample.survey(&["web"]);
    let third = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
    assert_eq!(third[0].outcome, Outcome::Built);
    assert_ne!(third[0].reference, first[0].reference);
    assert_eq!(third[0].why, ["src/d0/f0.txt changed"]);
    let detail = sample.events().into_iter().find_map(|event| match event.kind {
        EventKind::ItemFinished { detail, .. } => detail,
        _ => None,
    });
    let detail = detail.unwrap();
    let sent: u64 = detail.split(", ").last().unwrap().strip_suffix(" kB sent").unwrap().parse().unwrap();
    assert!(sent < 64, "{detail}");
    let removed = image::remove_all(&sample.project, &to).await.unwrap();
    assert_eq!(removed.images, 2);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_build_that_fails_says_where_and_why() {
    let (to, base) = engine();
    let sample = Sample::new("todo-test-fail");
    for (name, step) in [
        ("code", "RUN echo out; echo err >&2; exit 3"),
        ("program", "RUN no-such-program --now"),
        ("stages", "FROM scratch AS last\nCOPY --from=0 /nope /x"),
        (
            "resolve",
            "RUN getent hosts nowhere.invalid || { echo 'Could not resolve host: nowhere.invalid'; exit 6; }",
        ),
    ] {
        sample.write(
            name,
            &[("Dockerfile", &format!("FROM {base}\n# about\nRUN true\n{step}\nCMD [\"true\"]\n"))],
        );
    }
    sample.write("base", &[("Dockerfile", "FROM todo.invalid/no/such:1\nRUN true\n")]);
    let images = sample.survey(&["code", "program", "resolve", "base", "stages"]);
    let fault = image::make(&sample.run, &sample.project, &to, &images).await.unwrap_err();
    assert_eq!(fault.findings.len(), images.len());
    for finding in &fault.findings {
        assert!(finding.place.as_ref().is_some_and(|place| place.line > 0), "{finding:?}");
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_secret_reaches_the_build_and_nothing_else() {
    let (to, base) = engine();
    let mut sample = Sample::new("todo-test-secret");
    let step = "RUN --mount=type=secret,id=token test \"$(cat /run/secrets/token)\" = 's3cr3t!' && cat /run/secrets/token && echo && echo";
    let step = format!("{step} {}", std::process::id());
    sample
        .write("web", &[("Dockerfile", &format!("FROM {base}\n{step}\nRUN test ! -e /run/secrets/token\n"))]);
    let mut web = sample.image("web");
    web.secrets.insert("token".to_owned(), BuildSecret::Env("SOME_TOKEN".to_owned()));
    let mut surveyed = sample.try_survey(vec![web]).unwrap();
    let built = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
    assert_eq!(built[0].outcome, Outcome::Built);
    let events = sample.events();
    assert!(
        events.iter().any(|event| matches!(&event.kind, EventKind::Log { line, .. } if line == "***")),
        "{events:?}"
    );
    assert!(!format!("{events:?}").contains("s3cr3t!\""));
    image::remove_all(&sample.project, &to).await.unwrap();

    surveyed[0].image.secrets.insert("token".to_owned(), BuildSecret::Env("NOT_SET".to_owned()));
    let fault = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap_err();
    assert!(fault.findings[0].message.contains("`NOT_SET`, which is not set"), "{fault:?}");
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn stopping_the_run_stops_the_build() {
    let (to, base) = engine();
    let sample = Sample::new("todo-test-stop");
    let mark = format!("sleep 86{}", std::process::id());
    sample.write("web", &[("Dockerfile", &format!("FROM {base}\nRUN {mark}\n"))]);
    let surveyed = sample.survey(&["web"]);
    let ask = async {
        while !runs(&mark) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sample.asker.cancel(crate::fault::FaultKind::Interrupted);
    };
    let making = sample.run.or_stopped(image::make(&sample.run, &sample.project, &to, &surveyed));
    let (made, ()) = tokio::join!(making, ask);
    assert_eq!(made.unwrap_err().kind, crate::fault::FaultKind::Interrupted);
    let gone = async {
        while runs(&mark) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the step still runs");
}

/// Whether some process of this machine, in whatever container, is this command.
fn runs(command: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).collect::<Vec<_>>().join(&b' ').trim_ascii() == command.as_bytes()
    })
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_of_the_project_can_be_the_base_of_another() {
    let (to, base) = engine();
    let sample = Sample::new("todo-test-chain");
    sample.write("base", &[("Dockerfile", &format!("FROM {base}\nRUN echo base > /base\n"))]);
    sample.write("web", &[("Dockerfile", "FROM base\nRUN grep base /base\n")]);
    let images = sample.survey(&["web", "base"]);
    let looked = image::inspect(&sample.run, &sample.project, &to, &images).await.unwrap();
    assert!(looked.iter().all(|image| image.reference.is_none() && !image.why.is_empty()), "{looked:?}");
    let built = image::make(&sample.run, &sample.project, &to, &images).await.unwrap();
    let looked = image::inspect(&sample.run, &sample.project, &to, &images).await.unwrap();
    for (looked, built) in looked.iter().zip(&built) {
        assert_eq!(looked.reference.as_ref(), Some(&built.reference));
    }
    let again = image::make(&sample.run, &sample.project, &to, &images).await.unwrap();
    assert!(again.iter().all(|image| image.outcome == Outcome::Unchanged), "{again:?}");
    let swept = image::sweep(&sample.project, &to, &BTreeSet::new()).await.unwrap();
    assert_eq!(swept.images, 0);
    image::remove_all(&sample.project, &to).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn builds_leave_no_connection_open() {
    let (to, base) = engine();
    let sample = Sample::new("todo-test-open");
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = None;
    for content in ["1", "2", "3", "4", "5"] {
        sample.write("web", &[("Dockerfile", &format!("FROM {base}\nCOPY a /a\n")), ("a", content)]);
        let surveyed = sample.survey(&["web"]);
        let built = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
        assert_eq!(built[0].outcome, Outcome::Built);
        let settled = async {
            while before.is_some_and(|before| open() > before) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), settled).await.expect("connections stay open");
        before = before.or(Some(open()));
    }
    image::remove_all(&sample.project, &to).await.unwrap();
}

/// In addition to the engine, TODO_TEST_SECOND: the address of another node's engine with the same certificates.
#[tokio::test]
#[ignore = "needs two Docker engines"]
async fn every_node_gets_the_same_image() {
    let (mut to, base) = engine();
    let world = World::of_this_process().unwrap();
    let second = world.var("TODO_TEST_SECOND").expect("TODO_TEST_SECOND is set");
    let second = docker::parse(second, world.var_os("TODO_TEST_CERTS").map(Into::into)).unwrap();
    to.nodes.push(NodeStore::Docker(second.clone()));
    let sample = Sample::new("todo-test-nodes");
    image::remove_all(&sample.project, &to).await.unwrap();
    for content in ["1", "2", "2"] {
        sample.write("web", &[("Dockerfile", &format!("FROM {base}\nCOPY a /a\n")), ("a", content)]);
        let surveyed = sample.survey(&["web"]);
        let built = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
        let there = docker::connect(&second).unwrap().inspect_image(&built[0].reference).await.unwrap();
        assert_eq!(there.id.as_deref(), Some(built[0].id.as_str()));
    }
    assert_eq!(image::remove_all(&sample.project, &to).await.unwrap().images, 4);
}

/// In addition to the engine, TODO_TEST_REGISTRY: a private registry, `HOST[:PORT][/PATH]`, with the user's login in
/// DOCKER_CONFIG, in the file or from a helper.
#[tokio::test]
#[ignore = "needs a private registry"]
async fn a_private_registry_gets_images_once_and_gives_them_to_builds() {
    let (mut to, base) = engine();
    let world = World::of_this_process().unwrap();
    let registry = world.var("TODO_TEST_REGISTRY").expect("TODO_TEST_REGISTRY is set").to_owned();
    to.registry = Some(registry.clone());
    let mut sample = Sample::new("todo-test-registry");
    sample.run.world = std::sync::Arc::new(world);
    let content = format!("{}\n", std::process::id());
    sample.write("web", &[("Dockerfile", &format!("FROM {base}\nCOPY a /a\n")), ("a", &content)]);
    let first = image::make(&sample.run, &sample.project, &to, &sample.survey(&["web"])).await.unwrap();
    let reference = first[0].reference.clone();
    assert!(reference.starts_with(&format!("{registry}/web:i-")), "{reference}");
    let pushes = |events: Vec<crate::event::Event>| {
        let is_push = |event: &crate::event::Event| match &event.kind {
            EventKind::Progress { doing, .. } => doing.starts_with("pushing to"),
            _ => false,
        };
        events.iter().any(is_push)
    };
    assert!(pushes(sample.events()));
    let again = image::make(&sample.run, &sample.project, &to, &sample.survey(&["web"])).await.unwrap();
    assert_eq!((again[0].outcome, &again[0].reference), (Outcome::Unchanged, &reference));
    assert!(!pushes(sample.events()), "it was there already");

    // Only the registry has it now, and only for logged-in users.
    image::remove_all(&sample.project, &to).await.unwrap();
    assert!(docker::connect(&to.builder).unwrap().inspect_image(&reference).await.is_err());
    sample.write("api", &[("Dockerfile", &format!("FROM {reference}\nRUN test \"$(cat /a)\" = {content}"))]);
    image::make(&sample.run, &sample.project, &to, &sample.survey(&["api"])).await.unwrap();

    image::remove_all(&sample.project, &to).await.unwrap();
    let _ = docker::connect(&to.builder)
        .unwrap()
        .remove_image(&reference, None::<bollard::query_parameters::RemoveImageOptions>, None)
        .await;
    sample.run.world = std::sync::Arc::new(World::fake("/", [("HOME", "/nobody")]));
    let fault = image::make(&sample.run, &sample.project, &to, &sample.survey(&["api"])).await.unwrap_err();
    let help = fault.findings[0].help.clone().unwrap_or_default();
    assert!(help.contains("docker login"), "{fault:?}");
}

/// In addition to the engine, TODO_TEST_NODE: a container of the host's engine whose containerd is a node's.
#[tokio::test]
#[ignore = "needs a node with containerd"]
async fn a_containerd_node_gets_only_the_layers_that_it_lacks() {
    let (mut to, base) = engine();
    let Some(container) = World::of_this_process().unwrap().var("TODO_TEST_NODE").map(str::to_owned) else {
        panic!("TODO_TEST_NODE is not set");
    };
    to.nodes = vec![NodeStore::Containerd { host: to.builder.clone(), container }];
    let sample = Sample::new("todo-test-node");
    sample.write("web", &[("Dockerfile", &format!("FROM {base}\nCOPY a /a\n")), ("a", "1")]);
    image::remove_all(&sample.project, &to).await.unwrap();
    let mut references = BTreeSet::new();
    for content in ["1", "2", "2", "3"] {
        sample.write("web", &[("a", content)]);
        let surveyed = sample.survey(&["web"]);
        let built = image::make(&sample.run, &sample.project, &to, &surveyed).await.unwrap();
        references.insert(built[0].reference.clone());
    }
    assert_eq!(references.len(), 3);
    let swept = image::sweep(&sample.project, &to, &BTreeSet::new()).await.unwrap();
    assert_eq!(swept.images, 2, "one in the builder, one in the node");
    let removed = image::remove_all(&sample.project, &to).await.unwrap();
    assert_eq!(removed.images, 4, "two in the builder, two in the node");
}
