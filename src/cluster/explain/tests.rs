//! Realistic dumps, each with a similar one that is a different case.

use super::dump::Dump;
use super::explain;
use crate::event::Code;
use serde_json::json;
use std::path::Path;

/// The report on the objects of a dump: `Pod/web failed CrashLoopBackOff`.
fn healths(text: &str) -> Vec<String> {
    let (dump, _) = Dump::parse(text, Path::new("dump.yaml")).unwrap();
    let explained = explain(dump, "2026-06-01T00:00:00Z".parse().unwrap());
    let healths = explained.into_iter().map(|item| item.object_health);
    healths
        .map(|object_health| {
            format!("{} {} {}", object_health.object, object_health.health, object_health.reason)
        })
        .collect()
}

/// The status on the first object.
fn first(text: &str) -> String {
    healths(text).remove(0)
}

const CRASHES: &str = "status: {phase: Running, containerStatuses: [{name: c, ready: false, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error}}}]}";

fn pod(name: &str, metadata: &str, rest: &str) -> String {
    format!("- {{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: a{metadata}}}, {rest}}}\n")
}

fn list(items: &[String]) -> String {
    format!("apiVersion: v1\nitems:\n{}kind: List\n", items.concat())
}

fn deployment(group: &str) -> String {
    format!(
        "- {{apiVersion: {group}, kind: Deployment, metadata: {{name: web, namespace: a, uid: d, generation: 1, annotations: {{deployment.kubernetes.io/revision: \"2\"}}}}, spec: {{replicas: 1}}, status: {{observedGeneration: 1, replicas: 1, updatedReplicas: 1}}}}\n"
    )
}

#[test]
fn entries_of_a_typed_list_are_of_its_kind() {
    let typed = "kind: PodList\napiVersion: v1\nitems:\n- {metadata: {name: web}, status: {phase: Failed}}\n";
    assert_eq!(healths(typed), ["Pod/web failed Failed"]);
    let untyped = typed.replace("PodList", "List");
    assert_eq!(healths(&untyped), ["/web unknown NoKind"]);
}

#[test]
fn what_is_no_object_is_unknown() {
    let table = "apiVersion: meta.k8s.io/v1\nkind: Table\nrows: []\n";
    let status = "apiVersion: v1\nkind: Status\ncode: 403\nreason: Forbidden\n";
    assert_eq!(
        (first(table), first(status)),
        ("Table/ unknown Table".into(), "Status/ unknown Forbidden".into())
    );
    assert!(healths("apiVersion: v1\nkind: List\nitems: null\n").is_empty());
}

#[test]
fn an_object_that_is_there_twice_is_judged_once_as_it_was_last() {
    let one = |version: &str, phase: &str| {
        pod("web", &format!(", resourceVersion: \"{version}\""), &format!("status: {{phase: {phase}}}"))
    };
    for (text, desired) in [
        (list(&[one("7", "Failed"), one("9", "Succeeded")]), "Pod/web ready Completed"),
        (list(&[one("9", "Failed"), one("7", "Succeeded")]), "Pod/web failed Failed"),
        (list(&[one("", "Failed"), one("", "Succeeded")]), "Pod/web ready Completed"),
    ] {
        assert_eq!(healths(&text), [desired], "{text}");
    }
}

#[test]
fn objects_without_uids_are_not_one_object() {
    let once = CRASHES.replace("restartCount: 9", "restartCount: 0").replace(
        "{waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error}}",
        "{terminated: {exitCode: 1, reason: Error}}",
    );
    let found = healths(&list(&[pod("a", "", CRASHES), pod("b", "", &once)]));
    assert_eq!(found, ["Pod/a failed CrashLoopBackOff", "Pod/b progressing Error"]);
}

#[test]
fn a_deployment_finds_its_pods_without_its_replica_sets() {
    let of = |name: &str, hash: &str, made: &str| {
        format!(
            ", labels: {{pod-template-hash: {hash}}}, creationTimestamp: \"2026-01-0{made}T00:00:00Z\", ownerReferences: [{{kind: ReplicaSet, name: {name}-{hash}, uid: {name}-{hash}, controller: true}}]"
        )
    };
    let well = "status: {phase: Running, conditions: [{type: Ready, status: \"True\"}]}";
    for (items, desired) in [
        // Its pod crashes; so does a pod of an older template; another Deployment's pod does.
        (
            [pod("new", &of("web", "9c", "2"), CRASHES), pod("old", &of("web", "6f", "1"), well)],
            "failed CrashLoopBackOff",
        ),
        (
            [pod("new", &of("web", "9c", "2"), well), pod("old", &of("web", "6f", "1"), CRASHES)],
            "progressing Updating",
        ),
        (
            [pod("other", &of("web-two", "9c", "2"), CRASHES), pod("old", &of("web", "6f", "1"), well)],
            "progressing Updating",
        ),
    ] {
        let [one, two] = items;
        let text = list(&[deployment("apps/v1"), one, two]);
        assert_eq!(first(&text), format!("Deployment/web {desired}"), "{text}");
    }
}

#[test]
fn workloads_of_old_groups_are_the_same_kinds() {
    let set = "- {apiVersion: extensions/v1beta1, kind: ReplicaSet, metadata: {name: web-6f, namespace: a, uid: r, annotations: {deployment.kubernetes.io/revision: \"2\"}, ownerReferences: [{kind: Deployment, name: web, uid: d, controller: true}]}}\n";
    let of_set = ", ownerReferences: [{kind: ReplicaSet, name: web-6f, uid: r, controller: true}]";
    let text = list(&[deployment("extensions/v1beta1"), set.to_owned(), pod("p", of_set, CRASHES)]);
    assert_eq!(first(&text), "Deployment/web failed CrashLoopBackOff");
}

#[test]
fn a_dump_of_another_day_is_judged_at_its_own_time() {
    let waits = "status: {phase: Pending, conditions: [{type: PodScheduled, status: \"False\", reason: Unschedulable, lastTransitionTime: \"2026-01-01T10:00:00Z\"}]}";
    let heard = |second: &str| {
        format!(
            "- {{apiVersion: v1, kind: Event, metadata: {{name: e}}, lastTimestamp: \"2026-01-01T10:00:{second}Z\"}}\n"
        )
    };
    for (items, desired) in [
        (vec![pod("web", "", waits), heard("03")], "progressing"),
        (vec![pod("web", "", waits), heard("59")], "failed"),
        // Nothing is newer than the problem: it may have lasted for any time.
        (vec![pod("web", "", waits)], "failed"),
    ] {
        assert_eq!(first(&list(&items)), format!("Pod/web {desired} Unschedulable"), "{items:?}");
    }
}

#[test]
fn evicted_pods_say_something_until_a_newer_pod_is_there() {
    let of = |day: u32| {
        format!(
            ", creationTimestamp: \"2026-01-0{day}T00:00:00Z\", ownerReferences: [{{kind: ReplicaSet, name: web, uid: r, controller: true}}]"
        )
    };
    let set = "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: a, uid: r, generation: 1}, spec: {replicas: 1}, status: {observedGeneration: 1, replicas: 1}}\n".to_owned();
    let evicted = |day: u32| pod(&format!("old-{day}"), &of(day), "status: {phase: Failed, reason: Evicted}");
    let starts = |day: u32| pod("new", &of(day), "status: {phase: Pending}");
    let judged = |day: u32| first(&list(&[set.clone(), evicted(1), evicted(2), evicted(3), starts(day)]));
    assert_eq!(judged(4), "ReplicaSet/web progressing Starting");
    let none = first(&list(&[set.clone(), evicted(1), evicted(2), evicted(3)]));
    assert_eq!(none, "ReplicaSet/web failed Evicted");
}

#[test]
fn a_set_that_waits_for_a_broken_pod_of_an_older_revision_says_which() {
    let set = |management: &str| {
        format!(
            "- {{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db, namespace: a, uid: s, generation: 2}}, spec: {{replicas: 1, podManagementPolicy: {management}}}, status: {{observedGeneration: 2, replicas: 1, currentRevision: one, updateRevision: two}}}}\n"
        )
    };
    let of = ", uid: p, labels: {controller-revision-hash: one}, ownerReferences: [{kind: StatefulSet, name: db, uid: s, controller: true}]";
    let text = |management: &str| list(&[set(management), pod("db-0", of, CRASHES)]);
    assert_eq!(first(&text("OrderedReady")), "StatefulSet/db failed CrashLoopBackOff");
    assert_eq!(first(&text("Parallel")), "StatefulSet/db progressing Starting");
    let (dump, _) = Dump::parse(&text("OrderedReady"), Path::new("a")).unwrap();
    let explained = explain(dump, "2026-06-01T00:00:00Z".parse().unwrap());
    assert!(explained[0].help.as_ref().is_some_and(|help| help.contains("db-0")), "{explained:?}");
}

#[test]
fn a_crash_has_its_code_and_data_and_its_log_is_not_known() {
    let (dump, _) = Dump::parse(&list(&[pod("web", "", CRASHES)]), Path::new("dump.yaml")).unwrap();
    let explained = explain(dump, "2026-06-01T00:00:00Z".parse().unwrap()).remove(0);
    assert_eq!(explained.code, Some(Code::CrashLoop));
    assert_eq!(explained.data.get("exit-code"), Some(&json!(1)));
    let help = explained.help.unwrap();
    assert!(help.contains("`kubectl logs web -c c -n a --previous`"), "{help}");
}
