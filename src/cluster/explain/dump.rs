//! The parts of a dump → one snapshot: whole objects, each once, with their references resolved.
//!
//! A dump of a live cluster may have been cleaned by hand, cut out of a list or taken from an old cluster. So
//! references are resolved by name where there are no UIDs, and by the pod template's hash where the ReplicaSet
//! between a Deployment and its pods is missing.

use crate::cluster::explain::slim;
use crate::event::Finding;
use crate::manifest::ObjectId;
use crate::manifest::dump::Ending;
use crate::manifest::dump::Part;
use crate::manifest::dump::parse;
use crate::manifest::shared::Shared;
use crate::manifest::yaml::documents;
use health::live;
use health::snapshot::KubeEvent;
use health::snapshot::Snapshot;
use health::tenants::Tenants;
use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;

/// The objects read so far.
#[derive(Debug, Default)]
pub struct Dump {
    objects: Vec<Value>,
    events: Vec<(String, About, KubeEvent)>,
    /// How many of the objects belong to lists that were read to their end.
    listed: usize,
    newest: Option<Timestamp>,
}

/// The object that an event is about, for events without its UID.
#[derive(Debug, PartialEq, Eq)]
struct About {
    kind: String,
    namespace: String,
    name: String,
}

impl Dump {
    /// Reads a dump.
    ///
    /// # Errors
    /// The mistakes of a text that is neither YAML nor JSON; `file` is the file that their places name.
    pub fn parse(text: &str, file: &Path) -> Result<(Dump, Ending), Vec<Finding>> {
        let mut dump = Dump::default();
        if let Ok(ending) = parse(text, &mut |part| dump.take(part)) {
            return Ok((dump, ending));
        }
        // The parser of manifests accepts some texts that kubectl accepts and YAML's grammar does not, and gives the
        // place of the mistakes in the others.
        let (documents, mistakes) = documents(text, file);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut dump = Dump::default();
        for document in documents {
            dump.take(Part::Object(document.value));
        }
        Ok((dump, Ending::Whole))
    }

    /// Adds the next part.
    pub fn take(&mut self, part: Part) {
        match part {
            Part::Item(value) | Part::Object(value) => self.object(value),
            Part::List(head) => self.end_of_list(&head),
        }
    }

    fn object(&mut self, mut value: Value) {
        if live::kind(&value).ends_with("List")
            && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
        {
            for item in items {
                self.object(item);
            }
            return;
        }
        self.newest = self.newest.max(slim::newest(&value));
        let event = live::kind(&value) == "Event"
            || value.get("involvedObject").is_some()
            || value.get("regarding").is_some();
        if event {
            let about =
                value.get("involvedObject").or_else(|| value.get("regarding")).unwrap_or(&Value::Null);
            let text = |field: &str| about[field].as_str().unwrap_or_default().to_owned();
            let about = About { kind: text("kind"), namespace: text("namespace"), name: text("name") };
            self.events.push((live::name(&value).to_owned(), about, KubeEvent::from_object(&value)));
        } else if value.is_object() {
            slim::slim(&mut value);
            self.objects.push(value);
        }
    }

    /// The entries of a typed list have no kind of their own: a `PodList` of `v1` holds Pods of `v1`.
    fn end_of_list(&mut self, head: &Map<String, Value>) {
        let text = |field: &str| head.get(field).and_then(Value::as_str).unwrap_or_default();
        let kind = text("kind").strip_suffix("List").unwrap_or_default();
        for object in self.objects.iter_mut().skip(self.listed).filter(|_| !kind.is_empty()) {
            if let Some(fields) = object.as_object_mut().filter(|fields| !fields.contains_key("kind")) {
                fields.insert("kind".to_owned(), kind.into());
                fields.insert("apiVersion".to_owned(), text("apiVersion").into());
            }
        }
        self.listed = self.objects.len();
    }

    /// The objects as they were read.
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    /// The newest timestamp in it.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The objects, each once, in input order, and the snapshot of everything in the dump.
    pub fn connected(self) -> (Vec<Shared<Value>>, Snapshot) {
        let mut objects = each_once(self.objects);
        identify(&mut objects);
        let between = missing_replica_sets(&objects);
        let objects: Vec<Shared<Value>> = objects.into_iter().map(Shared::from).collect();
        let mut snapshot = Snapshot::default();
        for object in objects.iter().cloned().chain(between.into_iter().map(Shared::from)) {
            snapshot.know(live::id(&object), object.into());
        }
        let of_kind = |kind: &'static str| {
            let found = objects.iter().filter(move |object| live::kind(object) == kind);
            let found: Vec<Value> = found.map(|object| Value::clone(object)).collect();
            (!found.is_empty()).then_some(found)
        };
        (snapshot.nodes, snapshot.classes) = (of_kind("Node"), of_kind("StorageClass"));
        let pods = || objects.iter().filter(|object| live::kind(object) == "Pod").map(|pod| &**pod);
        snapshot.tenants = snapshot.nodes.is_some().then(|| Tenants::from_pods(pods()));
        let uids = uids(&objects);
        for (name, about, mut event) in self.events {
            if event.about.is_empty() {
                let key = (about.kind, about.namespace, about.name);
                event.about = uids.get(&key).cloned().unwrap_or_default();
            }
            snapshot.add_event(&name, event);
        }
        (objects, snapshot)
    }
}

type Name = (String, String, String);

fn name_of(object: &Value) -> Name {
    (live::kind(object).to_owned(), live::namespace(object).to_owned(), live::name(object).to_owned())
}

fn uids(objects: &[Shared<Value>]) -> HashMap<Name, String> {
    objects.iter().map(|object| (name_of(object), live::uid(object).to_owned())).collect()
}

/// If an object was dumped twice, the newer one, by its resource version, else by its place in the dump.
fn each_once(objects: Vec<Value>) -> Vec<Value> {
    let version = |object: &Value| live::number(object, "/metadata/resourceVersion");
    let mut places: HashMap<ObjectId, usize> = HashMap::new();
    let mut once: Vec<Value> = Vec::with_capacity(objects.len());
    for mut object in objects {
        current_group(&mut object);
        let id = live::id(&object);
        match places.get(&id).copied().filter(|_| !id.name.is_empty()) {
            Some(place) => {
                let is_older = matches!((version(&object), version(&once[place])), (Some(this), Some(other)) if this < other);
                if !is_older {
                    once[place] = object;
                }
            }
            None => {
                places.insert(id, once.len());
                once.push(object);
            }
        }
    }
    once
}

/// Workloads of clusters before 1.16 are of the group `extensions`; they are the same kinds.
fn current_group(object: &mut Value) {
    let group = match (live::text(object, "/apiVersion"), live::kind(object)) {
        (
            "extensions/v1beta1" | "apps/v1beta1" | "apps/v1beta2",
            "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet",
        ) => "apps/v1",
        ("extensions/v1beta1", "Ingress" | "NetworkPolicy") => "networking.k8s.io/v1",
        _ => return,
    };
    object["apiVersion"] = group.into();
}

/// Gives every object without a UID its name as one, and owners without a UID that of the object of their name.
fn identify(objects: &mut [Value]) {
    let mut known: HashMap<Name, String> = HashMap::new();
    for object in objects.iter_mut() {
        let name = name_of(object);
        if live::uid(object).is_empty() && object["metadata"].is_object() {
            object["metadata"]["uid"] = format!("{}/{}/{}", name.0, name.1, name.2).into();
        }
        known.insert(name, live::uid(object).to_owned());
    }
    for object in objects {
        let namespace = live::namespace(object).to_owned();
        let owners = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
        for owner in owners.into_iter().flatten() {
            let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
            if text("uid").is_empty() && owner.is_object() {
                let name = (text("kind"), namespace.clone(), text("name"));
                let made = format!("{}/{}/{}", name.0, name.1, name.2);
                owner["uid"] = known.get(&name).cloned().unwrap_or(made).into();
            }
        }
    }
}

/// The ReplicaSets that pods name and that are not in the dump, if the Deployment that created them is: the name of a
/// ReplicaSet consists of the Deployment's name and the hash of the pod template (`kubernetes:
/// pkg/controller/deployment/sync.go`).
fn missing_replica_sets(objects: &[Value]) -> Vec<Value> {
    let mut deployments: HashMap<(&str, &str), &Value> = HashMap::new();
    let mut there: HashSet<(&str, &str)> = HashSet::new();
    for object in objects {
        let name = (live::namespace(object), live::name(object));
        match live::kind(object) {
            "Deployment" => {
                deployments.insert(name, object);
            }
            "ReplicaSet" => {
                there.insert(name);
            }
            _ => {}
        }
    }
    // For each missing one: its UID, its Deployment, and the creation time of its newest pod.
    let mut missing: BTreeMap<(&str, &str), (&str, &Value, Option<Timestamp>)> = BTreeMap::new();
    for pod in objects.iter().filter(|object| live::kind(object) == "Pod") {
        let Some(owner) = live::controller(pod).filter(|owner| live::kind(owner) == "ReplicaSet") else {
            continue;
        };
        let (namespace, name) = (live::namespace(pod), live::text(owner, "/name"));
        let hash = live::label(pod, "pod-template-hash");
        let made_by = name.strip_suffix(hash).and_then(|rest| rest.strip_suffix('-'));
        let Some(deployment) = made_by.and_then(|made_by| deployments.get(&(namespace, made_by))) else {
            continue;
        };
        if hash.is_empty() || there.contains(&(namespace, name)) {
            continue;
        }
        let made = live::moment(pod, "/metadata/creationTimestamp");
        let entry = missing.entry((namespace, name)).or_insert((live::text(owner, "/uid"), deployment, made));
        entry.2 = entry.2.max(made);
    }
    let newest = |deployment: &Value| {
        let of = missing.values().filter(|(_, other, _)| live::uid(other) == live::uid(deployment));
        of.map(|(.., made)| *made).max().flatten()
    };
    missing
        .iter()
        .map(|((namespace, name), (uid, deployment, made))| {
            const REVISION: &str = "deployment.kubernetes.io/revision";
            let revision = live::annotation(deployment, REVISION);
            let revision = if *made == newest(deployment) { revision } else { "0" };
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": namespace, "uid": uid,
                "annotations": {REVISION: revision},
                "ownerReferences": [{"kind": "Deployment", "name": live::name(deployment), "uid": live::uid(deployment), "controller": true}]}})
        })
        .collect()
}
