//! Helm's hooks against an API server in this process, where each Job ends according to its name.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::harness::Harness;
use serde_json::Value;
use serde_json::json;
use simulator::api::Api;
use std::time::Duration;
use todo::cluster::Limits;
use todo::cluster::hook;
use todo::cluster::release;
use todo::cluster::release::ReleaseEntry;
use todo::event::Place;
use todo::fault::Fault;
use todo::fault::FaultKind;
use todo::manifest::Object;
use todo::manifest::hook::Hook;
use todo::manifest::hook::Moment;

const JOBS: &str = "apis/batch/v1/jobs";
const CONFIGS: &str = "api/v1/configmaps";

/// The shared harness, with its namespace and with the Job controller below.
async fn with_jobs() -> Harness {
    let harness = Harness::new().await;
    harness.api.put("api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
    tokio::spawn(end_jobs(harness.api.clone()));
    harness
}

async fn run_hooks(harness: &Harness, hooks: &[Hook]) -> Result<(), Fault> {
    let limits = Limits {
        no_progress: Duration::from_secs(20),
        patience: 0.0,
        stable_for: Duration::ZERO,
        ..Limits::default()
    };
    let hooks: Vec<&Hook> = hooks.iter().collect();
    hook::run_all(&harness.run, &harness.target, "web", Moment::PreInstall, &hooks, &limits).await
}

fn uid(harness: &Harness, collection: &str, name: &str) -> Option<String> {
    Some(harness.api.get(collection, "shop", name)?["metadata"]["uid"].as_str()?.to_owned())
}

/// The Job controller: a Job called `bad` fails, all others succeed.
async fn end_jobs(api: Api) {
    let mut news = api.news();
    loop {
        for key in api.all().into_keys() {
            let Some((JOBS, rest)) = key.split_once(' ') else { continue };
            let (namespace, name) = rest.split_once('/').unwrap();
            let Some(mut job) = api.get(JOBS, namespace, name) else { continue };
            if job["status"].is_null() {
                let (kind, succeeded) = if name == "bad" { ("Failed", 0) } else { ("Complete", 1) };
                job["status"] = json!({
                    "startTime": "2026-01-01T00:00:00Z", "succeeded": succeeded,
                    "conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"}],
                });
                api.put(JOBS, job);
            }
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

fn hook(kind: &str, name: &str, policy: &str) -> Hook {
    let version = if kind == "Job" { "batch/v1" } else { "v1" };
    let value: Value = json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "annotations": {
            "helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": policy}},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x:1"}]}}},
    });
    let mut object = Object::made(value, Place::file("chart/templates/hook.yaml"));
    if kind == "ConfigMap" {
        object.value.as_object_mut().unwrap().remove("spec");
    }
    Hook::from_object(&object).unwrap().unwrap()
}

#[tokio::test]
async fn a_hook_is_made_anew_each_time_and_goes_when_it_says_so() {
    let harness = with_jobs().await;
    let hooks = [
        hook("ConfigMap", "settings", ""),
        hook("Job", "migrate", ""),
        hook("Job", "tidy", "before-hook-creation,hook-succeeded"),
    ];
    run_hooks(&harness, &hooks).await.unwrap();
    let first = (uid(&harness, CONFIGS, "settings").unwrap(), uid(&harness, JOBS, "migrate").unwrap());
    assert_eq!(uid(&harness, JOBS, "tidy"), None, "it has succeeded");
    let labels = &harness.api.get(JOBS, "shop", "migrate").unwrap()["metadata"]["labels"];
    assert!(
        labels["todo.dev/hook-of"].is_string() && labels["applyset.kubernetes.io/part-of"].is_null(),
        "{labels}"
    );

    run_hooks(&harness, &hooks).await.unwrap();
    assert_ne!(uid(&harness, CONFIGS, "settings").unwrap(), first.0);
    assert_ne!(uid(&harness, JOBS, "migrate").unwrap(), first.1);

    let entries =
        hook::entries(&harness.run, &harness.target, &hooks.iter().collect::<Vec<_>>()).await.unwrap();
    hook::sweep(&harness.run, &harness.target, &entries, false).await.unwrap();
    assert_eq!((uid(&harness, CONFIGS, "settings"), uid(&harness, JOBS, "migrate")), (None, None));
}

#[tokio::test]
async fn a_hook_that_fails_ends_the_run_and_the_next_one_does_not_start() {
    let harness = with_jobs().await;
    let fault = run_hooks(&harness, &[hook("Job", "bad", ""), hook("Job", "never", "")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Rollout);
    assert_eq!(
        fault.causes()[0],
        "the pre-install hook `Job/bad` of the release `web` failed, and nothing of the release was applied"
    );
    assert!(fault.hints[0].contains("--no-hooks"), "{:?}", fault.hints);
    assert_eq!(fault.findings[0].place.as_ref().unwrap().to_string(), "chart/templates/hook.yaml");
    assert!(uid(&harness, JOBS, "bad").is_some() && uid(&harness, JOBS, "never").is_none());
    run_hooks(&harness, &[hook("Job", "bad", "before-hook-creation,hook-failed")]).await.unwrap_err();
    assert!(uid(&harness, JOBS, "bad").is_none());
}

#[tokio::test]
async fn somebody_elses_object_of_that_name_is_left_alone_unless_the_policy_says_otherwise() {
    let harness = with_jobs().await;
    let theirs = harness.api.put(JOBS, json!({"metadata": {"name": "migrate", "namespace": "shop"}}));
    let fault = run_hooks(&harness, &[hook("Job", "migrate", "hook-succeeded")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Apply);
    assert_eq!(uid(&harness, JOBS, "migrate").as_deref(), theirs["metadata"]["uid"].as_str());
    run_hooks(&harness, &[hook("Job", "migrate", "before-hook-creation")]).await.unwrap();
    assert_ne!(uid(&harness, JOBS, "migrate").as_deref(), theirs["metadata"]["uid"].as_str());
}

#[tokio::test]
async fn the_record_of_releases_is_written_read_and_removed() {
    let harness = with_jobs().await;
    let mut record = release::load(&harness.run, &harness.target).await.unwrap();
    assert!(record.releases.is_empty());
    let deployed = ReleaseEntry { name: "web".to_owned(), installed: true, ..ReleaseEntry::default() };
    record.releases.insert("shop/web".to_owned(), deployed);
    release::write(&harness.run, &harness.target, &record).await.unwrap();
    assert_eq!(release::load(&harness.run, &harness.target).await.unwrap(), record);
    record.releases.clear();
    release::write(&harness.run, &harness.target, &record).await.unwrap();
    assert_eq!(uid(&harness, "api/v1/secrets", "todo.shop.releases"), None);
}
