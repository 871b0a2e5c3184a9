//! Files that `todo watch` copies into running containers, on a real cluster.

use crate::real::harness::Harness;
use crate::real::http;
use crate::real::watch::Watch;

const NAMESPACE: &str = "todo-watch-page";

/// The names of the pods that stay, which a new pod never has again.
fn pods(harness: &Harness) -> Vec<String> {
    let pods = harness.objects_in(NAMESPACE, "pods");
    let stays = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let mut names: Vec<String> =
        stays.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
#[ignore = "needs minikube"]
fn a_page_is_copied_into_the_pods_that_run_and_the_next_up_replaces_them() {
    let harness = Harness::lent_or("todo-synced", "tests/fixtures/watch");
    harness.edit("k8s/page.yaml", "replicas: 1", "replicas: 2");
    let mut watch = Watch::start(&harness);
    let url = watch.round()["url"].as_str().unwrap().to_owned();
    let before = pods(&harness);
    assert_eq!(before.len(), 2);

    for (from, to) in [("version 1", "version 2"), ("version 2", "version 3")] {
        harness.edit("index.html", from, to);
        assert_eq!(watch.round()["event"], "round-finished");
        // Either pod may answer.
        assert!((0..10).all(|_| http::get(&url).1.contains(to)), "{to}");
    }
    assert_eq!(pods(&harness), before, "no pod was replaced");
    let inside = |pod: &String| {
        harness.kubectl(&[
            "exec",
            "-n",
            "todo-watch-page",
            pod,
            "--",
            "stat",
            "-c",
            "%u:%g %a",
            "/usr/share/nginx/html/index.html",
        ])
    };
    assert!(before.iter().all(|pod| inside(pod).trim() == "0:0 644"));
    assert!(harness.todo(&["status"]).stdout.contains("1 file is newer than its image"));

    // As in the image again: nothing is newer.
    harness.edit("index.html", "version 3", "version 1");
    watch.round();
    assert!(http::get(&url).1.contains("version 1"));
    assert!(!harness.todo(&["status"]).stdout.contains("newer than its image"));

    harness.edit("index.html", "version 1", "version 4");
    watch.round();
    // The pod in its place begins with the files of the image.
    harness.kubectl(&["delete", "pod", "-n", NAMESPACE, &before[0], "--wait=false"]);
    watch.copied();
    let page = |pod: &String| {
        harness.kubectl(&["exec", "-n", NAMESPACE, pod, "--", "cat", "/usr/share/nginx/html/index.html"])
    };
    let replaced = pods(&harness);
    assert!(!replaced.contains(&before[0]) && replaced.len() == 2, "{replaced:?}");
    assert!(replaced.iter().all(|pod| page(pod).contains("version 4")), "{replaced:?}");
    drop(watch);
    harness.edit("index.html", "version 4", "version 1");
    harness.up();
    let after = pods(&harness);
    assert!(after.iter().all(|pod| !before.contains(pod)), "{before:?} {after:?}");
    http::get_until(&url, "version 1");
}
