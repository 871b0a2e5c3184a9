//! Writing against a real API server: behavior that only a real one has. As in `real`, the environment selects it.

use crate::cluster::past::large;
use crate::cluster::real::Lab;
use crate::cluster::real::deployment;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::json;
use std::time::Duration;
use todo::cluster::ApplyOptions;
use todo::cluster::Limits;
use todo::cluster::RemoveOptions;
use todo::cluster::apply;
use todo::cluster::compare;
use todo::cluster::lock::scope;
use todo::cluster::lock::unlock;
use todo::cluster::remove;
use todo::cluster::revision::Earlier;
use todo::cluster::revision::earlier;
use todo::cluster::revision::history;
use todo::cluster::rollout;
use todo::event::EventKind;
use todo::fault::FaultKind;
use todo::manifest::Object;

const PURGE: RemoveOptions = RemoveOptions { purge: true, adopt: false };

/// Whether waiting for `words` was reported since the last time.
fn waited_for(lab: &mut Lab, words: &str) -> bool {
    std::iter::from_fn(|| lab.events.try_recv().ok())
        .any(|event| matches!(event.kind, EventKind::Waiting { why, .. } if why.contains(words)))
}

fn database(policy: &str) -> Object {
    object(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "serviceName": "db", "podManagementPolicy": policy, "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"terminationGracePeriodSeconds": 1,
            "containers": [{"name": "db", "image": "busybox", "command": ["sleep", "3600"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}}}}]}}))
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_stateful_set_is_made_again_around_its_pods_and_its_claims_go_with_purge_alone() {
    let lab = Lab::new("clu-stateful").await;
    lab.up(&[database("OrderedReady")]).await;
    lab.kubectl(&["rollout", "status", "statefulset/db", "--timeout=120s"]).await;
    let uid = async |what: &str| lab.kubectl(&["get", what, "-o", "jsonpath={.metadata.uid}"]).await;
    let (set, pod) = (uid("statefulset/db").await, uid("pod/db-0").await);

    let fault = lab.try_up(&[database("Parallel")], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].help.as_ref().unwrap().contains("--recreate"), "{fault:?}");
    let recreate = ApplyOptions { recreate: true, ..ApplyOptions::default() };
    assert_eq!(lab.try_up(&[database("Parallel")], recreate).await.unwrap(), ["Recreated StatefulSet/db"]);
    assert_ne!(uid("statefulset/db").await, set);
    lab.kubectl(&["rollout", "status", "statefulset/db", "--timeout=120s"]).await;
    assert_eq!(uid("pod/db-0").await, pod, "its pod never stopped");

    let removed = remove(&lab.run, &lab.target, &RemoveOptions::default()).await.unwrap();
    let kept: Vec<String> = removed.kept.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(kept, ["PersistentVolumeClaim/data-db-0", "Namespace/clu-stateful"]);
    let removed = remove(&lab.run, &lab.target, &PURGE).await.unwrap();
    let gone: Vec<String> = removed.removed.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["PersistentVolumeClaim/data-db-0", "Namespace/clu-stateful"]);
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_finalizer_that_nobody_answers_is_named_while_it_is_waited_for() {
    let mut lab = Lab::new("clu-finalizer").await;
    let mut held = config("held", json!({}));
    held.value["metadata"]["finalizers"] = json!(["clu.example/keeper"]);
    lab.up(&[held]).await;
    let (run, target) = (lab.run.clone(), lab.target.clone());
    let removing = tokio::spawn(async move { remove(&run, &target, &PURGE).await });
    loop {
        let event = lab.events.recv().await.expect("it is still being removed");
        if matches!(&event.kind, EventKind::Waiting { why, .. } if why.contains("clu.example/keeper")) {
            break;
        }
    }
    lab.kubectl(&["patch", "configmap/held", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#])
        .await;
    assert_eq!(removing.await.unwrap().unwrap().removed.len(), 2);
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_lock_is_renewed_and_a_run_that_has_lost_it_stops() {
    let lab = Lab::new("clu-lock").await;
    let mut never = deployment("busybox", 1);
    never.value["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"exec": {"command": ["false"]}});
    let (run, target) = (&lab.run, &lab.target);
    let work = async {
        let applied = apply(run, target, vec![never], &ApplyOptions::default()).await?;
        rollout(run, target, &applied.objects, &Limits::default(), async {}).await
    };
    let taken_away = async {
        let times = "jsonpath={.spec.acquireTime} {.spec.renewTime}";
        loop {
            let lease = lab.kubectl(&["get", "lease/todo.clu-lock", "--ignore-not-found", "-o", times]).await;
            if lease.split_once(' ').is_some_and(|(acquired, renewed)| acquired != renewed) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(unlock(target).await.unwrap().is_some());
    };
    let (ended, ()) = tokio::join!(scope(run, target, work), taken_away);
    let fault = ended.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Locked);
    remove(&lab.run, &lab.target, &PURGE).await.unwrap();
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_webhook_is_switched_on_when_its_pods_answer() {
    let mut lab = Lab::new("clu-hook").await;
    let service = object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 443}]}}));
    let hook = object(json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "clu-hook"},
        "webhooks": [{"name": "hook.clu.example", "failurePolicy": "Ignore", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "clu-hook"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["podtemplates"], "operations": ["CREATE"]}],
            "clientConfig": {"service": {"name": "web", "namespace": "clu-hook", "path": "/"}}}]}));
    let said = lab.up(&[hook, service, deployment("busybox", 1)]).await;
    assert_eq!(said.last().unwrap(), "Created ValidatingWebhookConfiguration/clu-hook");
    assert!(waited_for(&mut lab, "until Service/web has endpoints"));
    let ready = lab.kubectl(&["get", "deployment/web", "-o", "jsonpath={.status.readyReplicas}"]).await;
    assert_eq!(ready, "1");
    let removed = remove(&lab.run, &lab.target, &PURGE).await.unwrap();
    assert_eq!(removed.removed[0].to_string(), "ValidatingWebhookConfiguration/clu-hook");
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn somebody_elses_broken_api_service_stops_nobody() {
    let lab = Lab::new("clu-broken").await;
    // Kubernetes itself deletes no namespace while an API of the cluster does not answer; this one was not created by
    // todo, so it is not deleted.
    lab.kubectl(&["create", "namespace", "clu-broken"]).await;
    let broken = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let api = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1.broken.clu.example"},
        "spec": {"group": "broken.clu.example", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"name": "nobody", "namespace": "clu-broken"}}});
    std::fs::write(broken.path(), api.to_string()).unwrap();
    lab.kubectl(&["apply", "-f", broken.path().to_str().unwrap()]).await;
    let crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "cats.broken-clu.example"},
        "spec": {"group": "broken-clu.example", "scope": "Namespaced", "names": {"kind": "Cat", "plural": "cats"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}));
    let cat =
        object(json!({"apiVersion": "broken-clu.example/v1", "kind": "Cat", "metadata": {"name": "tom"}}));
    let set = [crd, cat.clone(), config("a", json!({}))];
    let tried = async {
        assert_eq!(lab.try_up(&set, ApplyOptions::default()).await?.len(), 3);
        // The kind is looked up now, no longer defined by the set.
        let plan =
            compare(&lab.run, &lab.target, vec![cat, config("a", json!({}))], &ApplyOptions::default())
                .await?;
        assert_eq!(plan.refused.len(), 0);
        assert_eq!(lab.try_up(&set, ApplyOptions::default()).await?, Vec::<String>::new());
        remove(&lab.run, &lab.target, &PURGE).await
    };
    let removed = tried.await;
    lab.kubectl(&["delete", "apiservice/v1.broken.clu.example"]).await;
    lab.kubectl(&["delete", "namespace", "clu-broken", "--wait=false"]).await;
    assert_eq!(removed.unwrap().removed.len(), 3);
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_large_revision_is_kept_in_parts_by_a_real_server_too() {
    let lab = Lab::new("clu-large").await;
    lab.up(&large(1)).await;
    lab.up(&large(2)).await;
    let seen = history(&lab.run, &lab.target).await.unwrap();
    assert_eq!(seen.iter().map(|item| item.number).collect::<Vec<_>>(), [2, 1]);
    let secrets = lab.kubectl(&["get", "secrets", "-l", "todo.dev/revision-of", "-o", "name"]).await;
    assert_eq!(secrets.lines().count(), 4, "{secrets}");
    let Earlier { number, objects: before, .. } = earlier(&lab.run, &lab.target, None).await.unwrap();
    assert_eq!((number, &before[0].value["data"]), (1, &large(1)[0].value["data"]));
    remove(&lab.run, &lab.target, &PURGE).await.unwrap();
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn what_others_depend_on_has_come_to_its_end_before_they_are_written() {
    let lab = Lab::new("clu-order").await;
    let job =
        object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "m", "image": "busybox", "command": ["sleep", "3"]}]}}}}));
    let mut web = deployment("busybox", 1);
    web.value["metadata"]["annotations"]["todo.dev/depends-on"] = json!("Job/migrate");
    let said = lab.up(&[web, job]).await;
    assert_eq!(said, ["Created Job/migrate", "Created Deployment/web"]);
    let ended = lab.kubectl(&["get", "job/migrate", "-o", "jsonpath={.status.completionTime}"]).await;
    let made = lab.kubectl(&["get", "deployment/web", "-o", "jsonpath={.metadata.creationTimestamp}"]).await;
    assert!(!ended.is_empty() && ended <= made, "{ended} {made}");
    remove(&lab.run, &lab.target, &PURGE).await.unwrap();
}
