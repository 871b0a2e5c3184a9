//! Pods whose containers have newer files than their image: where files can be copied to, how such a pod is marked, and
//! how it is replaced.
//!
//! The mark is on the pod, not on the template: it goes with the pod and starts no rollout.

use crate::cluster::applied::AppliedObject;
use crate::cluster::inventory::Entry;
use crate::cluster::kind;
use crate::cluster::request::tell;
use crate::cluster::request::unreadable;
use crate::cluster::restart;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Kind;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::manifest::ObjectId;
use crate::pointer::below;
use crate::run::Run;
use health::live;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The label by which marked pods are found, and the annotation that says what is in them.
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
    /// Its ID in the Docker engine of its node.
    pub id: String,
}

/// Why files cannot be copied into all containers of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRunning {
    /// No container of the image runs.
    None,
    /// A container of the image is starting, or has failed.
    Waiting(String),
    /// An init container has the image: it has ended already.
    Init(String),
    /// The container is not one of a Docker engine.
    Runtime(String),
}

impl std::fmt::Display for NotRunning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotRunning::None => write!(f, "no container of it is running"),
            NotRunning::Waiting(pod) => write!(f, "a container of Pod/{pod} is not running"),
            NotRunning::Init(pod) => write!(f, "an init container of Pod/{pod} uses it"),
            NotRunning::Runtime(pod) => write!(f, "the containers of Pod/{pod} are not Docker's"),
        }
    }
}

/// The pods of some namespaces.
pub async fn pods(run: &Run, target: &Target, namespaces: &BTreeSet<String>) -> Result<Vec<Value>> {
    let listed = list(run, target, namespaces, "").await;
    listed.map_err(|failure| unreadable(failure, "cannot list pods"))
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
        retry(tell(run, Step::Apply, "pods"), list)
    });
    Ok(futures::future::try_join_all(lists).await?.concat())
}

/// The containers of `image`, a name that no other image has. All of them have to run: a container that is just starting
/// would not get the files, and one that fails has to be replaced.
pub fn running(pods: &[Value], image: &str) -> std::result::Result<Vec<Running>, NotRunning> {
    let mut running = Vec::new();
    for pod in pods {
        let phase = live::text(pod, "/status/phase");
        if live::is_terminating(pod) || matches!(phase, "Succeeded" | "Failed") {
            continue;
        }
        let name = live::name(pod);
        let has_image = |container: &&Value| container["image"] == image;
        if live::list(pod, "/spec/initContainers").iter().any(|container| has_image(&container)) {
            return Err(NotRunning::Init(name.to_owned()));
        }
        for container in live::list(pod, "/spec/containers").iter().filter(has_image) {
            let statuses = live::list(pod, "/status/containerStatuses");
            let status = statuses.iter().find(|status| status["name"] == container["name"]);
            let Some(status) = status.filter(|status| !status["state"]["running"].is_null()) else {
                return Err(NotRunning::Waiting(name.to_owned()));
            };
            let id = live::text(status, "/containerID").strip_prefix("docker://");
            let id = id.ok_or_else(|| NotRunning::Runtime(name.to_owned()))?;
            running.push(Running {
                namespace: live::namespace(pod).to_owned(),
                pod: name.to_owned(),
                container: live::text(container, "/name").to_owned(),
                id: id.to_owned(),
            });
        }
    }
    if running.is_empty() { Err(NotRunning::None) } else { Ok(running) }
}

/// What the containers of a pod have beside their image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// How many files.
    pub files: usize,
    /// A hash of them.
    pub set: String,
    /// The IDs of the containers, by their names.
    pub containers: BTreeMap<String, String>,
}

/// Marks a pod; without files, its mark is taken away.
pub async fn mark(target: &Target, namespace: &str, pod: &str, mark: &Mark) -> Result<()> {
    let (wire, kind) = (target.wire(), kind::core("Pod"));
    let cannot = |failure: Failure| unreadable(failure, "cannot mark a pod that has newer files");
    let Some(live) = wire.get(&kind, Some(namespace), pod).await.map_err(cannot)? else { return Ok(()) };
    let patch = patch(&live, mark);
    if patch.as_array().is_some_and(|operations| !operations.is_empty()) {
        wire.json_patch(&kind, Some(namespace), pod, &patch).await.map_err(cannot)?;
    }
    Ok(())
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

/// Workloads with marked pods, and the most files that one of their pods has. Who may not list pods has marked none.
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

/// The workload that made a pod. A ReplicaSet of a Deployment has its name and the hash of the template.
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

/// Replaces the pods that have newer files than their image, of workloads that are otherwise as they are wanted.
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
        let kind = Kind { resource: object.resource.clone(), namespaced: true };
        let entry = Entry::new(object.id.clone(), &kind);
        let detail = format!("pods replaced, because {}", newer(*files));
        if let Some(restarted) = restart::one(run, &wire, &entry, &now, detail).await? {
            (object.outcome, object.generation) = (restarted.outcome, restarted.generation);
            (object.before, object.after) = (restarted.before, restarted.after);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Mark;
    use super::NotRunning;
    use super::SYNCED;
    use super::owners;
    use super::patch;
    use super::running;
    use serde_json::Value;
    use serde_json::json;

    fn pod(name: &str, state: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "shop", "labels": {"pod-template-hash": "5f"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5f", "uid": "u", "controller": true}]},
            "spec": {"containers": [{"name": "web", "image": "ours:1"}, {"name": "proxy", "image": "theirs"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "web", "containerID": format!("docker://{name}"), "state": {state: {}}},
            ]},
        });
        change(&mut pod);
        pod
    }

    #[test]
    fn files_go_to_every_running_container_of_the_image_or_to_none() {
        let ids = |pods: &[Value]| {
            running(pods, "ours:1").map(|found| found.iter().map(|one| one.id.clone()).collect::<Vec<_>>())
        };
        let one = pod("a", "running", |_| {});
        let two = pod("b", "running", |_| {});
        assert_eq!(ids(&[one.clone(), two]).unwrap(), ["a", "b"]);
        for (other, expected) in [
            (pod("b", "waiting", |_| {}), Err(NotRunning::Waiting("b".to_owned()))),
            (
                pod("b", "waiting", |pod| pod["status"]["phase"] = "Succeeded".into()),
                Ok(vec!["a".to_owned()]),
            ),
            (
                pod("b", "waiting", |pod| {
                    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
                }),
                Ok(vec!["a".to_owned()]),
            ),
            (
                pod("b", "waiting", |pod| pod["spec"]["containers"][0]["image"] = "ours:2".into()),
                Ok(vec!["a".to_owned()]),
            ),
            (
                pod("b", "running", |pod| {
                    pod["spec"]["initContainers"] = json!([{"name": "i", "image": "ours:1"}]);
                }),
                Err(NotRunning::Init("b".to_owned())),
            ),
            (
                pod("b", "running", |pod| {
                    pod["status"]["containerStatuses"][0]["containerID"] = "containerd://b".into();
                }),
                Err(NotRunning::Runtime("b".to_owned())),
            ),
        ] {
            assert_eq!(ids(&[one.clone(), other.clone()]), expected, "{other}");
        }
        assert_eq!(ids(&[]), Err(NotRunning::None));
    }

    #[test]
    fn a_mark_comes_and_goes() {
        let mark = |files| Mark { files, ..Mark::default() };
        let bare = json!({"metadata": {"labels": {"a": "b"}}});
        let set = patch(&bare, &mark(2));
        assert_eq!(set[0]["path"], "/metadata/labels/todo.dev~1synced");
        assert_eq!(set[1]["path"], "/metadata/annotations");
        assert_eq!(patch(&bare, &mark(0)), json!([]));
        let marked = json!({"metadata": {"labels": {SYNCED: "true"}, "annotations": {SYNCED: "{}"}}});
        assert_eq!(patch(&marked, &mark(1))[1]["op"], "add");
        let removed = patch(&marked, &mark(0));
        assert_eq!((&removed[0]["op"], &removed[1]["op"]), (&json!("remove"), &json!("remove")));
    }

    #[test]
    fn the_workload_of_a_marked_pod_is_found() {
        let marked = |name: &str, files: u64| {
            pod(name, "running", |pod| {
                pod["metadata"]["annotations"] = json!({SYNCED: json!({"files": files}).to_string()});
            })
        };
        let found = owners(&[marked("a", 2), marked("b", 3), pod("c", "running", |_| {})]);
        let shown: Vec<(String, usize)> = found.iter().map(|(id, files)| (id.to_string(), *files)).collect();
        assert_eq!(shown, [("Deployment/web".to_owned(), 3)]);
        let mut set = marked("d", 1);
        set["metadata"]["ownerReferences"] =
            json!([{"kind": "StatefulSet", "name": "db", "uid": "u", "controller": true}]);
        assert_eq!(owners(&[set]).keys().next().unwrap().to_string(), "StatefulSet/db");
        let mut lone = marked("e", 1);
        lone["metadata"]["ownerReferences"] = json!([]);
        assert!(owners(&[lone]).is_empty());
    }
}
