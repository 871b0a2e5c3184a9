//! A node whose port does not work: for a moment, as in a rollout, or permanently.

use crate::event::EventKind;
use crate::project::Expect;
use crate::service::NodeNetwork;
use crate::service::VerifiedUrl;
use crate::service::candidate::Candidate;
use crate::service::fake;
use crate::service::forward::tests::cluster as with_pods;
use crate::service::forward::tests::pods;
use crate::service::once::once;
use crate::service::tests::LONG;
use crate::service::tests::PACE;
use crate::service::tests::candidate;
use crate::service::tests::cluster;
use crate::service::tests::namespace;
use crate::service::tests::objects;
use crate::service::tests::run;
use crate::service::tests::verified;
use crate::service::verifier::Prover;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// A node at this machine's own address, whose API server listens at `server`.
fn node(server: Option<SocketAddr>) -> NodeNetwork {
    NodeNetwork { address: Some([127, 0, 0, 1].into()), server, ..NodeNetwork::default() }
}

/// A Service with this NodePort, whose endpoints name its port `http`.
fn behind(port: SocketAddr) -> Candidate {
    let mut candidate = candidate(None, None);
    candidate.port.node_port = Some(port.port());
    candidate.port.name = Some("http".to_owned());
    candidate
}

/// An application that answers through the API server, whatever happens to the node's port.
async fn forwarded() -> kube::Client {
    let app = fake::server(|_, _| fake::text(200, "")).await;
    with_pods(pods([("web-1", Some(app))])).await
}

#[track_caller]
fn is_a_detour_with_its_reason(verified: &VerifiedUrl, from: SocketAddr) {
    assert!(verified.forward.is_some(), "{verified:?}");
    assert!(verified.notes[0].message.starts_with(&format!("http://{from}/ ")), "{:?}", verified.notes);
}

#[tokio::test]
async fn a_rollout_never_loses_the_address_of_the_node() {
    let (lost, listener, only) = fake::lost().await;
    let (run, mut events) = run();
    let (namespace, objects, client) = (namespace(), objects(), forwarded().await);
    let reach = node(Some(fake::closed_port().await));
    let deadline = Instant::now() + LONG;
    let verify = Prover {
        run: &run,
        client: &client,
        namespace: &namespace,
        reach: &reach,
        objects: &objects,
        deadline,
        limits: PACE,
    };
    // First no answer, then a refusal, then the right rules: each as soon as the one before was noticed.
    let rules = async {
        let mut held = Some((listener, only));
        while let Some(event) = events.recv().await {
            let EventKind::Waiting { why, .. } = event.kind else { continue };
            if why.contains("refuses") {
                fake::serve(TcpListener::bind(lost).await.unwrap(), |_, _| fake::text(200, "new"));
                break;
            }
            held.take();
        }
        std::future::pending::<()>().await;
    };
    let candidates = [behind(lost)];
    let found = tokio::select! {
        found = verify.all(&candidates) => found.unwrap().remove(0),
        () = rules => unreachable!(),
    };
    assert_eq!((found.url, found.notes), (format!("http://{lost}/"), Vec::new()));
    assert!(found.forward.is_none());
}

#[tokio::test]
async fn a_node_that_is_silent_altogether_cannot_be_reached() {
    let (port, _listener, _only) = fake::lost().await;
    let (server, _servers, _own) = fake::lost().await;
    let (result, _) = verified(&behind(port), &node(Some(server)), &forwarded().await, LONG).await;
    is_a_detour_with_its_reason(&result.unwrap(), port);

    // If it is expected, the reason is reported, too.
    let known = NodeNetwork { unrouted: Some("it runs in a virtual machine"), ..node(Some(server)) };
    let (result, _) = verified(&behind(port), &known, &forwarded().await, LONG).await;
    let verified = result.unwrap();
    is_a_detour_with_its_reason(&verified, port);
    assert!(verified.notes[0].message.contains("it runs in a virtual machine"), "{:?}", verified.notes);
}

#[tokio::test]
async fn a_port_that_is_filtered_is_left_long_after_kube_proxy_would_have_written_its_rules() {
    for server in [None, Some(fake::closed_port().await)] {
        let (port, _listener, _only) = fake::lost().await;
        let began = Instant::now();
        let (result, _) = verified(&behind(port), &node(server), &forwarded().await, LONG).await;
        is_a_detour_with_its_reason(&result.unwrap(), port);
        assert!(began.elapsed() >= PACE.detour);
    }
}

#[tokio::test]
async fn an_address_is_not_given_up_while_the_program_does_not_listen_yet() {
    // Ready, but nothing listens: neither at the node's port nor in the pod. Longer than any other cause would last.
    let port = fake::closed_port().await;
    let pods = pods([("web-1", None)]);
    let client = with_pods(std::sync::Arc::clone(&pods)).await;
    let late = async {
        tokio::time::sleep(PACE.detour * 2).await;
        pods.lock().unwrap().insert("web-1".to_owned(), Some(port));
        fake::serve(TcpListener::bind(port).await.unwrap(), |_, _| fake::text(200, ""));
    };
    let (candidate, reach) = (behind(port), node(None));
    let ((result, _), ()) = tokio::join!(verified(&candidate, &reach, &client, LONG), late);
    let verified = result.unwrap();
    assert!(verified.forward.is_none() && verified.notes.is_empty(), "{verified:?}");

    // A port on which nothing ever listens is recognized by the kubelet's message about it.
    let shut = fake::closed_port().await;
    let client = with_pods(self::pods([("web-1", None)])).await;
    let (result, _) = self::verified(&behind(shut), &node(None), &client, PACE.detour * 3).await;
    let finding = &result.unwrap_err().findings[0];
    assert!(finding.message.starts_with(&format!("`http://{shut}/` ")), "{finding:?}");
    assert!(finding.help.as_ref().is_some_and(|help| help.contains("connection refused")), "{finding:?}");
}

#[tokio::test]
async fn an_address_is_not_given_up_while_no_pod_is_ready() {
    let (port, _listener, _only) = fake::lost().await;
    let within = PACE.detour * 2;
    let (result, _) = verified(&behind(port), &node(None), &cluster(false).await, within).await;
    let message = &result.unwrap_err().findings[0].message;
    assert!(message.starts_with(&format!("`http://{port}/` does not take connections")), "{message}");
}

#[tokio::test]
async fn an_address_gives_way_to_another_that_answers_all_the_while() {
    let (balancer, _listener, _only) = fake::lost().await;
    let node_port = fake::server(|_, _| fake::text(200, "")).await;
    let mut candidate = behind(node_port);
    candidate.port.balancers = vec![balancer.ip().to_string()];
    candidate.port.number = balancer.port();
    let (result, _) = verified(&candidate, &node(None), &forwarded().await, LONG).await;
    let verified = result.unwrap();
    assert_eq!(verified.url, format!("http://{node_port}/"));
    assert!(verified.forward.is_none());
}

#[tokio::test]
async fn status_does_not_take_a_rollout_for_an_address_that_cannot_be_reached() {
    let (port, listener, only) = fake::lost().await;
    let (client, namespace) = (forwarded().await, namespace());
    let mut candidate = behind(port);
    candidate.expect = Expect { status: Some(200), contains: None };
    let rules = async {
        tokio::time::sleep(PACE.stable_for / 4).await;
        drop((listener, only));
        fake::serve(TcpListener::bind(port).await.unwrap(), |_, _| fake::text(200, ""));
    };
    let reach = node(None);
    let (asked, ()) = tokio::join!(once(&client, &namespace, &reach, &candidate, &[], PACE), rules);
    assert_eq!((asked.url, asked.why), (Some(format!("http://{port}/")), None));

    // One that stays unreachable is reported with its reason, and as reachable by a forward.
    let (port, _listener, _only) = fake::lost().await;
    let asked = once(&client, &namespace, &reach, &behind(port), &[], PACE).await;
    assert!(asked.answers && asked.url.is_none(), "{asked:?}");
    assert!(asked.why.is_some_and(|why| why.starts_with(&format!("http://{port}/ "))));
}
