//! Tables: the problem, the state of the cluster → what to do.

use super::ServiceContext;
use super::Unreachable;
use super::finding;
use crate::event::Code;
use crate::event::Place;
use crate::manifest::Object;
use crate::project::Expect;
use crate::project::name::ObjectName;
use crate::service::backend::Backends;
use crate::service::candidate::Candidate;
use crate::service::candidate::Port;
use crate::service::http::HttpAnswer;
use crate::service::http::NoAnswer;
use crate::service::http::Question;
use serde_json::json;
use std::time::Duration;

fn candidate() -> Candidate {
    Candidate {
        service: ObjectName::parse("web").unwrap(),
        place: Some(Place { file: "deploy.toml".into(), line: 7, column: 1 }),
        path: "/".to_owned(),
        expect: Expect { status: Some(200), contains: None },
        local_port: None,
        port: Port {
            number: 80,
            name: Some("http".to_owned()),
            target: "8000".to_owned(),
            index: 0,
            node_port: Some(30080),
            web: true,
            tls: false,
            balancers: Vec::new(),
        },
        ingress: None,
    }
}

fn objects() -> Vec<Object> {
    let value = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web", "tier": "front"}, "ports": [{"port": 80, "targetPort": 8000}]},
    });
    let at = |line| Place { file: "manifests/web.yaml".into(), line, column: 3 };
    let places = [("/spec/selector".to_owned(), at(8)), ("/spec/ports/0/targetPort".to_owned(), at(12))]
        .into_iter()
        .collect();
    vec![Object { value: value.into(), place: at(1), places }]
}

fn render(trouble: &Unreachable, inputs: &ServiceContext) -> String {
    let question = Question {
        connect: "192.168.49.2:30080".to_owned(),
        authority: "192.168.49.2:30080".to_owned(),
        tls: false,
        path: "/".to_owned(),
    };
    let found = finding(&candidate(), &question, trouble, inputs, &objects());
    let page = crate::report::fault::FaultStyle {
        caps: crate::report::style::TerminalCaps::BARE,
        width: None,
        source: None,
    };
    crate::report::fault::finding(page, &found).join("\n")
}

fn answer(status: u16, body: &str, location: Option<&str>) -> Unreachable {
    let answer = HttpAnswer {
        status,
        body: body.to_owned(),
        location: location.map(str::to_owned),
        took: Duration::from_millis(3),
    };
    Unreachable::Wrong(answer, format!("answers {status} instead of 200"))
}

fn backends(ready: usize, unready: usize) -> ServiceContext {
    ServiceContext {
        backends: Some(Backends { ready, unready, pods: Vec::new() }),
        ..ServiceContext::default()
    }
}

#[test]
fn a_selector_that_selects_nothing_is_shown_beside_the_labels_there_are() {
    let pod = serde_json::from_value(json!({"metadata": {"name": "web-1", "labels": {
        "app": "web", "tier": "frontend", "pod-template-hash": "abc",
    }}}))
    .unwrap();
    let inputs = ServiceContext { pods: vec![pod], ..backends(0, 0) };
    insta::assert_snapshot!(render(&Unreachable::None(NoAnswer::Refused), &inputs));
}

#[test]
fn a_port_that_nobody_listens_on_is_told_by_its_target_port() {
    let inputs = ServiceContext { forward: Some("connection refused".to_owned()), ..backends(1, 0) };
    insta::assert_snapshot!(render(&Unreachable::None(NoAnswer::Refused), &inputs));
}

#[test]
fn pods_that_are_not_ready_are_the_reason_before_anything_else() {
    insta::assert_snapshot!(render(&answer(503, "", None), &backends(0, 2)));
}

#[test]
fn a_wrong_answer_shows_its_first_words() {
    insta::assert_snapshot!(render(
        &answer(404, "\n  {\"detail\":\"Not Found\"}\nmore", None),
        &backends(1, 0)
    ));
    insta::assert_snapshot!(render(&answer(302, "", Some("https://login.example/")), &backends(1, 0)));
    insta::assert_snapshot!(render(&answer(500, "boom", None), &backends(1, 0)));
    insta::assert_snapshot!(render(&answer(401, "", None), &backends(1, 0)));
}

#[test]
fn what_is_not_http_is_said() {
    let trouble = Unreachable::None(NoAnswer::Garbled("invalid HTTP version parsed".to_owned()));
    insta::assert_snapshot!(render(&trouble, &backends(1, 0)));
}

/// The help, for a Service whose port is requested at an address.
fn advised(none: NoAnswer, address: &str, tls: bool, forward: Option<&str>) -> String {
    let at = format!("{address}:30080");
    let question = Question { connect: at.clone(), authority: at, tls, path: "/".to_owned() };
    let inputs = ServiceContext { forward: forward.map(str::to_owned), ..backends(1, 0) };
    finding(&candidate(), &question, &Unreachable::None(none), &inputs, &objects()).help.unwrap()
}

#[test]
fn nothing_listens_only_where_somebody_was_refused() {
    let nothing = |help: &str| help.starts_with("nothing in the pod listens");
    let node = "192.168.49.2";
    assert!(nothing(&advised(NoAnswer::Refused, node, false, None)));
    assert!(nothing(&advised(NoAnswer::Closed, "127.0.0.1", false, Some("connect: connection refused"))));
    // A server that closes a connection has accepted it.
    assert!(!advised(NoAnswer::Closed, node, false, None).contains("nothing in the pod listens"));
    // A proxy of this machine accepts it before it knows.
    let either = advised(NoAnswer::Closed, "127.0.0.1", false, None);
    assert!(nothing(&either) && either.contains("or something listens"), "{either}");
}

#[test]
fn a_port_that_speaks_tls_is_told_with_the_line_for_its_service() {
    for (none, tls) in [(NoAnswer::Tls("an alert".to_owned()), false), (NoAnswer::Closed, true)] {
        let help = advised(none, "192.168.49.2", tls, None);
        assert!(help.contains("`appProtocol: https`") && help.contains("speaks TLS"), "{help}");
    }
}

/// Each code that is similar to another, by the result and the cluster's state.
#[test]
fn what_does_not_answer_alike_has_a_code_of_its_own() {
    let pod = |labels: serde_json::Value| {
        serde_json::from_value(json!({"metadata": {"name": "web-1", "labels": labels}})).unwrap()
    };
    let chosen = ServiceContext { pods: vec![pod(json!({"app": "web", "tier": "front"}))], ..backends(0, 0) };
    let other = ServiceContext { pods: vec![pod(json!({"app": "shop"}))], ..backends(0, 0) };
    let refused = || Unreachable::None(NoAnswer::Refused);
    let garbled = Unreachable::None(NoAnswer::Garbled("invalid HTTP version parsed".to_owned()));
    let mut searching = candidate();
    searching.expect.contains = Some("Shop".to_owned());
    for (trouble, inputs, candidate, code) in [
        (refused(), backends(1, 0), candidate(), Code::PortNotListening),
        (refused(), backends(0, 1), candidate(), Code::EndpointsNotReady),
        (refused(), other, candidate(), Code::SelectorMismatch),
        (refused(), chosen, candidate(), Code::ServicePortNotFound),
        (Unreachable::None(NoAnswer::Closed), backends(1, 0), candidate(), Code::ConnectionClosed),
        (garbled, backends(1, 0), candidate(), Code::ProtocolMismatch),
        (
            Unreachable::None(NoAnswer::Tls("an alert".to_owned())),
            backends(1, 0),
            candidate(),
            Code::TlsHandshakeFailed,
        ),
        (
            Unreachable::None(NoAnswer::Silent(Duration::from_secs(2))),
            backends(1, 0),
            candidate(),
            Code::RequestTimeout,
        ),
        (
            Unreachable::None(NoAnswer::Unreachable("no route to host".to_owned())),
            backends(1, 0),
            candidate(),
            Code::NodeUnreachable,
        ),
        (answer(404, "", None), backends(1, 0), candidate(), Code::UnexpectedStatus),
        (answer(200, "Another", None), backends(1, 0), searching, Code::UnexpectedContent),
    ] {
        let address = "192.168.49.2:30080".to_owned();
        let question =
            Question { connect: address.clone(), authority: address, tls: false, path: "/".to_owned() };
        let found = finding(&candidate, &question, &trouble, &inputs, &objects());
        assert_eq!(found.code, code, "{trouble:?}: {}", found.message);
    }
}

#[test]
fn a_port_beside_the_declared_ones_is_known_only_of_a_single_container() {
    let web =
        json!({"name": "web", "ports": [{"containerPort": 9000}, {"containerPort": 53, "protocol": "UDP"}]});
    let table = [
        (json!([web]), 8000, vec![9000]),
        (json!([web]), 9000, vec![]),
        (json!([{"name": "web"}]), 8000, vec![]),
        (json!([web, {"name": "exporter", "ports": [{"containerPort": 9100}]}]), 8000, vec![]),
    ];
    for (containers, port, beside) in table {
        let mut all = objects();
        let labels = json!({"app": "web", "tier": "front"});
        let workload = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}},
        });
        all.push(Object::made(workload, Place::file("web.yaml")));
        assert_eq!(super::ports_beside(&candidate(), &all, port), beside, "{containers} {port}");
    }
}
