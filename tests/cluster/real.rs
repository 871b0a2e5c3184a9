//! Writing against a real API server. `KUBECONFIG` and `TODO_TEST_CONTEXT` select it; the context must be a minikube.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::print_stderr, reason = "times are worth reading")]

use crate::cluster::shared::config;
use crate::cluster::shared::object;
use crate::cluster::shared::written;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use todo::cluster::Action;
use todo::cluster::ApplyOptions;
use todo::cluster::RemoveOptions;
use todo::cluster::Target;
use todo::cluster::compare;
use todo::cluster::read_inventory;
use todo::cluster::remove;
use todo::cluster::revision::history;
use todo::event::Event;
use todo::event::Sink;
use todo::exec::Call;
use todo::fault::Fault;
use todo::manifest::Object;
use todo::project::name::Namespace;
use todo::project::name::ProjectName;
use todo::project::origin::Origin;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) struct Lab {
    pub(super) run: Run,
    pub(super) target: Target,
    namespace: String,
    context: String,
    pub(super) events: UnboundedReceiver<Event>,
    _asker: todo::signal::CancelHandle,
}

impl Lab {
    pub(super) async fn new(namespace: &str) -> Lab {
        let world = World::of_this_process().unwrap();
        let kubeconfig = PathBuf::from(world.var("KUBECONFIG").expect("KUBECONFIG"));
        let context = world.var("TODO_TEST_CONTEXT").unwrap_or("minikube").to_owned();
        let (sink, events) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let run = Run::new(sink, cancel, world);
        let origin = Arc::new(Origin::locate(&run.world, Path::new("/nowhere/deploy.toml")));
        let target = Target::connect(
            &run,
            &kubeconfig,
            &context,
            Namespace::parse(namespace).unwrap(),
            ProjectName::parse(namespace).unwrap(),
            origin,
        )
        .await
        .unwrap();
        let lab = Lab { run, target, namespace: namespace.to_owned(), context, events, _asker: asker };
        lab.kubectl(&["delete", "namespace", namespace, "--ignore-not-found"]).await;
        lab
    }

    pub(super) async fn kubectl(&self, arguments: &[&str]) -> String {
        let call =
            Call::new("kubectl").args(["--context", &self.context, "-n", &self.namespace]).args(arguments);
        call.output(&self.run)
            .await
            .map_or_else(|error| panic!("{error}"), |output| output.stdout.trim().to_owned())
    }

    /// What changes with each write of todo: the version of an object; where controllers write a status, too, the
    /// generation and the times of our own writes.
    async fn versions(&self) -> String {
        let get = async |kinds: &str, what: &str| {
            let path =
                format!("jsonpath={{range .items[*]}}{{.kind}}/{{.metadata.name}} {what}{{\"\\n\"}}{{end}}");
            self.kubectl(&["get", kinds, "-o", &path]).await
        };
        let ours = "{.metadata.generation} {.metadata.managedFields[?(@.manager==\"todo\")].time}";
        let plain = get("ns,secret,configmap,service,lease", "{.metadata.resourceVersion}").await;
        plain + "\n" + &get("deployment,pvc,job,statefulset", ours).await
    }

    pub(super) async fn up(&self, objects: &[Object]) -> Vec<String> {
        self.try_up(objects, ApplyOptions::default()).await.unwrap_or_else(|fault| panic!("{fault:#?}"))
    }

    pub(super) async fn try_up(
        &self,
        objects: &[Object],
        options: ApplyOptions,
    ) -> Result<Vec<String>, Fault> {
        written(&self.run, &self.target, objects, options).await
    }
}

pub(super) fn deployment(image: &str, replicas: i64) -> Object {
    object(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1,
            "containers": [{"name": "web", "image": image, "command": ["sleep", "3600"],
                "resources": {"requests": {"cpu": "1m", "memory": "1000Ki"}}}]}},
    }}))
}

fn job(argument: &str) -> Object {
    object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "m", "image": "busybox", "command": ["echo", argument]}]}}}}))
}

fn set() -> Vec<Object> {
    vec![
        config("settings", json!({"a": "1", "b": "2"})),
        object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"token": "hunter2"}})),
        object(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}})),
        deployment("busybox", 1),
        object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})),
        job("one"),
    ]
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_set_is_written_once_changed_where_it_differs_and_taken_away() {
    let lab = Lab::new("clu-set").await;
    let mut objects = set();

    let said = lab.up(&objects).await;
    assert_eq!(said.len(), 6, "{said:?}");
    lab.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]).await;
    lab.kubectl(&["wait", "--for=condition=Complete", "job/migrate", "--timeout=60s"]).await;

    // Nothing waited here for the rollout, so controllers wrote after todo: the next run touches no object, but
    // notes how they are now; from then on nothing at all is written.
    let objects_of = |versions: &str| -> Vec<String> {
        versions.lines().filter(|line| !line.starts_with("Secret/todo.")).map(str::to_owned).collect()
    };
    let before = lab.versions().await;
    assert_eq!(lab.up(&objects).await, Vec::<String>::new());
    let noted = lab.versions().await;
    assert_eq!(objects_of(&before), objects_of(&noted));
    assert_eq!(lab.up(&objects).await, Vec::<String>::new());
    assert_eq!(lab.versions().await, noted);

    // One field changes, one is removed.
    objects[0] = config("settings", json!({"a": "changed"}));
    let plan = compare(&lab.run, &lab.target, objects.clone(), &ApplyOptions::default()).await.unwrap();
    let change = plan.differences.iter().find(|d| d.action == Action::Change).unwrap();
    let fields: Vec<&str> = change.fields.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(fields, ["data.a", "data.b"]);
    assert_eq!(lab.up(&objects).await, ["Changed ConfigMap/settings"]);
    let data = lab.kubectl(&["get", "configmap/settings", "-o", "jsonpath={.data}"]).await;
    assert_eq!(data, r#"{"a":"changed"}"#);
    assert_eq!(history(&lab.run, &lab.target).await.unwrap().len(), 2);

    // Another client has edited an object.
    lab.kubectl(&["patch", "configmap/settings", "-p", r#"{"data":{"a":"theirs"}}"#]).await;
    assert_eq!(lab.up(&objects).await, ["Changed ConfigMap/settings"]);
    lab.kubectl(&["scale", "deployment/web", "--replicas=0"]).await;
    assert_eq!(lab.up(&objects).await, ["Changed Deployment/web"]);
    assert_eq!(lab.up(&objects).await, Vec::<String>::new());

    // A Job is a run.
    objects[5] = job("two");
    assert_eq!(lab.up(&objects).await, ["Recreated Job/migrate"]);

    // Some are prune candidates now.
    let some: Vec<Object> =
        objects.iter().filter(|o| !["Job", "Secret"].contains(&o.kind())).cloned().collect();
    assert_eq!(lab.up(&some).await, ["Pruned Job/migrate", "Pruned Secret/keys"]);
    let without_data: Vec<Object> =
        some.iter().filter(|o| o.kind() != "PersistentVolumeClaim").cloned().collect();
    assert_eq!(lab.up(&without_data).await, ["Kept PersistentVolumeClaim/data"]);
    let before = lab.versions().await;
    assert_eq!(lab.up(&without_data).await, ["Kept PersistentVolumeClaim/data"]);
    assert_eq!(before, lab.versions().await);

    // Down keeps the data, and is content the second time.
    let began = Instant::now();
    let removed = remove(&lab.run, &lab.target, &RemoveOptions::default()).await.unwrap();
    eprintln!("down: {:?} {removed:?}", began.elapsed());
    assert_eq!(removed.removed.len(), 3);
    let kept: Vec<String> = removed.kept.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(kept, ["PersistentVolumeClaim/data", "Namespace/clu-set"]);
    assert!(!read_inventory(&lab.run, &lab.target).await.unwrap().unwrap().is_deployed());
    let before = lab.versions().await;
    let began = Instant::now();
    let removed = remove(&lab.run, &lab.target, &RemoveOptions::default()).await.unwrap();
    eprintln!("down again: {:?}", began.elapsed());
    assert_eq!(removed.removed, []);
    assert_eq!(before, lab.versions().await);

    // Up takes the volume up again; purge takes everything.
    let uid = lab.kubectl(&["get", "pvc/data", "-o", "jsonpath={.metadata.uid}"]).await;
    lab.up(&objects).await;
    assert_eq!(uid, lab.kubectl(&["get", "pvc/data", "-o", "jsonpath={.metadata.uid}"]).await);
    let removed = remove(&lab.run, &lab.target, &RemoveOptions { purge: true, ..RemoveOptions::default() })
        .await
        .unwrap();
    assert_eq!(removed.kept, []);
    assert_eq!(lab.kubectl(&["get", "namespace", "clu-set", "--ignore-not-found"]).await, "");
    let began = Instant::now();
    let removed = remove(&lab.run, &lab.target, &RemoveOptions { purge: true, ..RemoveOptions::default() })
        .await
        .unwrap();
    eprintln!("down of nothing: {:?}", began.elapsed());
    assert_eq!((removed.removed, removed.kept), (vec![], vec![]));
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn what_kubectl_applied_becomes_ours_with_all_its_fields() {
    let lab = Lab::new("clu-csa").await;
    lab.kubectl(&["create", "namespace", "clu-csa"]).await;
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let mut old = config("settings", json!({"a": "1", "gone": "2"})).value;
    old["metadata"]["namespace"] = json!("clu-csa");
    std::fs::write(file.path(), old.to_string()).unwrap();
    lab.kubectl(&["apply", "-f", file.path().to_str().unwrap()]).await;

    assert_eq!(lab.up(&[config("settings", json!({"a": "1"}))]).await, ["Changed ConfigMap/settings"]);
    let data = lab.kubectl(&["get", "configmap/settings", "-o", "jsonpath={.data}"]).await;
    assert_eq!(data, r#"{"a":"1"}"#);
    assert_eq!(lab.up(&[config("settings", json!({"a": "1"}))]).await, Vec::<String>::new());

    // The namespace was there before us, and stays.
    let removed = remove(&lab.run, &lab.target, &RemoveOptions { purge: true, ..RemoveOptions::default() })
        .await
        .unwrap();
    assert_eq!(removed.removed.len(), 1);
    assert_ne!(lab.kubectl(&["get", "namespace", "clu-csa", "--ignore-not-found"]).await, "");
    lab.kubectl(&["delete", "namespace", "clu-csa"]).await;
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn every_refusal_comes_at_once_and_nothing_is_written() {
    let lab = Lab::new("clu-bad").await;
    let mut bad = deployment("busybox", -1);
    bad.value["spec"]["replica"] = json!(2);
    let negative = {
        let mut negative = deployment("busybox", -1);
        negative.value["metadata"]["name"] = json!("negative");
        negative
    };
    let secret = object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
        "data": {"token": "hunter2 is not base64"}}));
    let stranger = object(json!({"apiVersion": "zoo.io/v1", "kind": "Mouse", "metadata": {"name": "m"}}));
    let fault = lab.try_up(&[stranger], ApplyOptions::default()).await.unwrap_err();
    eprintln!("{fault:#?}");
    assert_eq!(fault.findings.len(), 1);
    let fault = lab
        .try_up(&[config("good", json!({})), bad, negative, secret], ApplyOptions::default())
        .await
        .unwrap_err();
    eprintln!("{fault:#?}");
    let subjects: Vec<&str> = fault.findings.iter().filter_map(|f| f.subject.as_deref()).collect();
    for subject in ["Deployment/web", "Deployment/negative", "Secret/s"] {
        assert!(subjects.contains(&subject), "{subject}");
    }
    assert!(!format!("{fault:?}").contains("hunter2"));
    assert_eq!(lab.kubectl(&["get", "configmap/good", "--ignore-not-found"]).await, "");
    lab.kubectl(&["delete", "namespace", "clu-bad", "--ignore-not-found"]).await;
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn crds_and_their_objects_go_up_in_one_run() {
    let lab = Lab::new("clu-crd").await;
    let crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "mice.clu.example"},
        "spec": {"group": "clu.example", "scope": "Namespaced",
            "names": {"kind": "Mouse", "plural": "mice", "singular": "mouse"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "name": {"type": "string"}}}}}}}]},
    }));
    let mouse =
        object(json!({"apiVersion": "clu.example/v1", "kind": "Mouse", "metadata": {"name": "jerry"},
        "spec": {"name": "jerry"}}));
    let began = Instant::now();
    let said = lab.up(&[mouse.clone(), crd.clone()]).await;
    eprintln!("crd: {:?}", began.elapsed());
    assert_eq!(said, ["Created CustomResourceDefinition/mice.clu.example", "Created Mouse/jerry"]);
    assert_eq!(lab.up(&[mouse, crd]).await, Vec::<String>::new());
    let removed = remove(&lab.run, &lab.target, &RemoveOptions::default()).await.unwrap();
    eprintln!("{removed:?}");
    assert_eq!(removed.removed.len(), 3);
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_namespace_that_is_being_deleted_is_waited_for() {
    let mut lab = Lab::new("clu-dying").await;
    lab.up(&[config("a", json!({"x": "1"})), deployment("busybox", 1)]).await;
    lab.kubectl(&["delete", "namespace", "clu-dying", "--wait=false"]).await;
    let said = lab.up(&[config("a", json!({"x": "1"}))]).await;
    assert_eq!(said, ["Created ConfigMap/a"]);
    let mut waited = false;
    while let Ok(event) = lab.events.try_recv() {
        waited |= format!("{event:?}").contains("it is being deleted");
    }
    assert!(waited);
    remove(&lab.run, &lab.target, &RemoveOptions { purge: true, ..RemoveOptions::default() }).await.unwrap();
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn two_hundred_objects_unchanged_are_only_read() {
    let lab = Lab::new("clu-many").await;
    let objects: Vec<Object> = (0..200)
        .map(|n| match n % 4 {
            0 => config(&format!("c{n}"), json!({"n": n.to_string()})),
            1 => object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{n}")},
                "stringData": {"n": n.to_string()}})),
            2 => object(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("v{n}")},
                "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}})),
            _ => {
                let mut web = deployment("busybox", 0);
                web.value["metadata"]["name"] = json!(format!("d{n}"));
                web
            }
        })
        .collect();
    lab.up(&objects).await;
    lab.up(&objects).await;
    assert_eq!(lab.up(&objects).await, Vec::<String>::new());
    remove(&lab.run, &lab.target, &RemoveOptions { purge: true, ..RemoveOptions::default() }).await.unwrap();
}
