//! The decisions before anything is written.

use crate::cluster::synced::Running;
use crate::flow::sync::access::Access;
use crate::flow::sync::attempt::first_reason;
use crate::flow::sync::attempt::questions;
use crate::flow::sync::attempt::unnoticed;
use crate::flow::sync::lacks;
use crate::flow::sync::write::SyncTarget;
use crate::flow::sync::write::Work;
use crate::flow::sync::write::marks;
use crate::image::sync::Plan;
use crate::image::sync::SyncDecision;
use crate::image::sync::facts::Question;
use crate::image::sync::process::Process;
use crate::image::sync::reason::Reason;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

fn name(name: &str) -> ImageName {
    ImageName::parse(name).unwrap()
}

#[tokio::test]
async fn a_pod_is_marked_with_the_files_of_all_its_containers() {
    let work = |image: &str, container: &str, files: usize| Work {
        name: name(image),
        root: "/project".into(),
        step: Plan::default(),
        whole: Plan { deletions: (0..files).map(|file| format!("/app/{file}")).collect(), ..Plan::default() },
        containers: ["one", "two"]
            .map(|pod| {
                let running = Running {
                    namespace: "shop".to_owned(),
                    pod: pod.to_owned(),
                    container: container.to_owned(),
                    id: format!("{pod}-{container}"),
                    is_docker: true,
                };
                SyncTarget { running, access: Access::nowhere(), process: Process::default() }
            })
            .into(),
    };
    let all = [work("web", "web", 2), work("api", "api", 1)];
    let marks = marks(&all);
    assert_eq!(marks.len(), 2);
    let mark = &marks[&("shop", "one")];
    assert_eq!(mark.files, 3);
    assert_eq!(mark.containers["api"], "one-api");
    // A pod whose files are those of its image again has no mark.
    let back = [work("web", "web", 0)];
    let marks = super::write::marks(&back);
    assert_eq!(marks[&("shop", "two")].files, 0);
}

#[test]
fn a_deletion_is_noticed_only_by_what_reads_files_anew() {
    let runs = |line: &str| Process {
        arguments: line.split(' ').map(str::to_owned).collect(),
        working_dir: "/app".to_owned(),
        ..Process::default()
    };
    let removed = |path: &str| Plan { deletions: vec![path.to_owned()], ..Plan::default() };
    let page = removed("/usr/share/nginx/html/a.html");
    assert_eq!(unnoticed(&page, &runs("nginx")), None);
    let source = removed("/app/a.py");
    assert_eq!(unnoticed(&source, &runs("uvicorn main:app --reload")), Some(&source.deletions[0]));
    // A rule in deploy.toml defines what happens.
    let ruled = Plan { ruled: source.deletions.iter().cloned().collect(), ..source };
    assert_eq!(unnoticed(&ruled, &runs("./server")), None);
}

#[test]
fn one_image_that_has_to_be_built_decides_for_all() {
    let ask = SyncDecision::Ask([Question::Accounts].into());
    let some = BTreeMap::from([(name("api"), ask), (name("web"), SyncDecision::Unused)]);
    assert_eq!(questions(&some), [(name("api"), Question::Accounts)]);
    assert_eq!(first_reason(&some), None);
    let mut all = some;
    all.insert(name("web"), SyncDecision::Rebuild(Reason::Off));
    assert_eq!(first_reason(&all), Some((&name("web"), &Reason::Off)));
    assert!(Reason::Off.is_expected(), "nothing has to be explained");
}

#[test]
fn a_container_that_was_restarted_lacks_what_was_copied() {
    let pod = |state: &str, id: &str| {
        serde_json::json!({
            "metadata": {"name": "a"}, "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "web", "containerID": format!("docker://{id}"), "state": {state: {"reason": "CrashLoopBackOff"}}},
            ]},
        })
    };
    let current = BTreeSet::from(["old".to_owned()]);
    for (state, id, image, expected) in [
        ("running", "old", "web:1", false),
        ("running", "new", "web:1", true),
        ("running", "new", "web:2", false),
        ("terminated", "old", "web:1", false),
        ("waiting", "old", "web:1", true),
    ] {
        assert_eq!(lacks(&[pod(state, id)], image, &current), expected, "{state} {id} {image}");
    }
}
