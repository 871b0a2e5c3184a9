//! What the tracker requests in addition to the watches: logs of runs that ended, the nodes, the StorageClasses.

use crate::cluster::rollout::watches::api;
use crate::cluster::rollout::watches::plain;
use crate::cluster::target::Target;
use crate::cluster::tracker::HealthTracker;
use crate::cluster::tracker::Needs;
use crate::cluster::tracker::crash::LogNeed;
use crate::event::Finding;
use crate::manifest::ObjectId;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use health::live;
use health::snapshot::Snapshot;
use health::tenants::Tenants;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use kube::api::LogParams;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

const LINES: i64 = 20;
/// Lines of a program can be long; a report's cannot.
const BYTES: i64 = 16 * 1024;
/// Time limit for one request, and for the last ones of a failed rollout.
const PATIENCE: Duration = Duration::from_secs(3);

/// The result of a request of the tracker.
pub(super) enum Collected {
    Tail(String, Vec<String>),
    Nodes(Option<Vec<Value>>, Option<Vec<Value>>),
    Classes(Option<Vec<Value>>),
    Keys(ObjectId, Value),
}

impl Collected {
    /// Adds it to the tracker or the snapshot. Where reading is forbidden, the tracker does without it.
    pub(super) fn add_to(self, tracker: &mut HealthTracker, snapshot: &mut Snapshot) {
        match self {
            Collected::Tail(run, lines) => tracker.tail(run, lines),
            Collected::Nodes(nodes, pods) => {
                (snapshot.nodes, snapshot.tenants) = (nodes, pods.as_ref().map(Tenants::from_pods));
                // The other provisioners of volumes: the pods of minikube's addons.
                let system = |pod: &Value| live::namespace(pod) == "kube-system";
                pods.unwrap_or_default().into_iter().filter(system).for_each(|pod| snapshot.put(pod));
            }
            Collected::Classes(classes) => snapshot.classes = classes,
            Collected::Keys(id, holder) => snapshot.know(id, holder.into()),
        }
    }
}

/// The requests in progress.
pub(super) struct Evidence {
    client: Client,
    asked: HashSet<LogNeed>,
    holders: HashSet<ObjectId>,
    nodes: bool,
    classes: bool,
    answers: FuturesUnordered<BoxFuture<'static, Collected>>,
}

impl Evidence {
    pub(super) fn new(target: &Target) -> Evidence {
        Evidence {
            client: target.client.clone(),
            asked: HashSet::new(),
            holders: HashSet::new(),
            nodes: false,
            classes: false,
            answers: FuturesUnordered::new(),
        }
    }

    /// Requests what is needed and was not requested yet.
    pub(super) fn fetch(&mut self, needs: &Needs) {
        if needs.nodes && !std::mem::replace(&mut self.nodes, true) {
            let client = self.client.clone();
            self.answers.push(
                async move {
                    let (nodes, pods) = tokio::join!(all(&client, "", "Node"), all(&client, "", "Pod"));
                    Collected::Nodes(nodes, pods)
                }
                .boxed(),
            );
        }
        if needs.classes && !std::mem::replace(&mut self.classes, true) {
            let client = self.client.clone();
            self.answers.push(
                async move { Collected::Classes(all(&client, "storage.k8s.io", "StorageClass").await) }
                    .boxed(),
            );
        }
        for id in &needs.holders {
            if self.holders.insert(id.clone()) {
                let (client, id) = (self.client.clone(), id.clone());
                self.answers.push(
                    async move {
                        let keys = keys(&client, &id).await;
                        Collected::Keys(id, keys)
                    }
                    .boxed(),
                );
            }
        }
        for need in &needs.logs {
            if self.asked.insert(need.clone()) {
                let (client, need) = (self.client.clone(), need.clone());
                self.answers.push(
                    async move {
                        let lines =
                            tail(&client, &need.namespace, &need.pod, &need.container, need.previous).await;
                        Collected::Tail(need.run, lines)
                    }
                    .boxed(),
                );
            }
        }
    }

    /// Waits for a response; for ever if there is no request.
    pub(super) async fn next(&mut self) -> Collected {
        match self.answers.next().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Waits for the requests in progress, but not for long.
    pub(super) async fn finish(&mut self, tracker: &mut HealthTracker, snapshot: &mut Snapshot) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while let Ok(Some(answer)) = tokio::time::timeout_at(until, self.answers.next()).await {
            answer.add_to(tracker, snapshot);
        }
    }

    /// Adds the current logs of the pods to the findings of their workloads: nothing has crashed, so there is no
    /// other evidence.
    pub(super) async fn add_logs(client: &Client, findings: &mut [Finding], pods: &[&Value]) {
        for pod in pods {
            let Some(container) = running(pod) else { continue };
            let lines = tail(client, live::namespace(pod), live::name(pod), container, false).await;
            let owner = findings.iter_mut().find(|finding| owns(finding, pod));
            if let Some(finding) = owner {
                finding.evidence.extend(lines);
            }
        }
    }
}

fn running(pod: &Value) -> Option<&str> {
    let statuses = live::list(pod, "/status/containerStatuses");
    let status = statuses
        .iter()
        .find(|status| status.pointer("/state/running").is_some() && !live::flag(status, "/ready"))?;
    Some(live::text(status, "/name"))
}

/// The name of a pod begins with the name of its workload.
fn owns(finding: &Finding, pod: &Value) -> bool {
    let subject = finding.subject.as_deref().and_then(|subject| subject.split('/').nth(1));
    subject.is_some_and(|name| live::name(pod) == name || live::name(pod).starts_with(&format!("{name}-")))
}

async fn tail(client: &Client, namespace: &str, pod: &str, container: &str, previous: bool) -> Vec<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let asked = LogParams {
        container: Some(container.to_owned()),
        previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let other = LogParams { previous: !previous, ..asked.clone() };
    // The container may have been restarted since then; then its last run is the other one.
    for asked in [asked, other] {
        if let Ok(Ok(text)) = tokio::time::timeout(PATIENCE, pods.logs(pod, &asked)).await {
            return text
                .lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect();
        }
    }
    Vec::new()
}

/// A ConfigMap or Secret without its values: only the keys are needed.
async fn keys(client: &Client, id: &ObjectId) -> Value {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&id.group, "v1", &id.kind));
    let one = api(client, &resource, id.namespace.as_deref());
    let answer = tokio::time::timeout(PATIENCE, one.get(&id.name)).await;
    let there = answer.ok().and_then(Result::ok).map(|object| object.data).unwrap_or_default();
    let bare = |map: &str| {
        let keys = there.get(map)?.as_object()?.keys();
        Some((map.to_owned(), keys.map(|key| (key.clone(), Value::Null)).collect::<Value>()))
    };
    let mut holder: serde_json::Map<String, Value> =
        ["data", "binaryData"].into_iter().filter_map(bare).collect();
    holder.insert("kind".to_owned(), id.kind.clone().into());
    holder.insert("metadata".to_owned(), json!({"name": id.name, "namespace": id.namespace}));
    holder.into()
}

async fn all(client: &Client, group: &str, kind: &str) -> Option<Vec<Value>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    let list = api(client, &resource, None);
    let answer = tokio::time::timeout(PATIENCE, list.list(&ListParams::default())).await.ok()?.ok()?;
    Some(answer.items.into_iter().map(|object| plain(object, &resource)).collect())
}
