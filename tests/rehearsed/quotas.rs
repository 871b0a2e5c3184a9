//! ResourceQuotas of a run, and of before it.

use super::kinds::OPEN;
use super::kinds::stage;
use serde_json::json;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_quota_of_the_same_run_counts_before_the_first_pod() {
    let quota =
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: none }\nspec: { hard: { pods: \"0\" } }\n";
    let stage = stage(&format!("{OPEN}---\n{quota}")).await;
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 50, "{told:#?}");
    assert!(told.report.contains("error[quota-exceeded]"), "{told:#?}");
    assert!(
        stage.cluster.objects().keys().all(|key| !key.starts_with("Pod ")),
        "{:#?}",
        stage.cluster.objects()
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_before_is_no_reason_any_more_when_the_quota_is_gone() {
    let stage = stage(OPEN).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    let quota = json!({"metadata": {"name": "none", "namespace": "kinds"}, "spec": {"hard": {"pods": "0"}},
        "status": {"hard": {"pods": "0"}}});
    stage.cluster.api().put("api/v1/resourcequotas", quota);
    stage.write("manifests/all.yaml", &OPEN.replace("nginx:1", "nginx:2"));
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 50, "{told:#?}");
    assert!(told.report.contains("ResourceQuota `none`") && told.took < Duration::from_secs(15), "{told:#?}");

    stage.cluster.api().take("api/v1/resourcequotas", "kinds", "none");
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 0, "{told:#?}");
}
