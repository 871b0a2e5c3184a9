//! The way back to a revision that ran well, against the API server in this process.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::harness::Harness;
use crate::cluster::shared::config;
use crate::cluster::shared::ended;
use crate::cluster::shared::object;
use serde_json::json;
use todo::cluster::ApplyOptions;
use todo::cluster::apply;
use todo::cluster::revision;
use todo::manifest::Object;

/// A setting, a claim that grows with it, and a Job.
fn set(n: u32) -> Vec<Object> {
    vec![
        config("settings", json!({"n": n.to_string()})),
        object(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": format!("{n}Mi")}}}})),
        object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {
            "template": {"spec": {"restartPolicy": "Never",
                "containers": [{"name": "m", "image": "migrate:1"}]}}}})),
    ]
}

async fn back(harness: &Harness, number: Option<u64>) -> Vec<String> {
    let earlier = revision::earlier(&harness.run, &harness.target, number).await.unwrap();
    let mut applied = apply(&harness.run, &harness.target, earlier.objects.clone(), &ApplyOptions::default())
        .await
        .unwrap();
    applied.left = earlier.left;
    ended(&harness.run, &harness.target, applied).await.unwrap()
}

async fn revisions(harness: &Harness) -> Vec<(u64, usize)> {
    let history = revision::history(&harness.run, &harness.target).await.unwrap();
    history.iter().map(|revision| (revision.number, revision.objects)).collect()
}

#[tokio::test]
async fn only_the_last_ten_are_kept_and_one_that_is_gone_is_said() {
    let harness = Harness::new().await;
    for n in 1..=12 {
        harness.up(&[config("a", json!({"n": n.to_string()}))]).await;
    }
    let numbers: Vec<u64> = revisions(&harness).await.into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    let earlier = revision::earlier(&harness.run, &harness.target, None).await.unwrap();
    assert_eq!((earlier.number, &earlier.objects[0].value["data"]), (11, &json!({"n": "11"})));
    assert_eq!(back(&harness, None).await, ["Changed ConfigMap/a"]);
    assert!(revision::earlier(&harness.run, &harness.target, Some(1)).await.is_err());
}

#[tokio::test]
async fn claims_and_jobs_stay_as_they_are_and_nothing_is_said_of_them() {
    let harness = Harness::new().await;
    harness.up(&set(1)).await;
    harness.up(&set(2)).await;
    assert_eq!(back(&harness, None).await, ["Changed ConfigMap/settings"]);
    let claim = harness.api.get("api/v1/persistentvolumeclaims", "shop", "data").unwrap();
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Mi");
    assert!(harness.api.get("apis/batch/v1/jobs", "shop", "migrate").is_some());
    assert_eq!(
        revisions(&harness).await,
        [(3, 3), (2, 3), (1, 3)],
        "what was left alone still belongs to it"
    );
    assert_eq!(back(&harness, Some(3)).await, [""; 0]);
}

#[tokio::test]
async fn after_a_failed_run_the_last_good_one_comes_back_and_is_no_new_revision() {
    let harness = Harness::new().await;
    harness.up(&set(1)).await;
    let mut failed = set(2);
    failed.push(config("new", json!({"n": "2"})));
    apply(&harness.run, &harness.target, failed.clone(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(back(&harness, Some(1)).await, ["Changed ConfigMap/settings", "Pruned ConfigMap/new"]);
    assert_eq!(revisions(&harness).await, [(1, 3)]);
}
