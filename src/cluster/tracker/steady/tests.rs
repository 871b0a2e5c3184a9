//! Containers that crash now and then: when a workload counts as steady.

use crate::cluster::tracker::Dump;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Subject;
use crate::cluster::tracker::limits::Limits;
use crate::event::Place;
use crate::manifest::Object;
use health::live;
use health::snapshot::Snapshot;
use health::status::Health;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "uid": "web", "generation": 1,
             "annotations": {"deployment.kubernetes.io/revision": "1"}}, "spec": {"replicas": 1},
           "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                      "conditions": [{"type": "Available", "status": "True"}]}})
}

fn pod(ready: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1-a", "uid": "pod", "ownerReferences": [{"controller": true, "uid": "rs"}]},
           "spec": {"containers": [{"name": "web", "readinessProbe": {}, "livenessProbe": {"periodSeconds": 4}}]},
           "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [
               {"name": "web", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}})
}

fn observe(tracker: &mut HealthTracker, second: i64, more: &[Value]) -> (Health, String) {
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "uid": "rs",
        "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": [{"controller": true, "uid": "web"}]}});
    let mut objects = vec![deployment(), set];
    objects.extend(more.iter().cloned());
    let object_health = tracker.observe(at(second), &Snapshot::from_objects(&objects)).remove(0);
    (object_health.health, object_health.reason)
}

fn subject(changed: bool) -> Subject {
    let object = Object::made(deployment(), Place::file("web.yaml"));
    Subject { id: live::id(&object.value), generation: Some(1), changed, object, before: None }
}

fn tracker() -> HealthTracker {
    HealthTracker::new(vec![subject(true)], Limits::default(), at(0))
}

#[test]
fn a_liveness_probe_that_fails_is_waited_for_until_it_succeeds_again() {
    let failure = |at: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning", "reason": "Unhealthy",
               "message": "Liveness probe failed: no", "lastTimestamp": at,
               "involvedObject": {"uid": "pod", "fieldPath": "spec.containers{web}"}})
    };
    let mut tracker = tracker();
    let failing = (Health::Progressing, "LivenessFails".to_owned());
    assert_eq!(observe(&mut tracker, 1, &[pod("True"), failure("2026-01-01T00:00:01Z")]), failing);
    assert_eq!(observe(&mut tracker, 9, &[pod("True"), failure("2026-01-01T00:00:05Z")]), failing);
    assert_eq!(observe(&mut tracker, 18, &[pod("True"), failure("2026-01-01T00:00:05Z")]), failing);
    assert_eq!(observe(&mut tracker, 19, &[pod("True"), failure("2026-01-01T00:00:05Z")]).0, Health::Ready);
}

#[test]
fn what_the_run_before_did_is_no_failure_of_this_one() {
    let old = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "type": "Warning", "reason": "Unhealthy",
        "message": "Liveness probe failed: no", "lastTimestamp": "2025-12-31T23:59:59Z",
        "involvedObject": {"uid": "pod", "fieldPath": "spec.containers{web}"}});
    assert_eq!(observe(&mut tracker(), 1, &[pod("True"), old]).0, Health::Ready);
}

/// The event that a probe lets the kubelet end the container, first and last at these seconds.
fn killing(first: i64, last: i64) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "k"}, "type": "Normal", "reason": "Killing",
           "message": "Container web failed liveness probe, will be restarted", "firstTimestamp": at(first).to_string(),
           "lastTimestamp": at(last).to_string(), "involvedObject": {"uid": "pod", "fieldPath": "spec.containers{web}"}})
}

#[test]
fn one_thing_is_told_of_a_container_that_a_probe_lets_end_again_and_again() {
    let message = |pod: &Value, event: Value, second: i64| {
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "uid": "rs",
            "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": [{"controller": true, "uid": "web"}]}});
        let snapshot = Snapshot::from_objects(&[deployment(), set, pod.clone(), event]);
        let object_health = tracker().observe(at(second), &snapshot).remove(0);
        assert_eq!(object_health.health, Health::Progressing);
        object_health.message
    };
    let unready = |mut pod: Value| {
        pod["status"]["containerStatuses"][0]["ready"] = json!(false);
        pod["status"]["conditions"][0]["status"] = json!("False");
        pod
    };
    let again = || restarted(137, 2, 20, 40, 41);
    let text = message(&unready(again()), killing(10, 40), 42);
    assert!(text.contains("livenessProbe"), "{text}");
    // The kubelet ends the present run, too, and its end is not in the status yet.
    assert_eq!(message(&unready(again()), killing(10, 60), 61), text);
    // Ready between two ends.
    assert_eq!(message(&again(), killing(10, 40), 45), text);
    assert_eq!(message(&again(), killing(10, 60), 61), text);
    // An exit long before the event belongs to another one.
    let other = message(&unready(again()), killing(60, 60), 61);
    assert!(!other.contains("is killed because"), "{other}");
}

#[test]
fn news_of_the_deployment_that_comes_before_its_pods_is_not_enough() {
    let mut tracker = tracker();
    assert_eq!(observe(&mut tracker, 1, &[pod("False")]), (Health::Progressing, "StaysUp".to_owned()));
    assert_eq!(observe(&mut tracker, 2, &[pod("True")]).0, Health::Ready);
}
/// The pod, its container in the run after one that lasted from second `from` to `to` and ended with `code`.
fn restarted(code: i64, restarts: i64, from: i64, to: i64, began: i64) -> Value {
    let mut pod = pod("True");
    let status = &mut pod["status"]["containerStatuses"][0];
    status["restartCount"] = json!(restarts);
    status["state"] = json!({"running": {"startedAt": at(began).to_string()}});
    status["lastState"] = json!({"terminated": {"exitCode": code, "reason": "Error", "containerID": format!("docker://{restarts}"),
        "startedAt": at(from).to_string(), "finishedAt": at(to).to_string()}});
    pod
}

fn without_probe(mut pod: Value) -> Value {
    pod["spec"]["containers"] = json!([{"name": "web"}]);
    pod
}

/// The same as the second of two containers, or as a sidecar.
fn beside(pod: Value, sidecar: bool) -> Value {
    let mut pod = without_probe(pod);
    let (written, status) = (pod["spec"]["containers"].take(), pod["status"]["containerStatuses"].take());
    let main = json!({"name": "main", "readinessProbe": {}});
    let runs = json!({"name": "main", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": at(-900).to_string()}}});
    if sidecar {
        pod["spec"]["initContainers"] = written;
        pod["spec"]["initContainers"][0]["restartPolicy"] = json!("Always");
        pod["status"]["initContainerStatuses"] = status;
        pod["spec"]["containers"] = json!([main]);
        pod["status"]["containerStatuses"] = json!([runs]);
    } else {
        pod["spec"]["containers"] = json!([main, written[0]]);
        pod["status"]["containerStatuses"] = json!([runs, status[0]]);
    }
    pod
}

#[test]
fn what_crashed_a_moment_ago_is_not_ready_until_it_has_run_for_long_enough() {
    let crashed = || restarted(3, 4, 0, 2, 13);
    let mut killed = restarted(137, 1, 0, 2, 3);
    killed["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"] = json!("OOMKilled");
    // The name, the pod, and from which second on it is ready.
    let cases = [
        ("without a probe", without_probe(crashed()), 23),
        ("with a probe that passes between crashes", crashed(), 23),
        ("a server that ends well", without_probe(restarted(0, 4, 0, 2, 13)), 23),
        ("its first crash", without_probe(restarted(1, 1, 0, 2, 3)), 8),
        ("out of memory", without_probe(killed), 8),
        ("one of several containers", beside(crashed(), false), 23),
        ("a sidecar", beside(crashed(), true), 23),
    ];
    for (name, pod, ready) in cases {
        let judges = || {
            [
                HealthTracker::new(vec![subject(false)], Limits::default(), at(14)),
                HealthTracker::of_dump(vec![subject(false)], at(14), Dump::default()),
            ]
        };
        for mut tracker in judges() {
            let (health, reason) = observe(&mut tracker, ready - 1, std::slice::from_ref(&pod));
            assert_eq!((health, reason.as_str()), (Health::Progressing, "Restarted"), "{name}");
        }
        for mut tracker in judges() {
            assert_eq!(observe(&mut tracker, ready, std::slice::from_ref(&pod)).0, Health::Ready, "{name}");
        }
        let mut tracker = HealthTracker::new(vec![subject(true)], Limits::default(), at(ready - 1));
        assert_eq!(
            observe(&mut tracker, ready - 1, std::slice::from_ref(&pod)).0,
            Health::Progressing,
            "{name}, changed"
        );
    }
}

#[test]
fn what_crashed_an_hour_ago_or_has_ended_as_it_should_is_ready_at_once() {
    let mut finished = without_probe(restarted(0, 1, 0, 2, 3));
    finished["spec"]["restartPolicy"] = json!("OnFailure");
    for (name, pod, second) in [
        ("an hour ago", without_probe(restarted(3, 4, 0, 2, 13)), 3613),
        ("well", finished, 6),
        ("never", without_probe(pod("True")), 3),
    ] {
        let mut tracker = HealthTracker::new(vec![subject(false)], Limits::default(), at(second));
        assert_eq!(observe(&mut tracker, second, &[pod]).0, Health::Ready, "{name}");
    }
}

#[test]
fn a_probe_that_passes_for_the_first_time_proves_a_run_and_not_after_a_crash_that_followed_it() {
    let mut tracker = tracker();
    let mut starting = pod("False");
    starting["status"]["containerStatuses"][0]["ready"] = json!(false);
    assert_eq!(observe(&mut tracker, 0, &[starting]).0, Health::Progressing);
    assert_eq!(observe(&mut tracker, 13, &[restarted(1, 1, 0, 10, 11)]).0, Health::Ready);
    assert_eq!(
        observe(&mut tracker, 43, &[restarted(1, 2, 11, 40, 41)]),
        (Health::Progressing, "Restarted".to_owned())
    );
}

#[test]
fn pods_that_are_still_to_be_listed_are_waited_for() {
    let mut snapshot = Snapshot::from_objects(&[deployment()]);
    snapshot.expect("", "Pod", None);
    let mut tracker = HealthTracker::new(vec![subject(false)], Limits::default(), at(0));
    assert_eq!(tracker.observe(at(1), &snapshot)[0].health, Health::Progressing);
    snapshot.expect_no_more("", "Pod", None);
    assert_eq!(tracker.observe(at(1), &snapshot)[0].health, Health::Ready, "nobody may list them");
}
