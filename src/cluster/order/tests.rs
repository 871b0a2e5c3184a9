//! Which objects are written after which others, and mistakes in the annotations.

use super::Order;
use super::Phase;
use super::Reference;
use super::check_order;
use crate::event::Place;
use crate::manifest::Object;
use crate::project::name::Namespace;
use serde_json::json;

fn object(kind: &str, name: &str, annotation: &str, text: &str) -> Object {
    let version = match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "Ingress" => "networking.k8s.io/v1",
        "MutatingWebhookConfiguration" => "admissionregistration.k8s.io/v1",
        _ => "v1",
    };
    let mut value = json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": "shop", "annotations": {}}});
    if !annotation.is_empty() {
        value["metadata"]["annotations"][annotation] = json!(text);
    }
    let mut object = Object::made(value, Place { file: format!("{name}.yaml").into(), line: 1, column: 1 });
    let pointer = crate::pointer::annotation(annotation);
    object.places.insert(pointer, Place { file: format!("{name}.yaml").into(), line: 7, column: 5 });
    object
}

fn turns(objects: &[Object]) -> Vec<(String, Phase, usize)> {
    let ids: Vec<_> = objects.iter().map(Object::id).collect();
    let order = Order::from_objects(ids.iter().zip(objects).map(|(id, object)| (id, &*object.value)));
    ids.iter().map(|id| (id.name.clone(), order.turn(id).0, order.turn(id).1)).collect()
}

fn wrong(objects: &[Object]) -> Vec<String> {
    check_order(objects, &Namespace::parse("shop").unwrap())
        .iter()
        .map(|finding| format!("{} {}", finding.place.as_ref().unwrap(), finding.message))
        .collect()
}

#[test]
fn what_is_depended_on_comes_first_and_the_rest_keeps_its_phase() {
    let set = [
        object("Deployment", "web", "todo.dev/depends-on", "Job/migrate"),
        object("Job", "migrate", "config.kubernetes.io/depends-on", "apps/namespaces/shop/StatefulSet/db"),
        object("StatefulSet", "db", "", ""),
        object("Deployment", "other", "", ""),
        object("ConfigMap", "late", "todo.dev/depends-on", "job.batch/migrate, StatefulSet/db"),
        object("Ingress", "front", "", ""),
    ];
    assert_eq!(
        turns(&set),
        [
            ("web".into(), Phase::Workloads, 2),
            ("migrate".into(), Phase::Workloads, 1),
            ("db".into(), Phase::Workloads, 0),
            ("other".into(), Phase::Workloads, 0),
            ("late".into(), Phase::Workloads, 2),
            ("front".into(), Phase::Rest, 0),
        ]
    );
    assert_eq!(wrong(&set), Vec::<String>::new());
}

#[test]
fn waves_follow_one_another_and_nobody_waits_for_a_webhook() {
    let wave = |kind: &str, name: &str, wave: &str| object(kind, name, "argocd.argoproj.io/sync-wave", wave);
    let set = [
        wave("Deployment", "web", "1"),
        wave("Job", "migrate", "-1"),
        object("Ingress", "front", "", ""),
        object("MutatingWebhookConfiguration", "hook", "", ""),
    ];
    assert_eq!(
        turns(&set),
        [
            ("web".into(), Phase::Rest, 1),
            ("migrate".into(), Phase::Workloads, 0),
            ("front".into(), Phase::Rest, 0),
            ("hook".into(), Phase::Admission, 0),
        ]
    );
}

#[test]
fn circles_and_names_of_nothing_are_told_where_they_are_written() {
    let on = |kind: &str, name: &str, text: &str| object(kind, name, "todo.dev/depends-on", text);
    let set = [
        on("Deployment", "a", "Deployment/b"),
        on("Deployment", "b", "Deployment/c"),
        on("Deployment", "c", "Deployment/a"),
        on("Deployment", "alone", "Deployment/alone"),
        on("Job", "lost", "Deployment/nobody, what"),
        object("Job", "wave", "argocd.argoproj.io/sync-wave", "first"),
    ];
    assert_eq!(
        wrong(&set),
        [
            "lost.yaml:7:5 it depends on `Deployment/nobody`, which no manifest of the project has",
            "lost.yaml:7:5 `what` in `todo.dev/depends-on` is not an object reference",
            "wave.yaml:7:5 `first` in `argocd.argoproj.io/sync-wave` is not a number",
            "a.yaml:7:5 they depend on one another: Deployment/a → Deployment/b → Deployment/c → Deployment/a",
            "alone.yaml:7:5 they depend on one another: Deployment/alone → Deployment/alone",
        ]
    );
}

#[test]
fn both_spellings_name_an_object() {
    let of = |group, namespace, kind, name| Some(Reference { group, namespace, kind, name });
    assert_eq!(Reference::parse("Service/web"), of(None, None, "Service", "web"));
    assert_eq!(Reference::parse("Job.batch/m"), of(Some("batch"), None, "Job", "m"));
    assert_eq!(Reference::parse("/namespaces/a/Pod/p"), of(Some(""), Some("a"), "Pod", "p"));
    assert_eq!(Reference::parse("apps/Deployment/d"), of(Some("apps"), None, "Deployment", "d"));
    for text in ["", "web", "a/b/c/d", "/x", "Job/"] {
        assert_eq!(Reference::parse(text), None, "{text}");
    }
}
