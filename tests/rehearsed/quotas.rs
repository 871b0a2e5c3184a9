//! ResourceQuotas of a run, and of before it.

use super::kinds::OPEN;
use super::kinds::harness;
use serde_json::json;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_quota_of_the_same_run_counts_before_the_first_pod() {
    let quota =
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: none }\nspec: { hard: { pods: \"0\" } }\n";
    let harness = harness(&format!("{OPEN}---\n{quota}")).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 50, "{output:#?}");
    assert!(output.report.contains("error[quota-exceeded]"), "{output:#?}");
    assert!(
        harness.cluster.objects().keys().all(|key| !key.starts_with("Pod ")),
        "{:#?}",
        harness.cluster.objects()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_before_is_no_reason_any_more_when_the_quota_is_gone() {
    let harness = harness(OPEN).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let quota = json!({"metadata": {"name": "none", "namespace": "kinds"}, "spec": {"hard": {"pods": "0"}},
        "status": {"hard": {"pods": "0"}}});
    harness.cluster.api().put("api/v1/resourcequotas", quota);
    harness.write("manifests/all.yaml", &OPEN.replace("nginx:1", "nginx:2"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 50, "{output:#?}");
    assert!(
        output.report.contains("ResourceQuota `none`") && output.took < Duration::from_secs(15),
        "{output:#?}"
    );

    harness.cluster.api().take("api/v1/resourcequotas", "kinds", "none");
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
}
