//! A server that restarts, is overloaded, closes connections, answers slowly, or is written to by another client
//! meanwhile.
//!
//! Time passes by itself where no socket is involved.

use crate::cluster::harness::Harness;
use crate::cluster::harness::deployment;
use crate::cluster::harness::set;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::Value;
use serde_json::json;
use simulator::api::Api;
use simulator::request::ApiResponse;
use simulator::request::Ask;
use simulator::request::failure;
use simulator::serve::Server;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use todo::cluster::Action;
use todo::cluster::ApplyOptions;
use todo::cluster::RemoveOptions;
use todo::cluster::compare;
use todo::fault::FaultKind;
use tokio::sync::Notify;
use tokio::time::Instant;

const LEASES: &str = "apis/coordination.k8s.io/v1/leases";

/// Answers the first `times` requests that `which` means in a way of its own.
fn first(
    api: &Api,
    times: usize,
    which: impl Fn(&Ask) -> bool + Send + Sync + 'static,
    answer: impl Fn() -> ApiResponse + Send + Sync + 'static,
) {
    let count = AtomicUsize::new(0);
    api.answer_with(move |ask| (which(ask) && count.fetch_add(1, Ordering::SeqCst) < times).then(&answer));
}

fn writes_web(ask: &Ask) -> bool {
    ask.method == "PATCH" && ask.writes() && ask.path.ends_with("/web")
}

fn refused(code: u16, message: &str) -> ApiResponse {
    let reason = if code == 409 { "Conflict" } else { "InternalError" };
    ApiResponse::Json(code, failure(code, reason, message, &Value::Null))
}

#[tokio::test]
async fn a_server_that_restarts_while_it_is_written_to_is_waited_for() {
    let api = Api::new();
    let server = Server::start(api.clone(), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = server.address;
    let mut harness = Harness::at(api.clone(), address).await;
    let (reached, down) = (Arc::new(Notify::new()), Arc::clone(&Arc::new(Notify::new())));
    let tell = Arc::clone(&reached);
    first(&api, 1, writes_web, move || {
        tell.notify_one();
        // This has no receiver: the server is gone before.
        ApiResponse::Slow(Duration::from_secs(3600))
    });
    let restart = {
        let (api, down) = (api.clone(), Arc::clone(&down));
        tokio::spawn(async move {
            reached.notified().await;
            server.stop().await;
            down.notified().await;
            Server::start(api, address).await.unwrap()
        })
    };
    let waiting = {
        let down = Arc::clone(&down);
        async move {
            // It is down until the program has reported that.
            tokio::time::sleep(Duration::from_millis(700)).await;
            down.notify_one();
        }
    };
    let objects = set();
    let (said, ()) = tokio::join!(harness.up(&objects), waiting);
    assert_eq!(said.len(), 5);
    let _server = restart.await.unwrap();
    assert!(harness.waited_for("no answer from the API server"));
    assert_eq!(harness.up(&set()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_when_to_come_back_is_not_asked_before() {
    let mut harness = Harness::without_sockets().await;
    harness.up(&[config("a", json!({}))]).await;
    first(&harness.api, 2, writes_web, || ApiResponse::Later(7));
    let began = Instant::now();
    assert_eq!(harness.up(&[config("a", json!({})), deployment(1)]).await, ["Created Deployment/web"]);
    assert!((14..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(harness.waited_for("Too many requests"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_nothing_is_done_twice() {
    let reads = |ask: &Ask| ask.method == "GET" && ask.path.ends_with("/configmaps");
    for which in [
        writes_web,
        reads,
        // What creates or replaces a record has done so when its answer is lost.
        |ask: &Ask| ask.method == "POST" && ask.path.ends_with("/leases"),
        |ask: &Ask| ask.method == "POST" && ask.path.ends_with("/secrets"),
        |ask: &Ask| ask.method == "PUT" && ask.path.ends_with("/secrets/todo.shop"),
    ] {
        let mut harness = Harness::new().await;
        first(&harness.api, 1, which, || ApiResponse::Cut);
        assert_eq!(harness.up(&set()).await.len(), 5);
        assert!(harness.waited_for("trying again"));
        let before = harness.api.all();
        assert_eq!(harness.up(&set()).await, Vec::<String>::new());
        assert_eq!(before, harness.api.all());
        assert!(harness.api.get(LEASES, "shop", "todo.shop").is_none(), "the lock was given back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_webhook_is_given_its_time_and_one_that_never_ends_is_given_up() {
    let harness = Harness::without_sockets().await;
    first(&harness.api, 1, writes_web, || ApiResponse::Slow(Duration::from_secs(40)));
    assert_eq!(harness.up(&[deployment(1)]).await, ["Created Deployment/web"]);
    first(&harness.api, usize::MAX, writes_web, || ApiResponse::Slow(Duration::from_secs(3600)));
    let fault = harness.try_up(&[deployment(2)], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].message.contains("timed out after 65 s"), "{fault:?}");
}

const UNANSWERED: &str = "Internal error occurred: failed calling webhook \"a.shop.io\": failed to call webhook: Post \
                          \"https://hook.shop.svc:443/validate?timeout=10s\": no endpoints available for service \"hook\"";

#[tokio::test(start_paused = true)]
async fn a_webhook_is_waited_for_longer_where_its_pods_are_on_the_way() {
    let hook = || {
        object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"},
            "spec": {"selector": {"app": "hook"}, "ports": [{"port": 443}]}}))
    };
    let asks_web = |ask: &Ask| ask.method == "PATCH" && ask.path.ends_with("/web");

    let mut harness = Harness::without_sockets().await;
    harness.up(&[config("a", json!({}))]).await;
    let began = Instant::now();
    harness.api.answer_with(move |ask| {
        (asks_web(ask) && began.elapsed() < Duration::from_secs(200)).then(|| refused(500, UNANSWERED))
    });
    let said = harness.up(&[config("a", json!({})), hook(), deployment(1)]).await;
    assert_eq!(said, ["Created Service/hook", "Created Deployment/web"]);
    assert!(began.elapsed() >= Duration::from_secs(200));
    assert!(harness.waited_for("failed calling webhook"));

    // Another client's lock has half a minute left, and the help is printed.
    let harness = Harness::without_sockets().await;
    harness.api.answer_with(move |ask| asks_web(ask).then(|| refused(500, UNANSWERED)));
    let began = Instant::now();
    let fault = harness.try_up(&[deployment(1)], ApplyOptions::default()).await.unwrap_err();
    assert!(
        fault.findings[0].help.as_ref().unwrap().contains("validatingwebhookconfigurations"),
        "{fault:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_writes_while_we_compare_is_compared_with_again() {
    let mut harness = Harness::without_sockets().await;
    harness.up(&[config("a", json!({"n": "1"}))]).await;
    let compares = |ask: &Ask| ask.method == "PATCH" && ask.query.contains_key("dryRun");
    first(&harness.api, 2, compares, || {
        refused(409, "Operation cannot be fulfilled on configmaps \"a\": the object has been modified")
    });
    let desired = [config("a", json!({"n": "2"}))];
    let plan =
        compare(&harness.run, &harness.target, desired.to_vec(), &ApplyOptions::default()).await.unwrap();
    assert_eq!((plan.differences[0].action, plan.refused.len()), (Action::Change, 0));
    assert!(harness.waited_for("the object has been modified"));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lock_is_taken_away_stops_and_leaves_the_lock_alone() {
    let harness = Harness::without_sockets().await;
    harness.up(&[config("a", json!({}))]).await;
    let api = harness.api.clone();
    harness.api.answer_with(move |ask| {
        if !writes_web(ask) {
            return None;
        }
        let mut lease = api.get(LEASES, "shop", "todo.shop").unwrap();
        lease["spec"]["holderIdentity"] = json!("alex@laptop, process 7 #1");
        api.put(LEASES, lease);
        Some(ApiResponse::Slow(Duration::from_secs(60)))
    });
    let late = object(
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "late"}, "spec": {}}),
    );
    let objects = [config("a", json!({})), deployment(1), late];
    let fault = harness.try_up(&objects, ApplyOptions::default()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Locked, "{fault:?}");
    assert!(harness.api.get("apis/networking.k8s.io/v1/ingresses", "shop", "late").is_none());
    let lease = harness.api.get(LEASES, "shop", "todo.shop").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "alex@laptop, process 7 #1");
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_renewed_for_as_long_as_the_run_takes() {
    let harness = Harness::without_sockets().await;
    harness.up(&[config("a", json!({}))]).await;
    first(&harness.api, 1, writes_web, || ApiResponse::Slow(Duration::from_secs(60)));
    let _ = harness.asked();
    harness.up(&[config("a", json!({})), deployment(1)]).await;
    let renewals =
        harness.asked().iter().filter(|line| line.starts_with("PUT") && line.contains("/leases/")).count();
    assert!(renewals >= 5, "{renewals}");
}

#[tokio::test(start_paused = true)]
async fn what_holds_an_object_back_is_told_while_it_is_waited_for_and_in_the_end() {
    let mut harness = Harness::without_sockets().await;
    let mut held = config("held", json!({}));
    held.value["metadata"]["finalizers"] = json!(["zoo.io/keeper"]);
    harness.up(&[held]).await;
    let removing = RemoveOptions { purge: true, ..RemoveOptions::default() };
    let fault = todo::cluster::remove(&harness.run, &harness.target, &removing).await.unwrap_err();
    assert!(fault.findings[0].message.contains("zoo.io/keeper"), "{fault:?}");
    assert!(fault.findings[0].help.as_ref().unwrap().contains("finalizers"), "{fault:?}");
    assert!(harness.waited_for("it is held by zoo.io/keeper"));
}

#[tokio::test]
async fn a_namespace_that_is_there_after_all_is_not_marked_as_ours() {
    let harness = Harness::new().await;
    harness.api.put("api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
    let asks = |ask: &Ask| ask.method == "GET" && ask.path == "/api/v1/namespaces/shop";
    let absent =
        || ApiResponse::Json(404, failure(404, "NotFound", "namespaces \"shop\" not found", &Value::Null));
    first(&harness.api, 1, asks, absent);
    assert_eq!(harness.up(&[config("a", json!({}))]).await, ["Created ConfigMap/a"]);
    let namespace = harness.api.get("api/v1/namespaces", "", "shop").unwrap();
    assert!(namespace["metadata"]["annotations"]["todo.dev/created-by"].is_null(), "{namespace}");
}
