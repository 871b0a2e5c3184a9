//! Rollouts against an API server with scripted answers, on a paused clock.

mod status;

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::fake_api::FakeApi;
use crate::cluster::rollout::Limits;
use crate::cluster::rollout::outcome::RolloutOutcome;
use crate::cluster::rollout::rollout;
use crate::cluster::status::status;
use crate::cluster::target::Target;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Place;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::manifest::Object;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use crate::project::origin::Origin;
use crate::run::Run;
use crate::signal::CancelHandle;
use crate::world::World;
use health::status::Health;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/todo/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/todo/replicasets";
const PODS: &str = "/api/v1/namespaces/todo/pods";

struct Harness {
    api: FakeApi,
    target: Target,
    run: Run,
    events: mpsc::UnboundedReceiver<Event>,
    asker: CancelHandle,
}

fn harness() -> Harness {
    let (api, client) = FakeApi::start();
    let folder = std::env::temp_dir();
    let (run, events, asker) = Run::fake(World::fake(&folder, [("", ""); 0]));
    let target = Target {
        client,
        namespace: Namespace::parse("todo").unwrap(),
        project: ProjectName::parse("todo").unwrap(),
        origin: Arc::new(Origin::locate(&run.world, &folder.join("deploy.toml"))),
        clock: run.world.clock.clone(),
        lock: Arc::default(),
        profile: None,
    };
    Harness { api, target, run, events, asker }
}

impl Harness {
    fn start(
        &self,
        applied: Applied,
        limits: Limits,
    ) -> tokio::task::JoinHandle<Result<RolloutOutcome, Fault>> {
        let (run, target) = (self.run.clone(), self.target.clone());
        tokio::spawn(async move {
            run.or_stopped(rollout(&run, &target, &applied.objects, &limits, async {})).await
        })
    }

    fn waits_for(&mut self, what: &str) -> bool {
        self.events().iter().any(|kind| matches!(kind, EventKind::Waiting { why, .. } if why.contains(what)))
    }

    fn events(&mut self) -> Vec<EventKind> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.kind).collect()
    }
}

fn deployment(generation: i64, observed: i64, ready: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "todo", "uid": "d", "generation": generation, "resourceVersion": "5",
                     "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        "status": {"observedGeneration": observed, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready,
                   "availableReplicas": ready, "conditions": [{"type": "Available", "status": if ready > 0 {"True"} else {"False"}}]},
    })
}

fn replica_set() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
           "metadata": {"name": "web-1", "namespace": "todo", "uid": "rs", "resourceVersion": "5",
                        "annotations": {"deployment.kubernetes.io/revision": "1"},
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true, "uid": "d"}]}})
}

fn pod(run: i64, state: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "web-1-a", "namespace": "todo", "uid": "p", "resourceVersion": "5",
                        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": true, "uid": "rs"}]},
           "spec": {"nodeName": "node", "containers": [{"name": "web", "image": "web:1"}]},
           "status": {"phase": "Running", "containerStatuses": [
               {"name": "web", "image": "web:1", "ready": false, "restartCount": run - 1, "state": state}]}})
}

fn applied(outcome: Outcome) -> Applied {
    let mut object = Object::made(deployment(2, 2, 0), Place::file("web.yaml"));
    let place = Place { file: "web.yaml".into(), line: 12, column: 9 };
    object.places.insert("/spec/template/spec/containers/0".to_owned(), place);
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let object = AppliedObject {
        id: object.id(),
        resource,
        uid: "d".to_owned(),
        generation: Some(2),
        outcome,
        object,
        before: None,
        after: Value::Null.into(),
        body: Value::Null.into(),
        recorded: false,
    };
    Applied { objects: vec![object], ..Applied::default() }
}

#[tokio::test(start_paused = true)]
async fn an_untouched_set_that_was_read_as_healthy_is_asked_for_its_pods_alone() {
    let mut harness = harness();
    let mut read = applied(Outcome::Unchanged);
    read.objects[0].after = deployment(2, 2, 1).into();
    let began = Instant::now();
    let rolled = harness.start(read, Limits::default()).await.unwrap().unwrap();
    assert_eq!(harness.api.requests(), [format!("GET {PODS}")]);
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert_eq!(rolled.healths[0].health, Health::Ready);
    let events = harness.events();
    assert!(
        matches!(events.last(), Some(EventKind::StepFinished { outcome: Outcome::Unchanged, .. })),
        "{events:?}"
    );
}

/// Its container has started again this many seconds ago, after a run of two seconds that failed.
fn restarted(seconds: i64) -> Value {
    let ago = |seconds: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string();
    let mut pod = pod(5, &json!({"running": {"startedAt": ago(seconds)}}));
    let status = &mut pod["status"];
    status["containerStatuses"][0]["ready"] = json!(true);
    status["containerStatuses"][0]["lastState"] = json!({"terminated": {"exitCode": 3, "reason": "Error",
        "containerID": "four", "startedAt": ago(seconds + 13), "finishedAt": ago(seconds + 11)}});
    status["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    pod
}

#[tokio::test(start_paused = true)]
async fn an_untouched_set_that_crashes_in_between_is_not_healthy() {
    let harness = harness();
    let mut read = applied(Outcome::Unchanged);
    read.objects[0].after = deployment(2, 2, 1).into();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    harness.api.put(SETS, replica_set());
    harness.api.put(PODS, restarted(4));
    harness.api.log("web-1-a", "no database\n");
    let rolling = harness.start(read, Limits::default());
    harness.api.watched(PODS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!rolling.is_finished());
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    harness
        .api
        .put(PODS, pod(5, &json!({"terminated": {"exitCode": 3, "reason": "Error", "containerID": "five"}})));
    let fault = rolling.await.unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Rollout);
    assert_eq!(fault.findings[0].subject.as_deref(), Some("Deployment/web"));
    assert_eq!(fault.findings[0].evidence, ["no database"]);
}

#[tokio::test(start_paused = true)]
async fn an_untouched_set_that_crashed_and_stays_up_is_healthy_in_the_end() {
    for (ago, watches) in [(4, true), (3600, false)] {
        let harness = harness();
        let mut read = applied(Outcome::Unchanged);
        read.objects[0].after = deployment(2, 2, 1).into();
        harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
        harness.api.put(SETS, replica_set());
        harness.api.put(PODS, restarted(ago));
        let began = Instant::now();
        let rolled = harness.start(read, Limits::default()).await.unwrap().unwrap();
        assert_eq!(rolled.healths[0].health, Health::Ready);
        let took = began.elapsed().as_secs();
        assert_eq!(took >= 5, watches, "{took}");
        assert!(took < 8, "{took}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_agrees_with_up_about_what_crashed_a_moment_ago() {
    for (ago, health) in [(4, Health::Progressing), (3600, Health::Ready)] {
        let harness = harness();
        harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
        harness.api.put(SETS, replica_set());
        harness.api.put(PODS, restarted(ago));
        let there = applied(Outcome::Unchanged).objects.remove(0);
        let statuses = status(&harness.target, &[(there.id, there.resource)]).await.unwrap();
        assert_eq!(statuses[0].health, health, "{ago} s ago");
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_generation_before_is_not_believed() {
    let mut harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 1, 1));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!rolling.is_finished());
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    rolling.await.unwrap().unwrap();
    let events = harness.events();
    let finished = |kind: &EventKind| matches!(kind, EventKind::ItemFinished { item, outcome: Outcome::Ready, .. } if item == "Deployment/web");
    assert_eq!(events.iter().filter(|kind| finished(kind)).count(), 1, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_told_with_its_place_and_its_last_lines() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    harness.api.put(SETS, replica_set());
    harness
        .api
        .put(PODS, pod(1, &json!({"terminated": {"exitCode": 1, "reason": "Error", "containerID": "one"}})));
    harness.api.log("web-1-a", "Traceback\nSyntaxError: invalid syntax\n");
    let began = Instant::now();
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(PODS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    harness
        .api
        .put(PODS, pod(2, &json!({"terminated": {"exitCode": 1, "reason": "Error", "containerID": "two"}})));
    let fault = rolling.await.unwrap().unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!((fault.kind, fault.findings.len()), (FaultKind::Rollout, 1));
    let finding = &fault.findings[0];
    assert_eq!(finding.subject.as_deref(), Some("Deployment/web"));
    assert_eq!(finding.message, "container `web` exited with code 1, twice so far");
    assert_eq!(finding.place.as_ref().unwrap().to_string(), "web.yaml:12:9");
    assert_eq!(finding.evidence, ["Traceback", "SyntaxError: invalid syntax"]);
}

#[tokio::test(start_paused = true)]
async fn after_410_gone_the_list_is_read_again() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    harness.api.put_silently(DEPLOYMENTS, deployment(2, 2, 1));
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version", "status": "Failure"});
    harness.api.send_event(DEPLOYMENTS, &json!({"type": "ERROR", "object": gone}));
    rolling.await.unwrap().unwrap();
    let lists =
        harness.api.requests().iter().filter(|request| **request == format!("GET {DEPLOYMENTS}")).count();
    assert_eq!(lists, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_reset_is_made_again_and_said() {
    let mut harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    harness.api.reset(DEPLOYMENTS);
    harness.api.watched(DEPLOYMENTS).await;
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    rolling.await.unwrap().unwrap();
    assert!(harness.waits_for("does not answer"), "it is told");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_restarts_is_waited_for_and_what_it_did_not_tell_is_read() {
    let mut harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    harness.api.stumble(DEPLOYMENTS, &[503, 503, 503]);
    harness.api.put_silently(DEPLOYMENTS, deployment(2, 2, 1));
    harness.api.close();
    // The restarted watch missed the events meanwhile: the server answers 410 to its old version.
    harness.api.watched(DEPLOYMENTS).await;
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version", "status": "Failure"});
    harness.api.send_event(DEPLOYMENTS, &json!({"type": "ERROR", "object": gone}));
    rolling.await.unwrap().unwrap();
    assert!(harness.waits_for("does not answer"), "it is told");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_asks_to_wait_is_waited_for() {
    let mut harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    harness.api.stumble(DEPLOYMENTS, &[429, 429]);
    harness.start(applied(Outcome::Changed), Limits::default()).await.unwrap().unwrap();
    assert!(harness.waits_for("TooManyRequests"), "it is told");
}

#[tokio::test(start_paused = true)]
async fn a_slow_api_server_is_no_failed_rollout() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    for path in [DEPLOYMENTS, SETS, PODS] {
        harness.api.slow_down(path, Duration::from_secs(25));
    }
    let rolled = harness.start(applied(Outcome::Changed), Limits::default()).await.unwrap().unwrap();
    assert_eq!(rolled.healths[0].health, Health::Ready);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_watched_is_asked_for_by_name() {
    let mut harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    harness.api.refuse(DEPLOYMENTS);
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    tokio::time::sleep(Duration::from_secs(5)).await;
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 1));
    rolling.await.unwrap().unwrap();
    assert!(harness.api.requests().contains(&format!("GET {DEPLOYMENTS}/web")));
    let warned = harness.events().iter().filter(|kind| matches!(kind, EventKind::Warned { .. })).count();
    assert_eq!(warned, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_meanwhile_fails() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    harness.api.send_event(DEPLOYMENTS, &json!({"type": "DELETED", "object": deployment(2, 2, 0)}));
    let fault = rolling.await.unwrap().unwrap_err();
    assert_eq!(fault.findings[0].message, "another client deleted it after it was applied");
}

#[tokio::test(start_paused = true)]
async fn standstill_ends_the_wait_after_its_limit_and_names_what_is_missing() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let began = Instant::now();
    let fault = harness.start(applied(Outcome::Changed), Limits::default()).await.unwrap().unwrap_err();
    let took = began.elapsed().as_secs();
    assert!((300..303).contains(&took), "{took}");
    assert_eq!(fault.causes(), ["nothing has changed for 5 min"]);
    assert_eq!(fault.findings[0].message, "0 of 1 pod ready");
    assert_eq!(fault.hints.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_user_can_stop_the_wait() {
    let harness = harness();
    harness.api.put(DEPLOYMENTS, deployment(2, 2, 0));
    let rolling = harness.start(applied(Outcome::Changed), Limits::default());
    harness.api.watched(DEPLOYMENTS).await;
    harness.asker.cancel(FaultKind::Interrupted);
    assert_eq!(rolling.await.unwrap().unwrap_err().kind, FaultKind::Interrupted);
}
