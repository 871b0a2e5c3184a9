//! Writing against an API server in this process: which requests are sent, which are not, and the state after an
//! interruption.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::harness::CONFIGS;
use crate::cluster::harness::DEPLOYMENTS;
use crate::cluster::harness::Harness;
use crate::cluster::harness::deployment;
use crate::cluster::harness::set;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::json;
use simulator::request::ApiResponse;
use simulator::request::failure;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use todo::cluster::Action;
use todo::cluster::ApplyOptions;
use todo::cluster::compare;
use todo::cluster::read_inventory;
use todo::fault::FaultKind;
use todo::manifest::Object;
use tokio::sync::Notify;

#[tokio::test]
async fn nothing_changed_is_a_list_a_kind_and_no_write() {
    let harness = Harness::new().await;
    assert_eq!(harness.up(&set()).await.len(), 5);
    let before = harness.api.all();
    let _ = harness.asked();
    assert_eq!(harness.up(&set()).await, Vec::<String>::new());
    let mut asked = harness.asked();
    asked.sort();
    assert_eq!(
        asked,
        [
            "GET /api/v1/namespaces/shop",
            "GET /api/v1/namespaces/shop/configmaps",
            "GET /api/v1/namespaces/shop/persistentvolumeclaims",
            "GET /api/v1/namespaces/shop/secrets",
            "GET /api/v1/namespaces/shop/secrets/todo.shop",
            "GET /apis/apps/v1/namespaces/shop/deployments",
            "GET /apis/coordination.k8s.io/v1/namespaces/shop/leases/todo.shop",
            "GET /apis/rbac.authorization.k8s.io/v1/clusterroles",
        ]
    );
    assert_eq!(before, harness.api.all());
}

#[tokio::test]
async fn the_inventory_says_once_that_charts_came_even_where_nothing_else_is_to_be_written() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    let charts = ApplyOptions { charts: true, ..ApplyOptions::default() };
    let written = |harness: &Harness| {
        let asked = harness.asked();
        asked
            .into_iter()
            .filter(|line| line.ends_with("PUT /api/v1/namespaces/shop/secrets/todo.shop"))
            .count()
    };
    let _ = harness.asked();
    assert_eq!(harness.try_up(&set(), charts).await.unwrap(), Vec::<String>::new());
    assert!(written(&harness) > 0);
    assert_eq!(harness.try_up(&set(), charts).await.unwrap(), Vec::<String>::new());
    assert_eq!(harness.up(&set()).await, Vec::<String>::new(), "nor when they have gone");
    assert_eq!(written(&harness), 0);
}

#[tokio::test]
async fn what_controllers_write_is_no_difference_and_what_people_write_is() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    let mut web = harness.api.get(DEPLOYMENTS, "shop", "web").unwrap();
    web["status"] = json!({"readyReplicas": 2});
    web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
    harness.api.put(DEPLOYMENTS, web);
    let _ = harness.asked();
    assert_eq!(harness.up(&set()).await, Vec::<String>::new());
    assert!(!harness.asked().iter().any(|line| line.contains("PATCH")));

    let mut settings = harness.api.get(CONFIGS, "shop", "settings").unwrap();
    settings["data"]["a"] = json!("theirs");
    harness.api.put(CONFIGS, settings);
    assert_eq!(harness.up(&set()).await, ["Changed ConfigMap/settings"]);
    assert_eq!(harness.api.get(CONFIGS, "shop", "settings").unwrap()["data"], json!({"a": "1"}));
    assert_eq!(harness.up(&set()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_field_that_goes_from_the_manifest_goes_from_the_object() {
    let harness = Harness::new().await;
    harness.up(&[config("settings", json!({"a": "1", "b": "2"}))]).await;
    let only = [config("settings", json!({"a": "1"}))];
    let plan = compare(&harness.run, &harness.target, only.to_vec(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(plan.differences[0].action, Action::Change);
    assert_eq!(plan.differences[0].fields[0].path, "data.b");
    assert_eq!(harness.up(&only).await, ["Changed ConfigMap/settings"]);
    assert_eq!(harness.api.get(CONFIGS, "shop", "settings").unwrap()["data"], json!({"a": "1"}));
}

/// Stops a run dead before its `cut`th write. Returns whether it came so far.
async fn interrupt(harness: &Harness, objects: &[Object], cut: usize) -> bool {
    let (writes, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, killer) = (Arc::clone(&writes), Arc::clone(&dead));
    harness.api.answer_with(move |ask| {
        if ask.writes() && counter.fetch_add(1, Ordering::SeqCst) >= cut {
            killer.notify_one();
            return Some(ApiResponse::Hangup);
        }
        None
    });
    let done = tokio::select! {
        done = harness.try_up(objects, ApplyOptions::default()) => { done.unwrap(); true }
        () = dead.notified() => false,
    };
    harness.api.answer_with(|_| None);
    // A run that was killed leaves its lock, which expires; here it is not waited for.
    harness.api.take("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop");
    !done
}

#[tokio::test]
async fn wherever_a_run_is_interrupted_all_that_it_made_is_listed_and_the_next_run_ends_it() {
    let mut cuts = 0;
    for cut in 0.. {
        let harness = Harness::new().await;
        // An earlier set exists: one object stays, one is deleted.
        harness.up(&[config("settings", json!({"a": "0"})), config("old", json!({}))]).await;
        let interrupted = interrupt(&harness, &set(), cut).await;
        let listed: BTreeSet<String> = read_inventory(&harness.run, &harness.target)
            .await
            .unwrap()
            .unwrap()
            .entries
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        let labelled = harness.labelled();
        assert!(labelled.is_subset(&listed), "cut {cut}: {labelled:?} but listed {listed:?}");

        harness.up(&set()).await;
        let desired: BTreeSet<String> = set().iter().map(|o| o.id().to_string()).collect();
        assert_eq!(harness.labelled(), desired, "cut {cut}");
        let before = harness.api.all();
        assert_eq!(harness.up(&set()).await, Vec::<String>::new(), "cut {cut}");
        assert_eq!(before, harness.api.all(), "cut {cut}");
        harness.down(true).await;
        assert_eq!(harness.labelled(), BTreeSet::new(), "cut {cut}");
        cuts += 1;
        if !interrupted {
            break;
        }
    }
    assert!(cuts > 10, "{cuts}");
}

#[tokio::test]
async fn every_refusal_of_a_set_comes_at_once_with_its_place() {
    let harness = Harness::new().await;
    harness.api.answer_with(|ask| {
        let bad = ask.path.ends_with("/settings") || ask.path.ends_with("/web");
        (ask.method == "PATCH" && bad).then(|| {
            let causes =
                json!([{"reason": "FieldValueInvalid", "field": "data.a", "message": "Invalid value: no"}]);
            ApiResponse::Json(422, failure(422, "Invalid", "is invalid", &causes))
        })
    });
    let fault = harness.try_up(&set(), ApplyOptions::default()).await.unwrap_err();
    assert_eq!((fault.kind, fault.findings.len()), (FaultKind::Apply, 2));
    assert!(fault.findings.iter().all(|f| f.place.is_some() && f.help.is_some()));
    assert_eq!(harness.labelled(), BTreeSet::new());
}

#[tokio::test]
async fn a_controllers_field_stops_the_run_a_persons_is_taken_over() {
    let harness = Harness::new().await;
    harness.up(&set()).await;
    let edit = |manager: &str| {
        let ask = simulator::request::Ask {
            method: "PATCH".into(),
            path: "/api/v1/namespaces/shop/configmaps/settings".into(),
            query: [("fieldManager".to_owned(), manager.to_owned())].into(),
            content: "application/merge-patch+json".into(),
            body: json!({"data": {"a": manager}}),
        };
        assert!(matches!(harness.api.handle(&ask), ApiResponse::Json(200, _)));
    };
    edit("kubectl-edit");
    assert_eq!(harness.up(&set()).await, ["Changed ConfigMap/settings"]);
    edit("argocd-controller");
    let fault = harness.try_up(&set(), ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].message.contains("argocd-controller"), "{fault:?}");
    assert_eq!(harness.api.get(CONFIGS, "shop", "settings").unwrap()["data"]["a"], "argocd-controller");
    let force = ApplyOptions { force_conflicts: true, ..ApplyOptions::default() };
    assert_eq!(harness.try_up(&set(), force).await.unwrap(), ["Changed ConfigMap/settings"]);
}

#[tokio::test]
async fn an_autoscalers_replicas_are_its_own() {
    let harness = Harness::new().await;
    let scaler = object(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}));
    let objects = [deployment(2), scaler];
    harness.up(&objects).await;
    let scale = simulator::request::Ask {
        method: "PATCH".into(),
        path: "/apis/apps/v1/namespaces/shop/deployments/web".into(),
        query: [("fieldManager".to_owned(), "kube-controller-manager".to_owned())].into(),
        content: "application/merge-patch+json".into(),
        body: json!({"spec": {"replicas": 7}}),
    };
    assert!(matches!(harness.api.handle(&scale), ApiResponse::Json(200, _)));
    assert_eq!(harness.up(&objects).await, Vec::<String>::new());
    assert_eq!(harness.api.get(DEPLOYMENTS, "shop", "web").unwrap()["spec"]["replicas"], 7);
    let _ = harness.asked();
    let before = harness.api.all();
    harness.up(&objects).await;
    assert_eq!(before, harness.api.all());
}

#[tokio::test]
async fn a_job_is_made_again_and_a_deployment_only_on_request() {
    let harness = Harness::new().await;
    let job = |image: &str| {
        object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"},
            "spec": {"template": {"spec": {"containers": [{"name": "m", "image": image}]}}}}))
    };
    harness.up(&[job("1"), deployment(1)]).await;
    let uid = |collection: &str, name: &str| {
        harness.api.get(collection, "shop", name).unwrap()["metadata"]["uid"].clone()
    };
    let old = uid("apis/batch/v1/jobs", "migrate");
    // The server has no schema here; the test sets which fields are immutable.
    let api = harness.api.clone();
    harness.api.answer_with(move |ask| {
        let (collection, name) = match ask.path.rsplit('/').next()? {
            "migrate" => ("apis/batch/v1/jobs", "migrate"),
            "web" => (DEPLOYMENTS, "web"),
            _ => return None,
        };
        let image = "/spec/template/spec/containers/0/image";
        let live = api.get(collection, "shop", name);
        let differs = ask.method == "PATCH"
            && live.is_some_and(|live| live.pointer(image) != ask.body.pointer(image));
        differs.then(|| {
            let causes = json!([{"reason": "FieldValueInvalid", "field": "spec.template", "message": "Invalid value: {}: field is immutable"}]);
            ApiResponse::Json(422, failure(422, "Invalid", "is invalid", &causes))
        })
    });
    assert_eq!(harness.up(&[job("2"), deployment(1)]).await, ["Recreated Job/migrate"]);
    assert_ne!(old, uid("apis/batch/v1/jobs", "migrate"));

    let mut web = deployment(1);
    web.value["spec"]["template"]["spec"]["containers"][0]["image"] = json!("2");
    let fault = harness.try_up(&[job("2"), web.clone()], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].help.as_ref().unwrap().contains("todo.dev/recreate"));
    web.value["metadata"]["annotations"]["todo.dev/recreate"] = json!("true");
    let old = uid(DEPLOYMENTS, "web");
    assert_eq!(harness.up(&[job("2"), web]).await, ["Recreated Deployment/web"]);
    assert_ne!(old, uid(DEPLOYMENTS, "web"));
}
