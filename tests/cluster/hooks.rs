//! Helm's hooks against an API server in this process, where each Job ends according to its name.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use serde_json::Value;
use serde_json::json;
use simulator::api::Api;
use simulator::serve::kubeconfig;
use simulator::serve::serve;
use std::sync::Arc;
use std::time::Duration;
use todo::cluster::Limits;
use todo::cluster::Target;
use todo::cluster::hook;
use todo::cluster::release;
use todo::cluster::release::ReleaseEntry;
use todo::event::Place;
use todo::event::Sink;
use todo::fault::Fault;
use todo::fault::FaultKind;
use todo::manifest::Object;
use todo::manifest::hook::Hook;
use todo::manifest::hook::Moment;
use todo::project::name::Namespace;
use todo::project::name::ProjectName;
use todo::project::origin::Origin;
use todo::run::Run;
use todo::signal::Cancel;
use todo::signal::CancelHandle;
use todo::world::World;

const JOBS: &str = "apis/batch/v1/jobs";
const CONFIGS: &str = "api/v1/configmaps";

struct Harness {
    api: Api,
    run: Run,
    target: Target,
    _asker: CancelHandle,
}

impl Harness {
    async fn new() -> Harness {
        let api = Api::new();
        let address = serve(api.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig("mini", address)).unwrap();
        let (sink, _) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let world = World::fake(folder.path(), [("USER", "kim"), ("HOSTNAME", "box")]);
        let run = Run::new(sink, cancel, world);
        let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
        let origin = Arc::new(Origin::locate(&run.world, &folder.path().join("deploy.toml")));
        let target = Target::connect(&run, &file, "mini", namespace, project, origin).await.unwrap();
        api.put("api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
        tokio::spawn(end_jobs(api.clone()));
        Harness { api, run, target, _asker: asker }
    }

    async fn hooks(&self, hooks: &[Hook]) -> Result<(), Fault> {
        let limits = Limits {
            no_progress: Duration::from_secs(20),
            patience: 0.0,
            stable_for: Duration::ZERO,
            ..Limits::default()
        };
        let hooks: Vec<&Hook> = hooks.iter().collect();
        hook::run_all(&self.run, &self.target, "web", Moment::PreInstall, &hooks, &limits).await
    }

    fn uid(&self, collection: &str, name: &str) -> Option<String> {
        Some(self.api.get(collection, "shop", name)?["metadata"]["uid"].as_str()?.to_owned())
    }
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
    let harness = Harness::new().await;
    let hooks = [
        hook("ConfigMap", "settings", ""),
        hook("Job", "migrate", ""),
        hook("Job", "tidy", "before-hook-creation,hook-succeeded"),
    ];
    harness.hooks(&hooks).await.unwrap();
    let first = (harness.uid(CONFIGS, "settings").unwrap(), harness.uid(JOBS, "migrate").unwrap());
    assert_eq!(harness.uid(JOBS, "tidy"), None, "it has succeeded");
    let labels = &harness.api.get(JOBS, "shop", "migrate").unwrap()["metadata"]["labels"];
    assert!(
        labels["todo.dev/hook-of"].is_string() && labels["applyset.kubernetes.io/part-of"].is_null(),
        "{labels}"
    );

    harness.hooks(&hooks).await.unwrap();
    assert_ne!(harness.uid(CONFIGS, "settings").unwrap(), first.0);
    assert_ne!(harness.uid(JOBS, "migrate").unwrap(), first.1);

    let entries =
        hook::entries(&harness.run, &harness.target, &hooks.iter().collect::<Vec<_>>()).await.unwrap();
    hook::sweep(&harness.run, &harness.target, &entries, false).await.unwrap();
    assert_eq!((harness.uid(CONFIGS, "settings"), harness.uid(JOBS, "migrate")), (None, None));
}

#[tokio::test]
async fn a_hook_that_fails_ends_the_run_and_the_next_one_does_not_start() {
    let harness = Harness::new().await;
    let fault = harness.hooks(&[hook("Job", "bad", ""), hook("Job", "never", "")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Rollout);
    assert_eq!(
        fault.causes()[0],
        "the pre-install hook `Job/bad` of the release `web` failed, and nothing of the release was applied"
    );
    assert!(fault.hints[0].contains("--no-hooks"), "{:?}", fault.hints);
    assert_eq!(fault.findings[0].place.as_ref().unwrap().to_string(), "chart/templates/hook.yaml");
    assert!(harness.uid(JOBS, "bad").is_some() && harness.uid(JOBS, "never").is_none());
    harness.hooks(&[hook("Job", "bad", "before-hook-creation,hook-failed")]).await.unwrap_err();
    assert!(harness.uid(JOBS, "bad").is_none());
}

#[tokio::test]
async fn somebody_elses_object_of_that_name_is_left_alone_unless_the_policy_says_otherwise() {
    let harness = Harness::new().await;
    let theirs = harness.api.put(JOBS, json!({"metadata": {"name": "migrate", "namespace": "shop"}}));
    let fault = harness.hooks(&[hook("Job", "migrate", "hook-succeeded")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Apply);
    assert_eq!(harness.uid(JOBS, "migrate").as_deref(), theirs["metadata"]["uid"].as_str());
    harness.hooks(&[hook("Job", "migrate", "before-hook-creation")]).await.unwrap();
    assert_ne!(harness.uid(JOBS, "migrate").as_deref(), theirs["metadata"]["uid"].as_str());
}

#[tokio::test]
async fn the_record_of_releases_is_written_read_and_removed() {
    let harness = Harness::new().await;
    let mut record = release::load(&harness.run, &harness.target).await.unwrap();
    assert!(record.releases.is_empty());
    let deployed = ReleaseEntry { name: "web".to_owned(), installed: true, ..ReleaseEntry::default() };
    record.releases.insert("shop/web".to_owned(), deployed);
    release::write(&harness.run, &harness.target, &record).await.unwrap();
    assert_eq!(release::load(&harness.run, &harness.target).await.unwrap(), record);
    record.releases.clear();
    release::write(&harness.run, &harness.target, &record).await.unwrap();
    assert_eq!(harness.uid("api/v1/secrets", "todo.shop.releases"), None);
}
