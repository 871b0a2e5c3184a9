//! A variable that has a value and takes one from a ConfigMap.

use super::kinds::get;
use super::kinds::patched;
use super::kinds::stage;
use serde_json::Value;
use serde_json::json;

/// A Deployment that takes a variable from a ConfigMap.
const SETTINGS: &str = r"apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { level: info }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: nginx:1
          env: [{ name: LEVEL, valueFrom: { configMapKeyRef: { name: settings, key: level } } }]
";

#[tokio::test(start_paused = true)]
async fn a_value_that_somebody_has_set_beside_our_value_from_is_told_and_given_up_only_on_request() {
    let stage = stage(SETTINGS).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    let container = json!({"name": "web", "image": "nginx:1", "env": [{"name": "LEVEL", "value": "debug"}]});
    patched(&stage, "kubectl-set", json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 40, "{told:#?}");
    for part in ["kubectl-set", "--force-conflicts", "kubectl -n kinds set env deployment/web LEVEL-"] {
        assert!(told.report.contains(part), "{part}: {}", told.report);
    }
    assert!(!told.report.contains("correct it in the manifest"), "{}", told.report);

    let told = stage.todo(&["up", "--force-conflicts"]).await;
    assert_eq!(told.code, 0, "{told:#?}");
    let web = get(&stage, "apis/apps/v1/deployments", "web");
    let variable = &web["spec"]["template"]["spec"]["containers"][0]["env"][0];
    assert_eq!((&variable["value"], variable["valueFrom"].is_object()), (&Value::Null, true), "{variable}");
    let sets =
        stage.cluster.api().all().into_keys().filter(|key| key.contains("/replicasets kinds/")).count();
    assert_eq!(sets, 2, "the pods are replaced once for each change: {}", told.report);
    let told = stage.todo(&["up"]).await;
    assert_eq!((told.code, told.report.as_str()), (0, ""), "{told:#?}");
    let without = SETTINGS.replace(
        "          env: [{ name: LEVEL, valueFrom: { configMapKeyRef: { name: settings, key: level } } }]\n",
        "",
    );
    stage.write("manifests/all.yaml", &without);
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    let web = get(&stage, "apis/apps/v1/deployments", "web");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"][0]["env"],
        Value::Null,
        "nobody else keeps it: {web:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_says_both_is_itself_at_fault() {
    let both = SETTINGS.replace("{ name: LEVEL, valueFrom", "{ name: LEVEL, value: debug, valueFrom");
    let stage = stage(SETTINGS).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    stage.write("manifests/all.yaml", &both);
    for arguments in [&["up"] as &[&str], &["up", "--force-conflicts"]] {
        let told = stage.todo(arguments).await;
        assert_eq!(told.code, 40, "{told:#?}");
        assert!(told.report.contains("may not be specified"), "{}", told.report);
        assert!(told.report.contains("correct it in the manifest"), "{}", told.report);
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_that_no_longer_fits_the_manifest_goes_unasked() {
    let stage = stage(SETTINGS).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    let recreate = SETTINGS.replace(
        "metadata: { name: web }\nspec:",
        "metadata: { name: web }\nspec:\n  strategy: { type: Recreate }",
    );
    stage.write("manifests/all.yaml", &recreate);
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 0, "{told:#?}");
    let web = get(&stage, "apis/apps/v1/deployments", "web");
    assert_eq!(web["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(stage.todo(&["up"]).await.code, 0);
}
