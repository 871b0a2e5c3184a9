//! Tables: which Service is opened, and by which routes.

use super::Candidate;
use super::Live;
use super::NodeNetwork;
use super::Route;
use super::candidates;
use super::ingress_route::literal;
use super::node_ports;
use crate::event::Place;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::Publish;
use crate::project::name::ObjectName;
use serde_json::Value;
use serde_json::json;

fn object(value: Value) -> Object {
    Object::made(value, Place::file("manifests/app.yaml"))
}

#[expect(clippy::needless_pass_by_value, reason = "written where it is used")]
fn service(name: &str, kind: &str, ports: Value) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"type": kind, "ports": ports},
    }))
}

fn ingress(host: Option<&str>, service: &str, path: &str, tls: bool) -> Object {
    let mut rule = json!({"http": {"paths": [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}},
    ]}});
    if let Some(host) = host {
        rule["host"] = json!(host);
    }
    let mut spec = json!({"rules": [rule]});
    if tls {
        spec["tls"] = json!([{"hosts": host.into_iter().collect::<Vec<_>>()}]);
    }
    object(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front"}, "spec": spec,
    }))
}

fn declared(name: &str) -> project::Service {
    project::Service {
        name: ObjectName::parse(name).unwrap(),
        place: Place { file: "deploy.toml".into(), line: 7, column: 10 },
        path: "/".to_owned(),
        expect: Expect { status: Some(200), contains: None },
        local_port: None,
    }
}

fn reach() -> NodeNetwork {
    NodeNetwork {
        address: Some([192, 168, 49, 2].into()),
        published: [(30080, ([0, 0, 0, 0], 8000).into())].into(),
        ..NodeNetwork::default()
    }
}

/// The URLs of a candidate's routes; a forward is `forward`.
fn urls(candidate: &Candidate, reach: &NodeNetwork) -> Vec<String> {
    let held = |route: &Route| if *route == Route::Controller { "controller" } else { "forward" }.to_owned();
    let url = |route: &Route| route.question().map_or_else(|| held(route), super::Question::url);
    candidate.routes(reach).iter().map(url).collect()
}

#[test]
fn the_node_ports_of_what_is_opened_are_known_before_there_is_a_cluster() {
    let objects = [
        service("web", "NodePort", json!([{"port": 80, "nodePort": 30080}])),
        service("api", "NodePort", json!([{"port": 80, "nodePort": 30081}])),
        service("any", "NodePort", json!([{"port": 80}])),
        service("db", "ClusterIP", json!([{"port": 5432}])),
    ];
    let local = |name: &str, port: u16| project::Service { local_port: Some(port), ..declared(name) };
    let services = [declared("web"), local("api", 8080), declared("any"), local("db", 5432)];
    let publish = |node, local| Publish { node, local };
    assert_eq!(node_ports(&services, &objects), [publish(30080, None), publish(30081, Some(8080))]);
    assert_eq!(node_ports(&[], &objects[1..]), [publish(30081, None)]);
    assert_eq!(node_ports(&[declared("gone")], &objects), []);
}

fn guessed(objects: &[Object]) -> Option<Candidate> {
    candidates(&[], objects, &Live::default()).unwrap().pop()
}

#[test]
fn without_a_word_about_it_the_service_that_is_made_to_be_opened_is_found() {
    let node_port = || service("web", "NodePort", json!([{"port": 80, "nodePort": 30080}]));
    let balancer = || service("lb", "LoadBalancer", json!([{"port": 8080}]));
    let inner = || service("api", "ClusterIP", json!([{"port": 8000}]));
    let front = || ingress(Some("todo.local"), "api", "/", false);
    for (objects, found) in [
        (vec![inner()], None),
        (vec![inner(), node_port()], Some("web")),
        (vec![node_port(), balancer()], Some("lb")),
        (vec![node_port(), balancer(), inner(), front()], Some("api")),
        (vec![service("db", "NodePort", json!([{"port": 5432}]))], None),
        (vec![service("dns", "NodePort", json!([{"port": 80, "protocol": "UDP"}]))], None),
        (vec![service("db", "NodePort", json!([{"port": 5432}])), node_port()], Some("web")),
        (vec![service("odd", "NodePort", json!([{"port": 9898}])), node_port()], Some("web")),
        (vec![node_port(), service("later", "NodePort", json!([{"port": 80}]))], Some("web")),
        (vec![service("away", "ExternalName", json!([{"port": 80}]))], None),
    ] {
        let names: Vec<&str> = objects.iter().map(Object::name).collect();
        assert_eq!(guessed(&objects).map(|found| found.service.to_string()).as_deref(), found, "{names:?}");
    }
}

#[test]
fn what_others_run_in_the_namespace_is_never_guessed() {
    let theirs = service("theirs", "NodePort", json!([{"port": 80, "nodePort": 31000}]));
    let live = Live {
        services: vec![serde_json::from_value(theirs.value.into_inner()).unwrap()],
        ingresses: Vec::new(),
    };
    assert_eq!(candidates(&[], &[], &live).unwrap(), []);
    assert_eq!(candidates(&[declared("theirs")], &[], &live).unwrap().len(), 1);
}

#[test]
fn of_several_ports_the_one_for_browsers_is_meant() {
    for (ports, number, tls) in [
        (json!([{"name": "grpc", "port": 9000}, {"name": "http", "port": 1234}]), 1234, false),
        (json!([{"port": 9090}, {"port": 8080}]), 8080, false),
        (json!([{"name": "a", "port": 81}, {"name": "b", "port": 82}]), 81, false),
        (json!([{"name": "https", "port": 9443}]), 9443, true),
        (json!([{"port": 443}]), 443, true),
    ] {
        let found =
            candidates(&[declared("web")], &[service("web", "NodePort", ports)], &Live::default()).unwrap();
        assert_eq!((found[0].port.number, found[0].port.tls), (number, tls));
    }
}

#[test]
fn the_ways_begin_with_what_lasts_and_end_with_a_forward() {
    let web = || service("web", "NodePort", json!([{"name": "http", "port": 80, "nodePort": 30080}]));
    let candidate = candidates(&[declared("web")], &[web()], &Live::default()).unwrap().remove(0);
    assert_eq!(
        urls(&candidate, &reach()),
        ["http://127.0.0.1:8000/", "http://192.168.49.2:30080/", "forward"]
    );
    assert_eq!(urls(&candidate, &NodeNetwork::default()), ["forward"]);
    let v6 = NodeNetwork { address: Some("fd00::2".parse().unwrap()), ..NodeNetwork::default() };
    assert_eq!(urls(&candidate, &v6), ["http://[fd00::2]:30080/", "forward"]);
}

#[test]
fn what_the_cluster_decided_counts_more_than_what_is_written() {
    let written = service("web", "LoadBalancer", json!([{"port": 80}]));
    let mut live = service("web", "LoadBalancer", json!([{"port": 80, "nodePort": 31234}])).value;
    live["status"] = json!({"loadBalancer": {"ingress": [{"ip": "10.96.0.7"}]}});
    let live =
        Live { services: vec![serde_json::from_value(live.into_inner()).unwrap()], ingresses: Vec::new() };
    let found = candidates(&[], &[written], &live).unwrap();
    assert_eq!(urls(&found[0], &reach()), ["http://10.96.0.7/", "http://192.168.49.2:31234/", "forward"]);
}

#[test]
fn behind_an_ingress_the_host_is_asked_for_at_the_nodes_address() {
    let api = || service("api", "ClusterIP", json!([{"port": 8000}]));
    for (host, path, tls, url) in [
        (Some("todo.local"), "/", false, "http://todo.local/"),
        (Some("todo.local"), "/api(/|$)(.*)", true, "https://todo.local/api"),
        (None, "/x", false, "http://192.168.49.2/x"),
        (Some("*.todo.local"), "/", false, "http://www.todo.local/"),
    ] {
        let found = guessed(&[api(), ingress(host, "api", path, tls)]).unwrap();
        assert_eq!(urls(&found, &reach()), [url, "controller", "forward"], "{host:?} {path}");
        let Route::Front(question) = &found.routes(&reach())[0] else { panic!() };
        assert_eq!(question.connect, if tls { "192.168.49.2:443" } else { "192.168.49.2:80" });
    }
}

#[test]
fn a_declared_service_that_is_behind_an_ingress_is_opened_through_it() {
    let objects =
        [service("api", "ClusterIP", json!([{"port": 8000}])), ingress(Some("a.b"), "api", "/v1", false)];
    let found = candidates(&[declared("api")], &objects, &Live::default()).unwrap();
    assert_eq!(urls(&found[0], &reach()), ["http://a.b/v1", "controller", "forward"]);
}

#[test]
fn every_declared_service_that_cannot_be_opened_is_told_at_once() {
    let objects =
        [service("web", "NodePort", json!([{"port": 80}])), service("none", "ClusterIP", json!([]))];
    let findings = candidates(&[declared("wbe"), declared("none")], &objects, &Live::default()).unwrap_err();
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].message, "there is no Service `wbe`");
    assert_eq!(findings[0].help.as_deref(), Some("the manifests hold `web`, `none`"));
    assert!(findings.iter().all(|finding| finding.place.as_ref().is_some_and(|place| place.line == 7)));
}

#[test]
fn a_pattern_is_asked_by_its_literal_part() {
    for (path, asked) in [("/", "/"), ("/api(/|$)(.*)", "/api"), ("/*", "/"), ("", "/"), ("/a.b/", "/a.b/")] {
        assert_eq!(literal(path), asked);
    }
}

#[test]
fn strange_objects_are_no_reason_to_fall_over() {
    let strange = [
        object(json!({"kind": "Service"})),
        object(json!({"kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": "none"}})),
        object(
            json!({"kind": "Service", "metadata": {"name": "b"}, "spec": {"type": "NodePort", "ports": [{"port": 99999}]}}),
        ),
        object(json!({"kind": "Ingress", "metadata": {}, "spec": {"rules": [{}]}})),
    ];
    assert_eq!(guessed(&strange), None);
}
