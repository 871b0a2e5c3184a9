//! Pods whose containers have newer files than their image: where files can be copied to, how such a pod is marked,
//! and how it is replaced.
//!
//! The mark is on the pod, not on the template: it is deleted with the pod and starts no rollout.

use crate::cluster::applied::AppliedObject;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::kind;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::restart;
use crate::cluster::retry::retry;
use crate::cluster::rollout::watches::api;
use crate::cluster::rollout::watches::plain;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::manifest::ObjectId;
use crate::pointer::below;
use crate::run::Run;
use futures::Stream;
use futures::StreamExt;
use health::live;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

/// The label by which marked pods are found, and the annotation that lists their files.
pub const SYNCED: &str = "todo.dev/synced";

/// A running container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// Its ID in the container runtime of its node.
    pub id: String,
    /// Whether that runtime is Docker.
    pub is_docker: bool,
}

/// A container that has no files to be copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRunning {
    /// It is starting, or has ended.
    Waiting(String),
    /// It fails again and again.
    Crashing(String),
    /// An init container has the image: it has ended already.
    Init(String),
}

impl std::fmt::Display for NotRunning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotRunning::Waiting(pod) => write!(f, "a container of Pod/{pod} is not running"),
            NotRunning::Crashing(pod) => write!(f, "a container of Pod/{pod} fails again and again"),
            NotRunning::Init(pod) => write!(f, "an init container of Pod/{pod} uses it"),
        }
    }
}

/// Time limit for a list of pods: callers have a fallback that waits for the API server.
const LIMIT: Duration = Duration::from_secs(3);

/// The pods of some namespaces. The request is not retried.
pub async fn pods(target: &Target, namespaces: &BTreeSet<String>) -> Result<Vec<Value>> {
    let (wire, kind) = (target.wire(), kind::core("Pod"));
    let lists = namespaces.iter().map(|namespace| wire.list(&kind, Some(namespace), ""));
    let listed = match tokio::time::timeout(LIMIT, futures::future::try_join_all(lists)).await {
        Ok(listed) => listed,
        Err(_) => Err(Failure::Unreachable(format!("no answer within {} s", LIMIT.as_secs()))),
    };
    listed.map(|lists| lists.concat()).map_err(|failure| unreadable(failure, "cannot list pods"))
}

/// The current pods of some namespaces, and then each of them that changes. A watch that breaks off is started again;
/// one that is forbidden is an error with the API server's message.
pub fn changes(
    target: &Target,
    namespaces: &BTreeSet<String>,
) -> impl Stream<Item = std::result::Result<Value, String>> + Unpin + use<> {
    let pods = kind::core("Pod").resource;
    let watches = namespaces.iter().map(|namespace| {
        let api = api(&target.client, &pods, Some(namespace));
        let (events, pods) = (watcher(api, watcher::Config::default()).default_backoff(), pods.clone());
        let changed = events.filter_map(move |event| {
            let pod = match event {
                Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                    Some(Ok(plain(pod, &pods)))
                }
                Err(
                    watcher::Error::InitialListFailed(kube::Error::Api(status))
                    | watcher::Error::WatchStartFailed(kube::Error::Api(status)),
                ) if status.code == 403 => Some(Err(status.message.clone())),
                _ => None,
            };
            std::future::ready(pod)
        });
        changed.boxed()
    });
    futures::stream::select_all(watches)
}

async fn list(
    run: &Run,
    target: &Target,
    namespaces: &BTreeSet<String>,
    selector: &str,
) -> std::result::Result<Vec<Value>, Failure> {
    let (wire, kind) = (target.wire(), kind::core("Pod"));
    let lists = namespaces.iter().map(|namespace| {
        let list = || wire.list(&kind, Some(namespace), selector);
        retry(report_waiting(run, Step::Apply, "pods"), list)
    });
    Ok(futures::future::try_join_all(lists).await?.concat())
}

/// The containers of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Containers {
    /// Those that run.
    pub running: Vec<Running>,
    /// The others.
    pub others: Vec<NotRunning>,
}

/// The containers of `image`, a name that no other image has, in pods that are to stay.
pub fn containers(pods: &[Value], image: &str) -> Containers {
    let mut found = Containers::default();
    for pod in pods {
        let phase = live::text(pod, "/status/phase");
        if live::is_terminating(pod) || matches!(phase, "Succeeded" | "Failed") {
            continue;
        }
        let has_image = |container: &&Value| container["image"] == image;
        if live::list(pod, "/spec/initContainers").iter().any(|container| has_image(&container)) {
            found.others.push(NotRunning::Init(live::name(pod).to_owned()));
        }
        for container in live::list(pod, "/spec/containers").iter().filter(has_image) {
            match state(pod, live::text(container, "/name")) {
                Ok(running) => found.running.push(running),
                Err(other) => found.others.push(other),
            }
        }
    }
    found
}

fn state(pod: &Value, container: &str) -> std::result::Result<Running, NotRunning> {
    let name = || live::name(pod).to_owned();
    let statuses = live::list(pod, "/status/containerStatuses");
    let status = statuses.iter().find(|status| status["name"] == container);
    let waiting = || Err(NotRunning::Waiting(name()));
    let Some(status) = status else { return waiting() };
    if live::text(status, "/state/waiting/reason") == "CrashLoopBackOff" {
        return Err(NotRunning::Crashing(name()));
    }
    if status["state"]["running"].is_null() {
        return waiting();
    }
    let Some((runtime, id)) = live::text(status, "/containerID").split_once("://") else { return waiting() };
    Ok(Running {
        namespace: live::namespace(pod).to_owned(),
        pod: name(),
        container: container.to_owned(),
        id: id.to_owned(),
        is_docker: runtime == "docker",
    })
}

/// The files of a pod's containers that are not from their image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// How many files.
    pub files: usize,
    /// A hash of them.
    pub set: String,
    /// The IDs of the containers, by their names.
    pub containers: BTreeMap<String, String>,
}

/// Marks a pod that was just read; without files, its mark is removed.
pub async fn mark(target: &Target, pod: &Value, mark: &Mark) -> Result<()> {
    let patch = patch(pod, mark);
    if patch.as_array().is_none_or(Vec::is_empty) {
        return Ok(());
    }
    let (wire, kind) = (target.wire(), kind::core("Pod"));
    let patched = wire.json_patch(&kind, Some(live::namespace(pod)), live::name(pod), &patch).await;
    match patched {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_absent() => Ok(()),
        Err(failure) => Err(unreadable(failure, "cannot mark a pod that has newer files")),
    }
}

/// Whether a pod is marked as having other files than its image.
#[must_use]
pub fn is_marked(pod: &Value) -> bool {
    !live::annotation(pod, SYNCED).is_empty()
}

fn patch(live: &Value, mark: &Mark) -> Value {
    let text = json!({"files": mark.files, "set": mark.set, "containers": mark.containers}).to_string();
    let operations = [("labels", "true".to_owned()), ("annotations", text)].map(|(map, value)| {
        let there = &live["metadata"][map];
        let at = format!("/metadata/{map}");
        let member = below(&at, SYNCED);
        match (mark.files > 0, there.is_object()) {
            (true, true) => Some(json!({"op": "add", "path": member, "value": value})),
            (true, false) => Some(json!({"op": "add", "path": at, "value": {SYNCED: value}})),
            (false, _) if there[SYNCED].is_string() => Some(json!({"op": "remove", "path": member})),
            (false, _) => None,
        }
    });
    operations.into_iter().flatten().collect()
}

/// Workloads with marked pods, and the most files that one of their pods has. A user who may not list pods has marked
/// none.
pub async fn marked(
    run: &Run,
    target: &Target,
    namespaces: &BTreeSet<String>,
) -> Result<BTreeMap<ObjectId, usize>> {
    match list(run, target, namespaces, SYNCED).await {
        Ok(pods) => Ok(owners(&pods)),
        Err(failure) if failure.status().is_some_and(|status| matches!(status.code, 403 | 404)) => {
            Ok(BTreeMap::new())
        }
        Err(failure) => Err(unreadable(failure, "cannot list pods")),
    }
}

fn owners(pods: &[Value]) -> BTreeMap<ObjectId, usize> {
    let mut marked = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !live::is_terminating(pod)) {
        let mark: Value = serde_json::from_str(live::annotation(pod, SYNCED)).unwrap_or_default();
        let files = mark["files"].as_u64().and_then(|files| usize::try_from(files).ok()).unwrap_or_default();
        if let Some(owner) = owner(pod).filter(|_| files > 0) {
            let most = marked.entry(owner).or_insert(files);
            *most = files.max(*most);
        }
    }
    marked
}

/// The workload of a pod. A ReplicaSet of a Deployment has its name and the hash of the template.
fn owner(pod: &Value) -> Option<ObjectId> {
    let controller = live::controller(pod)?;
    let (kind, name) = (live::text(controller, "/kind"), live::text(controller, "/name"));
    let hash = live::label(pod, "pod-template-hash");
    let (kind, name) = match (kind, name.strip_suffix(hash).and_then(|name| name.strip_suffix('-'))) {
        ("ReplicaSet", Some(deployment)) if !hash.is_empty() => ("Deployment", deployment),
        ("StatefulSet" | "DaemonSet", _) => (kind, name),
        _ => return None,
    };
    Some(ObjectId {
        group: "apps".to_owned(),
        kind: kind.to_owned(),
        namespace: Some(live::namespace(pod).to_owned()),
        name: name.to_owned(),
    })
}

/// How many files are newer, as a sentence.
#[must_use]
pub fn newer(files: usize) -> String {
    if files == 1 {
        "1 file is newer than its image".to_owned()
    } else {
        format!("{files} files are newer than its image")
    }
}

/// Replaces the pods that have newer files than their image, of workloads that are otherwise up to date.
pub async fn replace(run: &Run, target: &Target, applied: &mut [AppliedObject]) -> Result<()> {
    let pods_of = |object: &&mut AppliedObject| {
        object.id.group == "apps" && object.outcome == Outcome::Unchanged && object.id.namespace.is_some()
    };
    let unchanged: Vec<&mut AppliedObject> = applied.iter_mut().filter(pods_of).collect();
    let namespaces = unchanged.iter().filter_map(|object| object.id.namespace.clone()).collect();
    let marked = marked(run, target, &namespaces).await?;
    let (wire, now) = (target.wire(), target.clock.now().to_string());
    for object in unchanged {
        let Some(files) = marked.get(&object.id) else { continue };
        let kind = ApiKind { resource: object.resource.clone(), namespaced: true };
        let entry = InventoryEntry::new(object.id.clone(), &kind);
        let detail = format!("pods replaced, because {}", newer(*files));
        if let Some(restarted) = restart::one(run, &wire, &entry, &now, detail).await? {
            (object.outcome, object.generation) = (restarted.outcome, restarted.generation);
            (object.before, object.after) = (restarted.before, restarted.after);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
