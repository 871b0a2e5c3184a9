//! Synced files equal the result of a build: against a real engine, named as in `real`.

use crate::image;
use crate::image::archive::Container;
use crate::image::archive::Stamps;
use crate::image::archive::base_config;
use crate::image::archive::paths_of_image;
use crate::image::engine::Engine;
use crate::image::surveyed::Surveyed;
use crate::image::sync::SyncDecision;
use crate::image::sync::decide;
use crate::image::sync::facts::Question;
use crate::image::sync::facts::SyncFacts;
use crate::image::tests::real::engine;
use crate::image::tests::sample::Sample;
use bollard::models::ContainerCreateBody;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Decides, answering the questions.
async fn decided(
    engine: &Engine,
    container: Container<'_>,
    before: &Surveyed,
    now: &Surveyed,
) -> SyncDecision {
    let mut facts = SyncFacts::default();
    while let SyncDecision::Ask(questions) = decide(before, now, &facts) {
        for question in questions {
            match question {
                Question::Base(base) => {
                    let config = base_config(engine, &base).await.unwrap().unwrap();
                    facts.bases.insert(base, config);
                }
                Question::Path(path) => {
                    let kind = container.kind(&path).await.unwrap();
                    facts.paths.insert(path, kind);
                }
                Question::Below { base, path } => {
                    facts.below.extend(paths_of_image(engine, &base, &[path]).await.unwrap());
                }
                Question::Accounts => facts.accounts = Some(container.accounts().await.unwrap()),
            }
        }
    }
    decide(before, now, &facts)
}

async fn start(engine: &Engine, image: &str) -> String {
    let body = ContainerCreateBody { image: Some(image.to_owned()), ..ContainerCreateBody::default() };
    let id = engine.client.create_container(None, body).await.unwrap().id;
    engine.client.start_container(&id, None).await.unwrap();
    id
}

/// Every path below `/app` with owner, mode, kind and content, as an archive has it.
async fn tree(engine: &Engine, id: &str) -> Vec<String> {
    use futures::StreamExt;
    use std::io::Read;
    let options = bollard::query_parameters::DownloadFromContainerOptionsBuilder::new().path("/app").build();
    let mut parts = Box::pin(engine.client.download_from_container(id, Some(options)));
    let mut bytes = Vec::new();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part.unwrap());
    }
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
            let link = entry.link_name().unwrap().map(|link| link.display().to_string());
            let owner = (header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap() & 0o7777);
            format!("{path} {owner:?} {:?} {link:?} {content}", header.entry_type())
        })
        .collect();
    paths.sort();
    paths
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_synced_container_equals_one_of_a_new_image() {
    let (to, base) = engine();
    let sample = Sample::new("todo-test-synced");
    let engine = Engine::new(&to.builder).unwrap();
    for (number, copies) in [
        "COPY . /app",
        "COPY --chown=7 src /app/src",
        "COPY --chown=daemon:daemon --chmod=640 src/*.txt /app/text/",
        "WORKDIR /app\nCOPY src/a.txt .\nCOPY src/sub ./sub/",
        "COPY src/a.txt /app/one",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("synced{number}");
        let text = format!("FROM {base}\n{copies}\nCMD [\"sleep\", \"600\"]\n");
        sample.write(
            &name,
            &[("Dockerfile", &text), ("src/a.txt", "1"), ("src/sub/b", "1"), ("src/c.txt", "1")],
        );
        let root = sample.image(&name).context;
        let before = sample.survey(&[&name]).remove(0);
        let built =
            image::make(&sample.run, &sample.project, &to, std::slice::from_ref(&before)).await.unwrap();
        let old = start(&engine, &built[0].reference).await;
        sample.write(&name, &[("src/a.txt", "changed"), ("src/new/deep/x", "new"), ("src/n.txt", "n")]);
        fs::set_permissions(root.join("src/sub/b"), fs::Permissions::from_mode(0o755)).unwrap();
        let now = sample.survey(&[&name]).remove(0);
        let container = Container { engine: &engine, id: &old };
        let decision = decided(&engine, container, &before, &now).await;
        let SyncDecision::Sync(plan) = decision else { panic!("{copies}: {decision:?}") };
        container.observe().await.unwrap().check(&plan).unwrap();
        container.apply(&root, &plan, &Stamps::default()).await.unwrap();
        if number == 0 {
            fs::remove_dir_all(root.join("src/new")).unwrap();
            let later = sample.survey(&[&name]).remove(0);
            let SyncDecision::Sync(plan) = decided(&engine, container, &now, &later).await else { panic!() };
            container.apply(&root, &plan, &Stamps::default()).await.unwrap();
        }
        let now = sample.survey(&[&name]);
        let rebuilt = image::make(&sample.run, &sample.project, &to, &now).await.unwrap();
        let new = start(&engine, &rebuilt[0].reference).await;
        let (synced, expected) = (tree(&engine, &old).await, tree(&engine, &new).await);
        for id in [old, new] {
            let options = bollard::query_parameters::RemoveContainerOptionsBuilder::new().force(true).build();
            engine.client.remove_container(&id, Some(options)).await.unwrap();
        }
        assert_eq!(synced, expected, "{copies}");
        assert!(expected.len() > 1, "{copies}");
    }
    image::remove_all(&sample.project, &to).await.unwrap();
}
