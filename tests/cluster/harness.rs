//! A project `shop` and an API server in this process: the objects written to it, and the requests.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::shared::config;
use crate::cluster::shared::object;
use crate::cluster::shared::written;
use serde_json::json;
use simulator::api::Api;
use simulator::serve::Body;
use simulator::serve::kubeconfig;
use simulator::serve::respond;
use simulator::serve::serve;
use std::collections::BTreeSet;
use std::sync::Arc;
use todo::cluster::ApplyOptions;
use todo::cluster::RemoveOptions;
use todo::cluster::Target;
use todo::cluster::remove;
use todo::event::Event;
use todo::event::EventKind;
use todo::event::Sink;
use todo::fault::Fault;
use todo::manifest::Object;
use todo::project::name::Namespace;
use todo::project::name::ProjectName;
use todo::project::origin::Origin;
use todo::run::Run;
use todo::signal::Cancel;
use todo::signal::CancelHandle;
use todo::world::World;
use tokio::sync::mpsc::UnboundedReceiver;

pub(crate) struct Harness {
    pub(crate) api: Api,
    pub(crate) run: Run,
    pub(crate) target: Target,
    pub(super) events: UnboundedReceiver<Event>,
    _asker: CancelHandle,
}

pub(super) const CONFIGS: &str = "api/v1/configmaps";
pub(super) const DEPLOYMENTS: &str = "apis/apps/v1/deployments";

impl Harness {
    pub(crate) async fn new() -> Harness {
        let api = Api::new();
        let address = serve(api.clone()).await.unwrap();
        Harness::at(api, address).await
    }

    /// A stage whose server is in reach without a socket, so that time may be made to pass.
    pub(super) async fn without_sockets() -> Harness {
        let mut harness = Harness::new().await;
        harness.target.client = direct(harness.api.clone());
        harness
    }

    /// A stage with this server.
    pub(super) async fn at(api: Api, address: std::net::SocketAddr) -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig("mini", address)).unwrap();
        let (sink, events) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let world = World::fake(folder.path(), [("USER", "kim"), ("HOSTNAME", "box")]);
        let run = Run::new(sink, cancel, world);
        let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
        let origin = Arc::new(Origin::locate(&run.world, &folder.path().join("deploy.toml")));
        let target = Target::connect(&run, &file, "mini", namespace, project, origin).await.unwrap();
        Harness { api, run, target, events, _asker: asker }
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
        let removed = remove(&self.run, &self.target, &RemoveOptions { purge, ..RemoveOptions::default() })
            .await
            .unwrap();
        let gone = removed.removed.iter().map(|id| format!("Removed {id}"));
        gone.chain(removed.kept.iter().map(|(id, _)| format!("Kept {id}"))).collect()
    }

    /// The requests since the last time, as `GET path`; dry runs in brackets.
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

pub(super) fn claim() -> Object {
    object(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"]}}))
}

pub(super) fn set() -> Vec<Object> {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"k": "v"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}});
    vec![config("settings", json!({"a": "1"})), object(secret), claim(), deployment(2), object(role)]
}
