//! Steps against applications and an API server on 127.0.0.1.

use super::NodeNetwork;
use super::ServiceAnswer;
use super::TimeLimits;
use super::VerifiedUrl;
use super::candidate::Candidate;
use super::candidate::Live;
use super::candidate::candidates;
use super::fake;
use super::fake::Reply;
use super::verifier::Prover;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Place;
use crate::fault::Fault;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::run::Run;
use crate::world::World;
use kube::Client;
use serde_json::Value;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

pub(super) const PACE: TimeLimits = TimeLimits {
    limit: Duration::from_millis(300),
    pause: Duration::from_millis(40),
    stable_for: Duration::from_millis(200),
    detour: Duration::from_millis(800),
    read: Duration::from_millis(300),
};

pub(super) fn run() -> (Run, UnboundedReceiver<Event>) {
    let proxies = [("HTTP_PROXY", "http://127.0.0.1:9"), ("http_proxy", "http://127.0.0.1:9")];
    let (run, events, _) = Run::fake(World::fake("/", proxies));
    (run, events)
}

/// An API server that lists endpoints, ready or not, and no pods.
pub(super) async fn cluster(ready: bool) -> Client {
    let at = fake::server(move |_, path| {
        let items = if path.contains("endpointslices") {
            json!([{"addressType": "IPv4", "metadata": {"name": "web-1"}, "ports": [{"name": "", "port": 8000}],
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]}])
        } else {
            json!([])
        };
        fake::json(&json!({"metadata": {}, "items": items}))
    })
    .await;
    client(at)
}

pub(super) fn client(at: SocketAddr) -> Client {
    Client::try_from(kube::Config::new(format!("http://{at}").parse().unwrap())).unwrap()
}

pub(super) fn namespace() -> Namespace {
    Namespace::parse("todo").unwrap()
}

pub(super) fn objects() -> Vec<Object> {
    let value: Value = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "nodePort": 30080}]}});
    vec![Object::made(value, Place::file("web.yaml"))]
}

pub(super) fn candidate(status: Option<u16>, contains: Option<&str>) -> Candidate {
    let declared = project::Service {
        name: ObjectName::parse("web").unwrap(),
        place: Place::file("deploy.toml"),
        path: "/".to_owned(),
        expect: Expect { status, contains: contains.map(str::to_owned) },
        local_port: None,
    };
    candidates(&[declared], &objects(), &Live::default()).unwrap().remove(0)
}

fn published(at: SocketAddr) -> NodeNetwork {
    NodeNetwork { published: [(30080, at)].into(), ..NodeNetwork::default() }
}

pub(super) async fn verified(
    candidate: &Candidate,
    reach: &NodeNetwork,
    client: &Client,
    within: Duration,
) -> (Result<VerifiedUrl, Fault>, Vec<String>) {
    let (run, mut events) = run();
    let (namespace, objects) = (namespace(), objects());
    let verify = Prover {
        run: &run,
        client,
        namespace: &namespace,
        reach,
        objects: &objects,
        deadline: Instant::now() + within,
        limits: PACE,
    };
    let result = verify.all(std::slice::from_ref(candidate)).await.map(|mut all| all.remove(0));
    let mut waited = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::Waiting { why, .. } = event.kind {
            waited.push(why);
        }
    }
    waited.dedup();
    (result, waited)
}

pub(super) const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_url_that_is_told_has_answered() {
    let at = fake::server(|_, _| fake::text(200, "<div id=root>")).await;
    let (verified, waited) =
        verified(&candidate(Some(200), Some("root")), &published(at), &cluster(true).await, LONG).await;
    let verified = verified.unwrap();
    assert_eq!((verified.url, verified.status, verified.notes), (format!("http://{at}/"), 200, Vec::new()));
    assert_eq!(waited, [] as [String; 0]);
}

#[tokio::test]
async fn an_application_that_comes_up_late_is_waited_for_with_its_reason() {
    let at =
        fake::server(|number, _| if number < 3 { fake::text(503, "") } else { fake::text(200, "") }).await;
    let (result, waited) = verified(&candidate(None, None), &published(at), &cluster(true).await, LONG).await;
    assert_eq!(result.unwrap().status, 200);
    assert_eq!(waited, [format!("http://{at}/ answers 503")]);

    let at = fake::closed_port().await;
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        fake::serve(tokio::net::TcpListener::bind(at).await.unwrap(), |_, _| fake::text(200, ""));
    });
    let (result, waited) =
        verified(&candidate(None, None), &published(at), &cluster(false).await, LONG).await;
    late.await.unwrap();
    assert_eq!(result.unwrap().status, 200);
    assert_eq!(waited, [format!("http://{at}/ refuses connections")]);
}

#[tokio::test]
async fn an_answer_does_not_count_while_other_connections_to_the_node_are_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        fake::serve_one(listener, fake::text(200, "")).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        fake::serve(tokio::net::TcpListener::bind(at).await.unwrap(), |_, _| fake::text(200, ""));
    });
    let reach = NodeNetwork { address: Some(at.ip()), ..NodeNetwork::default() };
    let mut candidate = candidate(None, None);
    candidate.port.node_port = Some(at.port());
    let (result, waited) = verified(&candidate, &reach, &cluster(true).await, LONG).await;
    server.await.unwrap();
    assert_eq!(result.unwrap().status, 200);
    assert_eq!(waited, [format!("http://{at}/ refuses connections")]);
}

#[tokio::test]
async fn a_wrong_answer_that_stays_is_a_fault_long_before_the_time_is_up() {
    for (reply, expect, message) in [
        (404, candidate(Some(200), None), "answers 404 instead of 200"),
        (500, candidate(None, None), "answers 500"),
        (200, candidate(None, Some("Todo")), "answers 200, but without `Todo`"),
    ] {
        let at = fake::server(move |_, _| fake::text(reply, "nothing here")).await;
        let began = Instant::now();
        let (result, _) = verified(&expect, &published(at), &cluster(true).await, LONG).await;
        let fault = result.unwrap_err();
        assert!(began.elapsed() < LONG / 4);
        assert_eq!(fault.kind.exit_code(), 60);
        assert_eq!(fault.findings[0].message, format!("`http://{at}/` {message}"));
        assert_eq!(fault.findings[0].evidence, ["nothing here"]);
        assert!(fault.findings[0].help.is_some());
    }
}

#[tokio::test]
async fn a_wrong_answer_that_passes_is_none() {
    let at =
        fake::server(|number, _| if number < 2 { fake::text(404, "") } else { fake::text(200, "") }).await;
    let (result, waited) =
        verified(&candidate(Some(200), None), &published(at), &cluster(true).await, LONG).await;
    assert_eq!(result.unwrap().status, 200);
    assert_eq!(waited, [format!("http://{at}/ answers 404 instead of 200")]);
}

/// An application behind an Ingress, whose controller the node publishes at `at`.
fn behind_an_ingress(at: SocketAddr) -> (Candidate, NodeNetwork) {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front"},
        "spec": {"rules": [{"http": {"paths": paths}}]}});
    let mut objects = objects();
    objects[0].value["spec"] = json!({"selector": {"app": "web"}, "ports": [{"port": 80}]});
    objects.push(Object::made(ingress, Place::file("front.yaml")));
    let found = candidates(&[], &objects, &Live::default()).unwrap().remove(0);
    (found, NodeNetwork { published: [(80, at)].into(), ..NodeNetwork::default() })
}

#[tokio::test]
async fn a_controller_that_has_not_read_the_ingress_yet_is_asked_again() {
    for early in [404, 503] {
        let reply =
            move |number, _: &str| if number < 3 { fake::text(early, "") } else { fake::text(200, "") };
        let at = fake::server(reply).await;
        let (candidate, reach) = behind_an_ingress(at);
        let (result, waited) = verified(&candidate, &reach, &cluster(true).await, LONG).await;
        let verified = result.unwrap();
        assert_eq!((verified.status, verified.notes), (200, Vec::new()));
        assert_eq!(waited, [format!("http://{at}/ answers {early}")]);
    }
}

#[tokio::test]
async fn a_404_behind_an_ingress_that_lasts_is_the_answer() {
    let at = fake::server(|_, _| fake::text(404, "")).await;
    let (candidate, reach) = behind_an_ingress(at);
    let (result, _) = verified(&candidate, &reach, &cluster(true).await, LONG).await;
    let verified = result.unwrap();
    assert_eq!(verified.status, 404);
    assert_eq!(verified.notes.len(), 1);
    assert!(verified.notes[0].message.contains("`expect = 404` under [service.web]"), "{:?}", verified.notes);

    // If it is expected, it is reported at once.
    let mut expected = candidate;
    expected.expect.status = Some(404);
    let began = Instant::now();
    let (result, waited) = self::verified(&expected, &reach, &cluster(true).await, LONG).await;
    assert_eq!((result.unwrap().notes, waited), (Vec::new(), Vec::new()));
    assert!(began.elapsed() < PACE.read);
}

#[tokio::test]
async fn an_application_that_hangs_is_told_when_the_time_is_up() {
    let at = fake::server(|_, _| Reply::Hang).await;
    let within = Duration::from_millis(700);
    let (result, waited) =
        verified(&candidate(None, None), &published(at), &cluster(true).await, within).await;
    let message = format!("`http://{at}/` accepts connections but does not answer within 0.3 s");
    assert_eq!(result.unwrap_err().findings[0].message, message);
    assert_eq!(waited.len(), 1);
}

#[tokio::test]
async fn a_door_that_stays_shut_is_passed_by_when_the_application_is_there() {
    let open = fake::server(|_, _| fake::text(200, "")).await;
    let shut = fake::closed_port().await;
    let mut candidate = candidate(None, None);
    candidate.port.balancers = vec![open.ip().to_string()];
    candidate.port.number = open.port();
    let (result, _) = verified(&candidate, &published(shut), &cluster(true).await, LONG).await;
    assert_eq!(result.unwrap().url, format!("http://{open}/"));

    // While no pod is ready, a closed port is no evidence, and the first route stays the right one.
    let within = Duration::from_millis(600);
    let (result, _) = verified(&candidate, &published(shut), &cluster(false).await, within).await;
    assert_eq!(result.unwrap_err().findings[0].message, format!("`http://{shut}/` refuses connections"));
}

#[tokio::test]
async fn an_address_without_a_way_to_it_is_passed_by_at_once() {
    let open = fake::server(|_, _| fake::text(200, "")).await;
    let mut candidate = candidate(None, None);
    candidate.port.balancers = vec!["no-such-host.invalid".to_owned(), open.ip().to_string()];
    candidate.port.number = open.port();
    let began = Instant::now();
    let (result, _) = verified(&candidate, &NodeNetwork::default(), &cluster(true).await, LONG).await;
    assert_eq!(result.unwrap().url, format!("http://{open}/"));
    assert!(began.elapsed() < LONG / 4);
}

#[tokio::test]
async fn stopping_the_run_stops_the_asking() {
    let (run, _, asker) = Run::fake(World::fake("/", [("", ""); 0]));
    asker.cancel(crate::fault::FaultKind::Interrupted);
    let at = fake::server(|_, _| Reply::Hang).await;
    let (client, reach) = (client(at), NodeNetwork::default());
    let (home, objects, deadline) = (namespace(), objects(), Instant::now() + LONG);
    let verifying = super::verify(&run, &client, &home, &reach, &[], &objects, deadline);
    let result = run.or_stopped(verifying).await;
    assert_eq!(result.unwrap_err().kind, crate::fault::FaultKind::Interrupted);
}

#[tokio::test]
async fn status_asks_once_and_says_why_not() {
    let (namespace, cluster) = (namespace(), cluster(false).await);
    let once = async |reply: u16| {
        let at = fake::server(move |_, _| fake::text(reply, "")).await;
        let candidate = candidate(Some(200), None);
        (at, super::once(&cluster, &namespace, &published(at), &candidate, &[], PACE).await)
    };
    let (at, asked) = once(200).await;
    assert!(matches!(&asked, ServiceAnswer { answers: true, status: Some(200), why: None, .. }), "{asked:?}");
    assert_eq!(asked.url, Some(format!("http://{at}/")));
    let (_, asked) = once(503).await;
    assert!(!asked.answers);
    assert_eq!(asked.why.as_deref(), Some("answers 503 instead of 200"));

    let shut = fake::closed_port().await;
    let asked = super::once(&cluster, &namespace, &published(shut), &candidate(None, None), &[], PACE).await;
    assert_eq!((asked.answers, asked.url), (false, Some(format!("http://{shut}/"))));
    assert_eq!(asked.why.as_deref(), Some("the pod behind it is not ready"));
}

#[tokio::test]
async fn the_url_of_a_port_that_speaks_tls_is_https_for_up_and_for_status() {
    let at = fake::tls_server(|| Reply::Close, || None, || fake::text(200, "")).await;
    let (cluster, candidate) = (cluster(true).await, candidate(Some(200), None));
    let (result, _) = verified(&candidate, &published(at), &cluster, LONG).await;
    let found = result.unwrap();
    assert_eq!(found.url, format!("https://{at}/"));
    assert!(found.notes.iter().any(|note| note.code == Code::ProtocolMismatch), "{:?}", found.notes);

    let pace = TimeLimits { limit: Duration::from_secs(5), ..PACE };
    let asked = super::once(&cluster, &namespace(), &published(at), &candidate, &[], pace).await;
    assert_eq!((asked.answers, asked.url), (true, Some(format!("https://{at}/"))));
}
