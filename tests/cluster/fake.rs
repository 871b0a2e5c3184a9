//! Writing against an API server in this process: what is sent, what is not, and what an interruption leaves.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::shared::config;
use crate::cluster::shared::object;
use crate::cluster::shared::written;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use todo::cluster::apply::ApplyOptions;
use todo::cluster::compare::Action;
use todo::cluster::compare::compare;
use todo::cluster::remove::RemoveOptions;
use todo::cluster::remove::remove;
use todo::cluster::remove::remove_but_grounds;
use todo::cluster::restart::restart;
use todo::cluster::settle::ours;
use todo::cluster::target::Target;
use todo::event::Event;
use todo::event::EventKind;
use todo::event::Sink;
use todo::fault::Fault;
use todo::fault::Kind;
use todo::manifest::Object;
use todo::project::name::Namespace;
use todo::project::name::ProjectName;
use todo::rehearsal::api::Api;
use todo::rehearsal::request::Answer;
use todo::rehearsal::request::failure;
use todo::rehearsal::serve::Body;
use todo::rehearsal::serve::kubeconfig;
use todo::rehearsal::serve::respond;
use todo::rehearsal::serve::serve;
use todo::run::Run;
use todo::signal::Asker;
use todo::signal::Cancel;
use todo::world::World;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

pub(crate) struct Stage {
    pub(crate) api: Api,
    pub(crate) run: Run,
    pub(crate) target: Target,
    events: UnboundedReceiver<Event>,
    _asker: Asker,
}

const CONFIGS: &str = "api/v1/configmaps";
const DEPLOYMENTS: &str = "apis/apps/v1/deployments";

impl Stage {
    pub(crate) async fn new() -> Stage {
        let api = Api::new();
        let address = serve(api.clone()).await.unwrap();
        Stage::at(api, address).await
    }

    /// A stage whose server is in reach without a socket, so that time may be made to pass.
    pub(super) async fn without_sockets() -> Stage {
        let mut stage = Stage::new().await;
        stage.target.client = direct(stage.api.clone());
        stage
    }

    /// A stage whose server is this one.
    pub(super) async fn at(api: Api, address: std::net::SocketAddr) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig("mini", address)).unwrap();
        let (sink, events) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let world = World::fake(folder.path(), [("USER", "kim"), ("HOSTNAME", "box")]);
        let run = Run { sink, cancel, world: Arc::new(world), verbose: false };
        let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
        let target = Target::connect(&run, &file, "mini", namespace, project).await.unwrap();
        Stage { api, run, target, events, _asker: asker }
    }

    pub(crate) async fn up(&self, objects: &[Object]) -> Vec<String> {
        self.try_up(objects, ApplyOptions::default()).await.unwrap_or_else(|fault| panic!("{fault:#?}"))
    }

    pub(super) async fn try_up(
        &self,
        objects: &[Object],
        options: ApplyOptions,
    ) -> Result<Vec<String>, Fault> {
        written(&self.run, &self.target, objects, options).await
    }

    pub(super) async fn down(&self, purge: bool) -> Vec<String> {
        let removed = remove(&self.run, &self.target, &RemoveOptions { purge }).await.unwrap();
        let gone = removed.removed.iter().map(|id| format!("Removed {id}"));
        gone.chain(removed.kept.iter().map(|(id, _)| format!("Kept {id}"))).collect()
    }

    /// The requests since the last time, as `GET path`; writes that are only asked for in brackets.
    pub(super) fn asked(&self) -> Vec<String> {
        let shown = self.api.asked().into_iter().map(|ask| {
            let line = format!("{} {}", ask.method, ask.path);
            if ask.query.contains_key("dryRun") { format!("({line})") } else { line }
        });
        shown.collect()
    }

    /// What carries the label of the project, as `Kind/name`.
    pub(super) fn labelled(&self) -> BTreeSet<String> {
        let all = self.api.all();
        let found = all.keys().filter_map(|key| {
            let (collection, rest) = key.split_once(' ')?;
            let (namespace, name) = rest.split_once('/')?;
            let object = self.api.get(collection, namespace, name)?;
            let label = &object["metadata"]["labels"]["applyset.kubernetes.io/part-of"];
            (!label.is_null()).then(|| format!("{}/{name}", object["kind"].as_str().unwrap_or_default()))
        });
        found.collect()
    }

    pub(super) fn waited_for(&mut self, words: &str) -> bool {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .any(|event| matches!(event.kind, EventKind::Waiting { why, .. } if why.contains(words)))
    }
}

/// A client whose requests are answered in this process.
fn direct(api: Api) -> kube::Client {
    let (service, mut handle) =
        tower_test::mock::pair::<http::Request<kube::client::Body>, http::Response<Body>>();
    tokio::spawn(async move {
        while let Some((request, answer)) = handle.next_request().await {
            let api = api.clone();
            tokio::spawn(async move {
                match respond(api, request).await {
                    Ok(response) => answer.send_response(response),
                    Err(error) => answer.send_error(error),
                }
            });
        }
    });
    kube::Client::new(service, "default")
}

pub(super) fn deployment(replicas: i64) -> Object {
    object(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}))
}

fn claim() -> Object {
    object(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"]}}))
}

pub(super) fn set() -> Vec<Object> {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"k": "v"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}});
    vec![config("settings", json!({"a": "1"})), object(secret), claim(), deployment(2), object(role)]
}

#[tokio::test]
async fn nothing_changed_is_a_list_a_kind_and_no_write() {
    let stage = Stage::new().await;
    assert_eq!(stage.up(&set()).await.len(), 5);
    let before = stage.api.all();
    let _ = stage.asked();
    assert_eq!(stage.up(&set()).await, Vec::<String>::new());
    let mut asked = stage.asked();
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
    assert_eq!(before, stage.api.all());
}

#[tokio::test]
async fn the_inventory_says_once_that_charts_came_even_where_nothing_else_is_to_be_written() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    let charts = ApplyOptions { charts: true, ..ApplyOptions::default() };
    let written = |stage: &Stage| {
        let asked = stage.asked();
        asked
            .into_iter()
            .filter(|line| line.ends_with("PUT /api/v1/namespaces/shop/secrets/todo.shop"))
            .count()
    };
    let _ = stage.asked();
    assert_eq!(stage.try_up(&set(), charts).await.unwrap(), Vec::<String>::new());
    assert!(written(&stage) > 0);
    assert_eq!(stage.try_up(&set(), charts).await.unwrap(), Vec::<String>::new());
    assert_eq!(stage.up(&set()).await, Vec::<String>::new(), "nor when they have gone");
    assert_eq!(written(&stage), 0);
}

#[tokio::test]
async fn what_controllers_write_is_no_difference_and_what_people_write_is() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    let mut web = stage.api.get(DEPLOYMENTS, "shop", "web").unwrap();
    web["status"] = json!({"readyReplicas": 2});
    web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
    stage.api.put(DEPLOYMENTS, web);
    let _ = stage.asked();
    assert_eq!(stage.up(&set()).await, Vec::<String>::new());
    assert!(!stage.asked().iter().any(|line| line.contains("PATCH")));

    let mut settings = stage.api.get(CONFIGS, "shop", "settings").unwrap();
    settings["data"]["a"] = json!("theirs");
    stage.api.put(CONFIGS, settings);
    assert_eq!(stage.up(&set()).await, ["Changed ConfigMap/settings"]);
    assert_eq!(stage.api.get(CONFIGS, "shop", "settings").unwrap()["data"], json!({"a": "1"}));
    assert_eq!(stage.up(&set()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_field_that_goes_from_the_manifest_goes_from_the_object() {
    let stage = Stage::new().await;
    stage.up(&[config("settings", json!({"a": "1", "b": "2"}))]).await;
    let only = [config("settings", json!({"a": "1"}))];
    let plan = compare(&stage.run, &stage.target, only.to_vec(), &ApplyOptions::default()).await.unwrap();
    assert_eq!(plan.differences[0].action, Action::Change);
    assert_eq!(plan.differences[0].fields[0].path, "data.b");
    assert_eq!(stage.up(&only).await, ["Changed ConfigMap/settings"]);
    assert_eq!(stage.api.get(CONFIGS, "shop", "settings").unwrap()["data"], json!({"a": "1"}));
}

/// Stops a run dead before its `cut`th write. Returns whether it came so far.
async fn interrupt(stage: &Stage, objects: &[Object], cut: usize) -> bool {
    let (writes, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, killer) = (Arc::clone(&writes), Arc::clone(&dead));
    stage.api.answer_with(move |ask| {
        if ask.writes() && counter.fetch_add(1, Ordering::SeqCst) >= cut {
            killer.notify_one();
            return Some(Answer::Hangup);
        }
        None
    });
    let done = tokio::select! {
        done = stage.try_up(objects, ApplyOptions::default()) => { done.unwrap(); true }
        () = dead.notified() => false,
    };
    stage.api.answer_with(|_| None);
    // A run that was killed leaves its lock, which expires; here it is not waited for.
    stage.api.take("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop");
    !done
}

#[tokio::test]
async fn wherever_a_run_is_interrupted_all_that_it_made_is_listed_and_the_next_run_ends_it() {
    let mut cuts = 0;
    for cut in 0.. {
        let stage = Stage::new().await;
        // There was something before: one object stays, one goes.
        stage.up(&[config("settings", json!({"a": "0"})), config("old", json!({}))]).await;
        let interrupted = interrupt(&stage, &set(), cut).await;
        let listed: BTreeSet<String> = ours(&stage.run, &stage.target)
            .await
            .unwrap()
            .unwrap()
            .entries
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        let labelled = stage.labelled();
        assert!(labelled.is_subset(&listed), "cut {cut}: {labelled:?} but listed {listed:?}");

        stage.up(&set()).await;
        let wanted: BTreeSet<String> = set().iter().map(|o| o.id().to_string()).collect();
        assert_eq!(stage.labelled(), wanted, "cut {cut}");
        let before = stage.api.all();
        assert_eq!(stage.up(&set()).await, Vec::<String>::new(), "cut {cut}");
        assert_eq!(before, stage.api.all(), "cut {cut}");
        stage.down(true).await;
        assert_eq!(stage.labelled(), BTreeSet::new(), "cut {cut}");
        cuts += 1;
        if !interrupted {
            break;
        }
    }
    assert!(cuts > 10, "{cuts}");
}

#[tokio::test]
async fn every_refusal_of_a_set_comes_at_once_with_its_place() {
    let stage = Stage::new().await;
    stage.api.answer_with(|ask| {
        let bad = ask.path.ends_with("/settings") || ask.path.ends_with("/web");
        (ask.method == "PATCH" && bad).then(|| {
            let causes =
                json!([{"reason": "FieldValueInvalid", "field": "data.a", "message": "Invalid value: no"}]);
            Answer::Json(422, failure(422, "Invalid", "is invalid", &causes))
        })
    });
    let fault = stage.try_up(&set(), ApplyOptions::default()).await.unwrap_err();
    assert_eq!((fault.kind, fault.findings.len()), (Kind::Apply, 2));
    assert!(fault.findings.iter().all(|f| f.place.is_some() && f.mend.is_some()));
    assert_eq!(stage.labelled(), BTreeSet::new());
}

#[tokio::test]
async fn a_controllers_field_stops_the_run_a_persons_is_taken_over() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    let edit = |manager: &str| {
        let ask = todo::rehearsal::request::Ask {
            method: "PATCH".into(),
            path: "/api/v1/namespaces/shop/configmaps/settings".into(),
            query: [("fieldManager".to_owned(), manager.to_owned())].into(),
            content: "application/merge-patch+json".into(),
            body: json!({"data": {"a": manager}}),
        };
        assert!(matches!(stage.api.answer(&ask), Answer::Json(200, _)));
    };
    edit("kubectl-edit");
    assert_eq!(stage.up(&set()).await, ["Changed ConfigMap/settings"]);
    edit("argocd-controller");
    let fault = stage.try_up(&set(), ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].message.contains("argocd-controller"), "{fault:?}");
    assert_eq!(stage.api.get(CONFIGS, "shop", "settings").unwrap()["data"]["a"], "argocd-controller");
    let force = ApplyOptions { force_conflicts: true, ..ApplyOptions::default() };
    assert_eq!(stage.try_up(&set(), force).await.unwrap(), ["Changed ConfigMap/settings"]);
}

#[tokio::test]
async fn an_autoscalers_replicas_are_its_own() {
    let stage = Stage::new().await;
    let scaler = object(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}));
    let objects = [deployment(2), scaler];
    stage.up(&objects).await;
    let scale = todo::rehearsal::request::Ask {
        method: "PATCH".into(),
        path: "/apis/apps/v1/namespaces/shop/deployments/web".into(),
        query: [("fieldManager".to_owned(), "kube-controller-manager".to_owned())].into(),
        content: "application/merge-patch+json".into(),
        body: json!({"spec": {"replicas": 7}}),
    };
    assert!(matches!(stage.api.answer(&scale), Answer::Json(200, _)));
    assert_eq!(stage.up(&objects).await, Vec::<String>::new());
    assert_eq!(stage.api.get(DEPLOYMENTS, "shop", "web").unwrap()["spec"]["replicas"], 7);
    let _ = stage.asked();
    let before = stage.api.all();
    stage.up(&objects).await;
    assert_eq!(before, stage.api.all());
}

#[tokio::test]
async fn a_job_is_made_again_and_a_deployment_only_on_request() {
    let stage = Stage::new().await;
    let job = |image: &str| {
        object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"},
            "spec": {"template": {"spec": {"containers": [{"name": "m", "image": image}]}}}}))
    };
    stage.up(&[job("1"), deployment(1)]).await;
    let uid = |collection: &str, name: &str| {
        stage.api.get(collection, "shop", name).unwrap()["metadata"]["uid"].clone()
    };
    let old = uid("apis/batch/v1/jobs", "migrate");
    // The server has no schema here; it is told what cannot be changed.
    let api = stage.api.clone();
    stage.api.answer_with(move |ask| {
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
            Answer::Json(422, failure(422, "Invalid", "is invalid", &causes))
        })
    });
    assert_eq!(stage.up(&[job("2"), deployment(1)]).await, ["Recreated Job/migrate"]);
    assert_ne!(old, uid("apis/batch/v1/jobs", "migrate"));

    let mut web = deployment(1);
    web.value["spec"]["template"]["spec"]["containers"][0]["image"] = json!("2");
    let fault = stage.try_up(&[job("2"), web.clone()], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.findings[0].mend.as_ref().unwrap().contains("todo.dev/recreate"));
    web.value["metadata"]["annotations"]["todo.dev/recreate"] = json!("true");
    let old = uid(DEPLOYMENTS, "web");
    assert_eq!(stage.up(&[job("2"), web]).await, ["Recreated Deployment/web"]);
    assert_ne!(old, uid(DEPLOYMENTS, "web"));
}

#[tokio::test]
async fn what_is_not_wanted_goes_after_a_good_run_data_stays_and_most_of_it_is_asked_for() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    assert_eq!(
        stage.up(&[deployment(2)]).await,
        [
            "Pruned ClusterRole/r",
            "Pruned ConfigMap/settings",
            "Pruned Secret/keys",
            "Kept PersistentVolumeClaim/data"
        ]
    );

    let many: Vec<Object> = (0..30).map(|n| config(&format!("c{n}"), json!({}))).collect();
    stage.up(&many).await;
    let fault = stage.try_up(&many[..2], ApplyOptions::default()).await.unwrap_err();
    assert!(fault.hints.iter().any(|hint| hint.contains("--yes")));
    assert_eq!(stage.labelled().len(), 31);
    stage.try_up(&many[..2], ApplyOptions { yes: true, ..ApplyOptions::default() }).await.unwrap();
    assert_eq!(stage.labelled().len(), 3);
}

#[tokio::test]
async fn down_keeps_the_data_and_the_second_time_there_is_nothing_to_do() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    let said = stage.down(false).await;
    assert_eq!(said.iter().filter(|line| line.starts_with("Removed")).count(), 4, "{said:?}");
    assert!(
        said.ends_with(&["Kept PersistentVolumeClaim/data".to_owned(), "Kept Namespace/shop".to_owned()])
    );
    assert!(!ours(&stage.run, &stage.target).await.unwrap().unwrap().is_deployed());
    let before = stage.api.all();
    assert!(!stage.down(false).await.iter().any(|line| line.starts_with("Removed")));
    assert_eq!(before, stage.api.all());
    assert_eq!(stage.down(true).await, ["Removed PersistentVolumeClaim/data", "Removed Namespace/shop"]);
    assert_eq!(stage.down(true).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_stays_is_told_once_where_the_namespace_waits_for_the_last_hooks() {
    let mut stage = Stage::new().await;
    stage.up(&set()).await;
    let early = remove_but_grounds(&stage.run, &stage.target, &RemoveOptions::default()).await.unwrap();
    assert_eq!(early.removed.len(), 4);
    assert!(!stage.down(false).await.iter().any(|line| line.starts_with("Removed")));
    let told = std::iter::from_fn(|| stage.events.try_recv().ok()).map(|event| format!("{event:?}"));
    let kept =
        told.filter(|told| told.contains("Kept") && told.contains("item: \"PersistentVolumeClaim/data\""));
    assert_eq!(kept.count(), 1);
    assert!(!ours(&stage.run, &stage.target).await.unwrap().unwrap().is_deployed());
}

#[tokio::test]
async fn a_namespace_with_something_of_others_stays() {
    let stage = Stage::new().await;
    stage.up(&[config("settings", json!({}))]).await;
    stage.api.put(
        CONFIGS,
        json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": "shop"}}),
    );
    let removed = remove(&stage.run, &stage.target, &RemoveOptions { purge: true }).await.unwrap();
    let why = &removed.kept[0].1;
    assert!(why.contains("ConfigMap/theirs"), "{why}");
    assert!(stage.api.get(CONFIGS, "shop", "theirs").is_some());

    // And one that was there before us is not ours to remove.
    let stage = Stage::new().await;
    stage.api.put(
        "api/v1/namespaces",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    stage.up(&[config("settings", json!({}))]).await;
    assert_eq!(stage.down(true).await, ["Removed ConfigMap/settings"]);
    assert!(stage.api.get("api/v1/namespaces", "", "shop").is_some());
}

#[tokio::test]
async fn down_finds_what_is_ours_when_the_list_is_lost() {
    let stage = Stage::new().await;
    stage.up(&set()).await;
    stage.api.take("api/v1/secrets", "shop", "todo.shop");
    stage.down(true).await;
    assert_eq!(stage.labelled(), BTreeSet::new());
}

#[tokio::test]
async fn another_run_is_waited_for_with_its_owner_on_screen() {
    let mut stage = Stage::new().await;
    stage.up(&[config("a", json!({}))]).await;
    let now = format!("{:.6}", jiff::Timestamp::now());
    stage.api.put("apis/coordination.k8s.io/v1/leases", json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.shop", "namespace": "shop"},
        "spec": {"holderIdentity": "alex@laptop, process 7 #1", "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now}}));
    let api = stage.api.clone();
    tokio::spawn(async move {
        while !api.asked().iter().any(|ask| ask.query.contains_key("watch")) {
            tokio::task::yield_now().await;
        }
        api.take("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop");
    });
    assert_eq!(stage.up(&[config("a", json!({"x": "1"}))]).await, ["Changed ConfigMap/a"]);
    assert!(stage.waited_for("alex@laptop, process 7"));
    assert!(stage.api.get("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop").is_none());

    // One that died long ago is taken over at once.
    stage.api.put(
        "apis/coordination.k8s.io/v1/leases",
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.shop", "namespace": "shop"},
        "spec": {"holderIdentity": "alex@laptop, process 7 #1", "leaseDurationSeconds": 30,
            "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.000000Z"}}),
    );
    assert_eq!(stage.up(&[config("a", json!({"x": "2"}))]).await, ["Changed ConfigMap/a"]);
}

#[tokio::test]
async fn a_restart_is_one_annotation_that_the_next_run_leaves_alone() {
    let stage = Stage::new().await;
    let objects = [deployment(1), config("a", json!({"x": "1"}))];
    stage.up(&objects).await;
    let restarted = restart(&stage.run, &stage.target, &["web".to_owned()]).await.unwrap();
    let before = restarted.objects[0].before.as_ref().unwrap()["metadata"]["generation"].as_i64();
    assert_eq!(restarted.objects[0].generation, before.map(|before| before + 1), "it is waited for");
    restarted.release().await;
    let annotation = || {
        let web = stage.api.get(DEPLOYMENTS, "shop", "web").unwrap();
        web["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].clone()
    };
    let first = annotation();
    assert!(first.is_string());
    stage.asked();
    assert_eq!(stage.up(&objects).await, [] as [&str; 0]);
    assert_eq!(annotation(), first);
    assert!(
        !stage.asked().iter().any(|asked| asked == "PATCH /apis/apps/v1/namespaces/shop/deployments/web")
    );
    let fault = restart(&stage.run, &stage.target, &["wbe".to_owned()]).await.unwrap_err();
    assert_eq!((fault.kind, fault.hints[0].as_str()), (Kind::Usage, "did you mean `web`?"));
}

#[tokio::test]
async fn an_api_server_that_stumbles_is_asked_again_and_that_is_told() {
    let mut stage = Stage::new().await;
    let stumbles = AtomicUsize::new(0);
    stage.api.answer_with(move |ask| {
        let first = ask.path.ends_with("/web") && stumbles.fetch_add(1, Ordering::SeqCst) < 2;
        first.then(|| {
            Answer::Json(503, failure(503, "ServiceUnavailable", "apiserver is starting", &Value::Null))
        })
    });
    assert_eq!(stage.up(&[deployment(1)]).await, ["Created Deployment/web"]);
    assert!(stage.waited_for("apiserver is starting"));
}

#[tokio::test]
async fn no_value_of_a_secret_leaves_in_events_or_plans() {
    let mut stage = Stage::new().await;
    let secret = |value: &str| {
        object(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"k": value}}),
        )
    };
    stage.up(&[secret("hunter2")]).await;
    let options = ApplyOptions::default();
    let plan = compare(&stage.run, &stage.target, vec![secret("swordfish")], &options).await.unwrap();
    let mut told = format!("{plan:?}");
    stage.up(&[secret("swordfish")]).await;
    while let Ok(event) = stage.events.try_recv() {
        told.push_str(&serde_json::to_string(&event).unwrap());
    }
    for value in ["hunter2", "swordfish", "aHVudGVyMg", "c3dvcmRmaXNo"] {
        assert!(!told.contains(value), "{value} in {told}");
    }
    assert!(told.contains("*** (before)"));
}
