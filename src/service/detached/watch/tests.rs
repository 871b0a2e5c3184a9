//! When a forward ends by itself, and when it continues: by tables, and against API servers that start and stop.

use super::Gone;
use super::NotConnected;
use super::ServiceState;
use super::Since;
use super::WatchLimits;
use super::Watched;
use super::watch;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::service::fake;
use crate::service::fake::Reply;
use crate::service::forward::Forward;
use crate::service::tests::client;
use kube::Client;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

const PACE: WatchLimits = WatchLimits {
    look: Duration::from_millis(30),
    confirm: Duration::from_millis(60),
    unreachable: Duration::from_millis(400),
};

fn names() -> (Namespace, ObjectName) {
    (Namespace::parse("shop").unwrap(), ObjectName::parse("web").unwrap())
}

fn deleted() -> Gone {
    let (namespace, name) = names();
    Gone::Service(namespace, name)
}

/// Passes these states, each so many seconds after the first, and returns at which the forward ends.
fn ends_at(seen: &[(u64, ServiceState)]) -> Option<usize> {
    let pace = WatchLimits { confirm: Duration::from_secs(6), unreachable: Duration::from_secs(600), ..PACE };
    let (mut since, start) = (Since::default(), Instant::now());
    seen.iter()
        .position(|(at, seen)| since.see(seen.clone(), start + Duration::from_secs(*at), pace).is_some())
}

#[tokio::test]
async fn what_is_gone_for_a_moment_or_out_of_reach_for_a_while_ends_nothing() {
    let gone = || ServiceState::Gone(deleted());
    let away = || ServiceState::Unreachable("connection refused".to_owned());
    assert_eq!(ends_at(&[(0, gone()), (3, gone()), (6, gone())]), Some(2));
    assert_eq!(ends_at(&[(0, gone()), (3, ServiceState::There), (6, gone()), (9, gone())]), None);
    assert_eq!(
        ends_at(&[
            (0, gone()),
            (5, ServiceState::Gone(Gone::Context)),
            (10, ServiceState::Gone(Gone::Context))
        ]),
        None
    );
    assert_eq!(ends_at(&[(0, away()), (599, away())]), None);
    assert_eq!(ends_at(&[(0, away()), (599, away()), (600, away())]), Some(2));
    assert_eq!(ends_at(&[(0, away()), (300, ServiceState::There), (601, away()), (1200, away())]), None);
    assert_eq!(ends_at(&[(0, ServiceState::There), (3, ServiceState::Gone(Gone::Cluster))]), Some(1));
    // The API server is unreachable while the namespace is being deleted.
    assert_eq!(ends_at(&[(0, gone()), (3, away()), (6, gone())]), Some(2));
}

/// An API server whose kube-system has this UID, and which has the Service while `has_service` is true.
async fn server(uid: &'static str, has_service: Arc<AtomicBool>) -> Client {
    let at = fake::server(move |_, path| {
        if path.ends_with("/namespaces/kube-system") {
            fake::json(&json!({"metadata": {"name": "kube-system", "uid": uid}}))
        } else if has_service.load(Ordering::SeqCst) {
            fake::json(&json!({"metadata": {"name": "web"}}))
        } else {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404});
            let Reply::Raw(text) = fake::json(&status) else { return Reply::Close };
            Reply::Raw(text.replacen("200 OK", "404 Not Found", 1))
        }
    })
    .await;
    client(at)
}

async fn forward(client: &Client) -> Forward {
    let (namespace, service) = names();
    Forward::open(client, &namespace, &service, Some("http"), None).await.unwrap()
}

fn watched() -> Watched {
    Watched { services: vec![names()], cluster: Some("one".to_owned()) }
}

async fn never() -> Result<Client, NotConnected> {
    Err(NotConnected::Unusable("nobody asked for another one".to_owned()))
}

#[tokio::test]
async fn it_ends_with_its_service() {
    let there = Arc::new(AtomicBool::new(true));
    let forward = forward(&server("one", Arc::clone(&there)).await).await;
    let (watched, looks) = (watched(), PACE.look * 5);
    {
        let mut ended = std::pin::pin!(watch(&forward, &watched, never, PACE));
        assert!(tokio::time::timeout(looks, &mut ended).await.is_err(), "it ends while its Service is there");
        there.store(false, Ordering::SeqCst);
        assert_eq!(ended.await, deleted());
    }
}

#[tokio::test]
async fn it_ends_where_another_cluster_or_none_is_behind_the_context() {
    let there = || Arc::new(AtomicBool::new(true));
    let other = server("two", there()).await;
    assert_eq!(watch(&forward(&other).await, &watched(), never, PACE).await, Gone::Cluster);
    let dead = client(fake::closed_port().await);
    let none = async || Err(NotConnected::NoContext);
    assert_eq!(watch(&forward(&dead).await, &watched(), none, PACE).await, Gone::Context);
    let ended = watch(&forward(&dead).await, &watched(), never, PACE).await;
    assert!(matches!(ended, Gone::Unreachable(..)), "{ended:?}");
}

#[tokio::test]
async fn after_a_restart_at_another_address_it_uses_the_kubeconfig_anew() {
    let forward = forward(&client(fake::closed_port().await)).await;
    let (tries, there) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(true)));
    let new = server("one", Arc::clone(&there)).await;
    let connect = async || {
        if tries.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(NotConnected::Unusable("it is being written".to_owned()));
        }
        Ok(new.clone())
    };
    let watched = watched();
    let ended = watch(&forward, &watched, connect, PACE);
    assert!(
        tokio::time::timeout(PACE.unreachable * 2, ended).await.is_err(),
        "it ends although the cluster is there"
    );
    let services: kube::Api<k8s_openapi::api::core::v1::Service> =
        kube::Api::namespaced(forward.client(), "shop");
    assert!(services.get("web").await.is_ok(), "connections use the new way");
}
