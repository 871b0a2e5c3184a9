//! A variable that has a value and takes one from a ConfigMap.

use super::kinds::get;
use super::kinds::harness;
use super::kinds::patched;
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
    let harness = harness(SETTINGS).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let container = json!({"name": "web", "image": "nginx:1", "env": [{"name": "LEVEL", "value": "debug"}]});
    patched(&harness, "kubectl-set", json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 40, "{output:#?}");
    for part in ["kubectl-set", "--force-conflicts", "kubectl -n kinds set env deployment/web LEVEL-"] {
        assert!(output.report.contains(part), "{part}: {}", output.report);
    }
    assert!(!output.report.contains("correct it in the manifest"), "{}", output.report);

    let output = harness.todo(&["up", "--force-conflicts"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let web = get(&harness, "apis/apps/v1/deployments", "web");
    let variable = &web["spec"]["template"]["spec"]["containers"][0]["env"][0];
    assert_eq!((&variable["value"], variable["valueFrom"].is_object()), (&Value::Null, true), "{variable}");
    let sets =
        harness.cluster.api().all().into_keys().filter(|key| key.contains("/replicasets kinds/")).count();
    assert_eq!(sets, 2, "the pods are replaced once for each change: {}", output.report);
    let output = harness.todo(&["up"]).await;
    assert_eq!((output.code, output.report.as_str()), (0, ""), "{output:#?}");
    let without = SETTINGS.replace(
        "          env: [{ name: LEVEL, valueFrom: { configMapKeyRef: { name: settings, key: level } } }]\n",
        "",
    );
    harness.write("manifests/all.yaml", &without);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let web = get(&harness, "apis/apps/v1/deployments", "web");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"][0]["env"],
        Value::Null,
        "nobody else keeps it: {web:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_says_both_is_itself_at_fault() {
    let both = SETTINGS.replace("{ name: LEVEL, valueFrom", "{ name: LEVEL, value: debug, valueFrom");
    let harness = harness(SETTINGS).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    harness.write("manifests/all.yaml", &both);
    for arguments in [&["up"] as &[&str], &["up", "--force-conflicts"]] {
        let output = harness.todo(arguments).await;
        assert_eq!(output.code, 40, "{output:#?}");
        assert!(output.report.contains("may not be specified"), "{}", output.report);
        assert!(output.report.contains("correct it in the manifest"), "{}", output.report);
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_that_no_longer_fits_the_manifest_goes_unasked() {
    let harness = harness(SETTINGS).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let recreate = SETTINGS.replace(
        "metadata: { name: web }\nspec:",
        "metadata: { name: web }\nspec:\n  strategy: { type: Recreate }",
    );
    harness.write("manifests/all.yaml", &recreate);
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let web = get(&harness, "apis/apps/v1/deployments", "web");
    assert_eq!(web["spec"]["strategy"], json!({"type": "Recreate"}));
    assert_eq!(harness.todo(&["up"]).await.code, 0);
}
