//! In which order a set is written: explicit order, kinds that an operator has to define first, and back again.

use crate::cluster::harness::Harness;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::Value;
use serde_json::json;
use simulator::api::Api;
use std::time::Duration;
use todo::cluster::Action;
use todo::cluster::ApplyOptions;
use todo::cluster::Limits;
use todo::cluster::compare;
use todo::fault::FaultKind;
use todo::manifest::Object;
use tokio::time::Instant;

const CRDS: &str = "apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEPLOYMENTS: &str = "apis/apps/v1/deployments";

fn after(mut of: Object, others: &str) -> Object {
    of.value["metadata"]["annotations"]["todo.dev/depends-on"] = json!(others);
    of
}

fn job(name: &str) -> Object {
    object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"name": "m", "image": "m:1"}]}}}}))
}

fn operator() -> [Object; 2] {
    [
        object(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "o"}},
            "template": {"metadata": {"labels": {"app": "o"}},
                "spec": {"containers": [{"name": "o", "image": "o:1"}]}}}}),
        ),
        object(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "operator"},
            "rules": [{"apiGroups": ["zoo.io"], "resources": ["*"], "verbs": ["*"]}]}),
        ),
    ]
}

fn mouse() -> Object {
    object(json!({"apiVersion": "zoo.io/v1", "kind": "Mouse", "metadata": {"name": "jerry"}, "spec": {}}))
}

fn crd() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "mice.zoo.io"},
        "spec": {"group": "zoo.io", "scope": "Namespaced", "names": {"kind": "Mouse", "plural": "mice"},
            "versions": [{"name": "v1", "served": true, "storage": true}]}})
}

/// Plays the controllers: whatever is there has done what it should.
fn controllers(api: &Api, brings: Option<Value>) -> tokio::task::JoinHandle<()> {
    let api = api.clone();
    tokio::spawn(async move {
        loop {
            if let Some(mut web) = api.get(DEPLOYMENTS, "shop", "operator").filter(|o| o["status"].is_null())
            {
                web["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
                    "readyReplicas": 1, "availableReplicas": 1,
                    "conditions": [{"type": "Available", "status": "True"}]});
                api.put(DEPLOYMENTS, web);
                if let Some(crd) = &brings {
                    api.put(CRDS, crd.clone());
                }
            }
            for name in ["one", "two"] {
                let done = api.get("apis/batch/v1/jobs", "shop", name).filter(|job| job["status"].is_null());
                if let Some(mut job) = done {
                    job["status"] = json!({"succeeded": 1,
                        "conditions": [{"type": "Complete", "status": "True"}]});
                    api.put("apis/batch/v1/jobs", job);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_others_depend_on_is_healthy_before_they_are_written_and_goes_after_them() {
    let harness = Harness::without_sockets().await;
    let _controllers = controllers(&harness.api, None);
    let api = harness.api.clone();
    harness.api.answer_with(move |ask| {
        let late = ask.writes() && ask.method == "PATCH" && ask.path.ends_with("/two");
        if late {
            let one = api.get("apis/batch/v1/jobs", "shop", "one").unwrap();
            assert!(!one["status"].is_null(), "it was written before Job/one was done");
        }
        None
    });
    let set = [after(job("two"), "Job/one"), job("one"), after(config("last", json!({})), "job.batch/two")];
    assert_eq!(harness.up(&set).await, ["Created Job/one", "Created Job/two", "Created ConfigMap/last"]);
    assert_eq!(harness.up(&set).await, Vec::<String>::new());
    let said = harness.down(false).await;
    assert_eq!(said[..3], ["Removed ConfigMap/last", "Removed Job/two", "Removed Job/one"], "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn what_others_depend_on_may_take_as_long_as_the_user_says() {
    let harness = Harness::without_sockets().await;
    let limits = Limits { no_progress: Duration::from_secs(7), ..Limits::default() };
    let began = Instant::now();
    let set = [after(job("two"), "Job/one"), job("one")];
    let fault = harness.try_up(&set, ApplyOptions { limits, ..ApplyOptions::default() }).await.unwrap_err();
    assert_eq!(fault.causes(), ["nothing has changed for 7 s"]);
    assert!((7..10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(harness.api.get("apis/batch/v1/jobs", "shop", "two").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_kind_an_operator_of_the_set_brings_is_written_after_it() {
    let harness = Harness::without_sockets().await;
    let _controllers = controllers(&harness.api, Some(crd()));
    let [deployment, role] = operator();
    let set = [mouse(), deployment, role];
    let options = ApplyOptions::default();
    let plan = compare(&harness.run, &harness.target, set.to_vec(), &options).await.unwrap();
    let planned = plan.differences.iter().find(|difference| difference.id.kind == "Mouse").unwrap();
    assert!(planned.action == Action::Create && planned.why.is_some(), "{planned:?}");
    let said = harness.up(&set).await;
    assert_eq!(said, ["Created ClusterRole/operator", "Created Deployment/operator", "Created Mouse/jerry"]);
    assert!(harness.labelled().contains("Mouse/jerry"));
    assert_eq!(harness.up(&set).await, Vec::<String>::new());
    let said = harness.down(true).await;
    assert_eq!(said[0], "Removed Mouse/jerry", "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_nobody_brings_is_told_at_once_or_when_the_operator_is_up_without_it() {
    let harness = Harness::without_sockets().await;
    let fault = harness.try_up(&[mouse()], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].help.as_ref().unwrap().contains("todo.dev/depends-on"), "{fault:?}");
    assert!(harness.asked().iter().all(|line| line.starts_with("GET")));

    let _controllers = controllers(&harness.api, None);
    let [deployment, role] = operator();
    let began = Instant::now();
    let fault = harness.try_up(&[mouse(), deployment, role], ApplyOptions::default()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Apply);
    assert!(fault.findings[0].message.contains("every workload of the project is healthy"), "{fault:?}");
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}
