//! Deleted objects, kept objects, and other clients, against an API server in this process.

use crate::cluster::harness::CONFIGS;
use crate::cluster::harness::DEPLOYMENTS;
use crate::cluster::harness::Harness;
use crate::cluster::harness::deployment;
use crate::cluster::harness::set;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::Value;
use serde_json::json;
use simulator::request::ApiResponse;
use simulator::request::failure;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use todo::cluster::ApplyOptions;
use todo::cluster::RemoveOptions;
use todo::cluster::compare;
use todo::cluster::read_inventory;
use todo::cluster::remove;
use todo::cluster::remove_keeping_namespaces;
use todo::cluster::restart;
use todo::fault::FaultKind;
use todo::manifest::Object;

#[tokio::test]
async fn what_is_not_wanted_goes_after_a_good_run_data_stays_and_most_of_it_is_asked_for() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    assert_eq!(
        harness.up(&[deployment(2)]).await,
        [
            "Pruned ClusterRole/r",
            "Pruned ConfigMap/settings",
            "Pruned Secret/keys",
            "Kept PersistentVolumeClaim/data"
        ]
    );

    let many: Vec<Object> = (0..30).map(|n| config(&format!("c{n}"), json!({}))).collect();
    harness.up(&many).await;
    let fault = harness.try_up(&many[..2], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.hints.iter().any(|hint| hint.contains("--yes")));
    assert_eq!(harness.labelled().len(), 31);
    harness.try_up(&many[..2], ApplyOptions { yes: true, ..ApplyOptions::default() }).await.unwrap();
    assert_eq!(harness.labelled().len(), 3);
}

#[tokio::test]
async fn down_keeps_the_data_and_the_second_time_there_is_nothing_to_do() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    let said = harness.down(false).await;
    assert_eq!(said.iter().filter(|line| line.starts_with("Removed")).count(), 4, "{said:?}");
    assert!(
        said.ends_with(&["Kept PersistentVolumeClaim/data".to_owned(), "Kept Namespace/shop".to_owned()])
    );
    assert!(!read_inventory(&harness.run, &harness.target).await.unwrap().unwrap().is_deployed());
    let before = harness.api.all();
    assert!(!harness.down(false).await.iter().any(|line| line.starts_with("Removed")));
    assert_eq!(before, harness.api.all());
    assert_eq!(harness.down(true).await, ["Removed PersistentVolumeClaim/data", "Removed Namespace/shop"]);
    assert_eq!(harness.down(true).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_stays_is_told_once_where_the_namespace_waits_for_the_last_hooks() {
    let mut harness = Harness::new().await;
    harness.up(&set()).await;
    let early =
        remove_keeping_namespaces(&harness.run, &harness.target, &RemoveOptions::default()).await.unwrap();
    assert_eq!(early.removed.len(), 4);
    assert!(!harness.down(false).await.iter().any(|line| line.starts_with("Removed")));
    let output = std::iter::from_fn(|| harness.events.try_recv().ok()).map(|event| format!("{event:?}"));
    let kept = output
        .filter(|output| output.contains("Kept") && output.contains("item: \"PersistentVolumeClaim/data\""));
    assert_eq!(kept.count(), 1);
    assert!(!read_inventory(&harness.run, &harness.target).await.unwrap().unwrap().is_deployed());
}

#[tokio::test]
async fn a_namespace_with_something_of_others_stays() {
    let harness = Harness::new().await;
    harness.up(&[config("settings", json!({}))]).await;
    harness.api.put(
        CONFIGS,
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": "shop"}}),
    );
    let removed =
        remove(&harness.run, &harness.target, &RemoveOptions { purge: true, ..RemoveOptions::default() })
            .await
            .unwrap();
    let why = &removed.kept[0].1;
    assert!(why.contains("ConfigMap/theirs"), "{why}");
    assert!(harness.api.get(CONFIGS, "shop", "theirs").is_some());

    // And one that existed before the run must not be removed.
    let harness = Harness::new().await;
    harness.api.put(
        "api/v1/namespaces",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    harness.up(&[config("settings", json!({}))]).await;
    assert_eq!(harness.down(true).await, ["Removed ConfigMap/settings"]);
    assert!(harness.api.get("api/v1/namespaces", "", "shop").is_some());
}

#[tokio::test]
async fn down_finds_what_is_ours_when_the_list_is_lost() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    harness.api.take("api/v1/secrets", "shop", "todo.shop");
    harness.down(true).await;
    assert_eq!(harness.labelled(), BTreeSet::new());
}

#[tokio::test]
async fn another_run_is_waited_for_with_its_owner_on_screen() {
    let mut harness = Harness::new().await;
    harness.up(&[config("a", json!({}))]).await;
    let now = format!("{:.6}", jiff::Timestamp::now());
    harness.api.put("apis/coordination.k8s.io/v1/leases", json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.shop", "namespace": "shop"},
        "spec": {"holderIdentity": "alex@laptop, process 7 #1", "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now}}));
    let api = harness.api.clone();
    tokio::spawn(async move {
        while !api.asked().iter().any(|ask| ask.query.contains_key("watch")) {
            tokio::task::yield_now().await;
        }
        api.take("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop");
    });
    assert_eq!(harness.up(&[config("a", json!({"x": "1"}))]).await, ["Changed ConfigMap/a"]);
    assert!(harness.waited_for("alex@laptop, process 7"));
    assert!(harness.api.get("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop").is_none());

    // One that died long ago is taken over at once.
    harness.api.put(
        "apis/coordination.k8s.io/v1/leases",
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.shop", "namespace": "shop"},
        "spec": {"holderIdentity": "alex@laptop, process 7 #1", "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z"}}),
    );
    assert_eq!(harness.up(&[config("a", json!({"x": "2"}))]).await, ["Changed ConfigMap/a"]);
}

#[tokio::test]
async fn a_restart_is_one_annotation_that_the_next_run_leaves_alone() {
    let harness = Harness::new().await;
    let objects = [deployment(1), config("a", json!({"x": "1"}))];
    harness.up(&objects).await;
    let restarted = restart(&harness.run, &harness.target, &["web".to_owned()]).await.unwrap();
    let before = restarted.objects[0].before.as_ref().unwrap()["metadata"]["generation"].as_i64();
    assert_eq!(restarted.objects[0].generation, before.map(|before| before + 1), "it is waited for");
    let annotation = || {
        let web = harness.api.get(DEPLOYMENTS, "shop", "web").unwrap();
        web["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].clone()
    };
    let first = annotation();
    assert!(first.is_string());
    harness.asked();
    assert_eq!(harness.up(&objects).await, [] as [&str; 0]);
    assert_eq!(annotation(), first);
    assert!(
        !harness.asked().iter().any(|asked| asked == "PATCH /apis/apps/v1/namespaces/shop/deployments/web")
    );
    let fault = restart(&harness.run, &harness.target, &["wbe".to_owned()]).await.unwrap_err();
    assert_eq!((fault.kind, fault.hints[0].as_str()), (FaultKind::Usage, "did you mean `web`?"));
}

#[tokio::test]
async fn an_api_server_that_stumbles_is_asked_again_and_that_is_told() {
    let mut harness = Harness::new().await;
    let stumbles = AtomicUsize::new(0);
    harness.api.answer_with(move |ask| {
        let first = ask.path.ends_with("/web") && stumbles.fetch_add(1, Ordering::SeqCst) < 2;
        first.then(|| {
            ApiResponse::Json(503, failure(503, "ServiceUnavailable", "apiserver is starting", &Value::Null))
        })
    });
    assert_eq!(harness.up(&[deployment(1)]).await, ["Created Deployment/web"]);
    assert!(harness.waited_for("apiserver is starting"));
}

#[tokio::test]
async fn no_value_of_a_secret_leaves_in_events_or_plans() {
    let mut harness = Harness::new().await;
    let secret = |value: &str| {
        object(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"k": value}}),
        )
    };
    harness.up(&[secret("hunter2")]).await;
    let options = ApplyOptions::default();
    let plan = compare(&harness.run, &harness.target, vec![secret("swordfish")], &options).await.unwrap();
    let mut output = format!("{plan:?}");
    harness.up(&[secret("swordfish")]).await;
    while let Ok(event) = harness.events.try_recv() {
        output.push_str(&serde_json::to_string(&event).unwrap());
    }
    for value in ["hunter2", "swordfish", "aHVudGVyMg", "c3dvcmRmaXNo"] {
        assert!(!output.contains(value), "{value} in {output}");
    }
    assert!(output.contains("*** (before)"));
}
