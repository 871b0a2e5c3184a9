//! The state of the cluster at one moment: the project's objects, the pods and ReplicaSets they made, and their events.
//!
//! Only state, never transitions: a list after a lost watch may skip any number of them. Absence means deleted only for
//! kinds whose list was read to its end ([`Snapshot::complete`]).

use crate::ObjectId;
use crate::live;
use crate::tenants::Tenants;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

/// A Kubernetes Event, with the fields that are read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeEvent {
    /// The UID of the object that it is about.
    pub about: String,
    /// The part of the object: `spec.containers{web}`.
    pub part: String,
    /// One word: `FailedMount`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// When it was first seen, by the cluster's clock: repetitions are counted in the same event.
    pub first: Option<Timestamp>,
    /// When it was last seen.
    pub last: Option<Timestamp>,
}

impl KubeEvent {
    /// Reads an Event of `v1` or `events.k8s.io/v1`.
    pub fn from_object(event: &Value) -> KubeEvent {
        let first_text = |pointers: &[&str]| {
            pointers.iter().map(|pointer| live::text(event, pointer)).find(|text| !text.is_empty())
        };
        let about = first_text(&["/involvedObject/uid", "/regarding/uid"]).unwrap_or_default();
        let last = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/deprecatedLastTimestamp"]
            .iter()
            .find_map(|pointer| live::moment(event, pointer));
        let first = ["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]
            .iter()
            .find_map(|pointer| live::moment(event, pointer));
        KubeEvent {
            about: about.to_owned(),
            part: first_text(&["/involvedObject/fieldPath", "/regarding/fieldPath"])
                .unwrap_or_default()
                .to_owned(),
            reason: live::text(event, "/reason").to_owned(),
            message: first_text(&["/message", "/note"]).unwrap_or_default().trim().to_owned(),
            warning: live::text(event, "/type") == "Warning",
            first,
            last,
        }
    }
}

impl KubeEvent {
    /// Whether it is about the container of that name.
    pub fn is_of(&self, container: &str) -> bool {
        self.part.strip_suffix('}').and_then(|part| part.rsplit_once('{')).map(|(_, name)| name)
            == Some(container)
    }
}

/// The known state of the cluster at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    objects: BTreeMap<ObjectId, Arc<Value>>,
    /// What each owner controls, by its UID: it is looked up for every workload at each snapshot, and there may be
    /// many.
    owned: HashMap<String, BTreeSet<ObjectId>>,
    /// The pods that use each claim, by its namespace and name.
    users: HashMap<(String, String), BTreeSet<ObjectId>>,
    events: HashMap<String, BTreeMap<String, KubeEvent>>,
    complete: BTreeSet<(String, String, Option<String>)>,
    /// Lists that were requested and have not arrived yet.
    awaited: BTreeSet<(String, String, Option<String>)>,
    /// The nodes, once they were requested.
    pub nodes: Option<Vec<Value>>,
    /// All pods of the cluster, once they were requested: the resources that each takes of a node.
    pub tenants: Option<Tenants>,
    /// The StorageClasses, once they were requested.
    pub classes: Option<Vec<Value>>,
}

impl Snapshot {
    /// A snapshot of dumped objects; `List`s are unfolded.
    pub fn from_objects(objects: &[Value]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for object in unfold(objects) {
            match live::kind(object) {
                "Event" => snapshot.add_event(live::name(object), KubeEvent::from_object(object)),
                "Node" => snapshot.nodes.get_or_insert_default().push(object.clone()),
                "StorageClass" => snapshot.classes.get_or_insert_default().push(object.clone()),
                _ => {}
            }
            if live::kind(object) != "Event" {
                snapshot.put(object.clone());
            }
        }
        snapshot
    }

    /// Takes in an object.
    pub fn put(&mut self, object: Value) {
        self.know(live::id(&object), object.into());
    }

    /// Takes in what we wrote ourselves, under the name that it was given.
    pub fn know(&mut self, id: ObjectId, object: Arc<Value>) {
        let owner = live::controller_uid(&object).to_owned();
        let claims = claims(&object);
        if let Some(before) = self.objects.insert(id.clone(), object) {
            self.forget(&id, &before);
        }
        for claim in claims {
            self.users.entry(claim).or_default().insert(id.clone());
        }
        if !owner.is_empty() {
            self.owned.entry(owner).or_default().insert(id);
        }
    }

    /// Takes what `before` was out of the indices.
    fn forget(&mut self, id: &ObjectId, before: &Value) {
        self.disown(id, live::controller_uid(before));
        for claim in claims(before) {
            if let Some(users) = self.users.get_mut(&claim) {
                users.remove(id);
                if users.is_empty() {
                    self.users.remove(&claim);
                }
            }
        }
    }

    fn disown(&mut self, id: &ObjectId, owner: &str) {
        if let Some(owned) = self.owned.get_mut(owner) {
            owned.remove(id);
            if owned.is_empty() {
                self.owned.remove(owner);
            }
        }
    }

    /// Takes in an event, by its name.
    pub fn add_event(&mut self, name: &str, event: KubeEvent) {
        self.events.entry(event.about.clone()).or_default().insert(name.to_owned(), event);
    }

    /// Forgets an object.
    pub fn remove(&mut self, id: &ObjectId) {
        if let Some(before) = self.objects.remove(id) {
            self.forget(id, &before);
        }
    }

    /// Replaces everything of one kind and namespace by the result of a list; events are added.
    pub fn replace(&mut self, group: &str, kind: &str, namespace: Option<&str>, objects: Vec<Value>) {
        if kind == "Event" {
            for event in &objects {
                self.add_event(live::name(event), KubeEvent::from_object(event));
            }
            return;
        }
        let of_the_list = |id: &&ObjectId| {
            id.group == group
                && id.kind == kind
                && (namespace.is_none() || id.namespace.as_deref() == namespace)
        };
        let before: Vec<ObjectId> = self.objects.keys().filter(of_the_list).cloned().collect();
        for id in &before {
            self.remove(id);
        }
        for object in objects {
            self.put(object);
        }
        self.expect_no_more(group, kind, namespace);
        self.complete.insert((group.to_owned(), kind.to_owned(), namespace.map(str::to_owned)));
    }

    /// A list of this kind and namespace was requested.
    pub fn expect(&mut self, group: &str, kind: &str, namespace: Option<&str>) {
        self.awaited.insert((group.to_owned(), kind.to_owned(), namespace.map(str::to_owned)));
    }

    /// The list that was requested will not come: this user may not read it.
    pub fn expect_no_more(&mut self, group: &str, kind: &str, namespace: Option<&str>) {
        self.awaited.remove(&(group.to_owned(), kind.to_owned(), namespace.map(str::to_owned)));
    }

    /// Whether a list of this kind in this namespace is still to come.
    pub fn awaits(&self, group: &str, kind: &str, namespace: &str) -> bool {
        let namespace = Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty());
        self.awaited.contains(&(group.to_owned(), kind.to_owned(), namespace))
    }

    /// Whether the list that would hold this object was read to its end.
    pub fn complete(&self, id: &ObjectId) -> bool {
        let key = |namespace: Option<String>| (id.group.clone(), id.kind.clone(), namespace);
        self.complete.contains(&key(id.namespace.clone())) || self.complete.contains(&key(None))
    }

    /// The object of that name.
    pub fn get(&self, id: &ObjectId) -> Option<&Value> {
        self.objects.get(id).map(|object| &**object)
    }

    /// Everything there is.
    pub fn all(&self) -> impl Iterator<Item = (&ObjectId, &Value)> {
        self.objects.iter().map(|(id, object)| (id, &**object))
    }

    /// All objects of a group and kind in a namespace; an empty one is that of kinds without.
    pub fn kind<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let first = ObjectId {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
            name: String::new(),
        };
        self.objects
            .range(first..)
            .take_while(move |(id, _)| {
                id.group == group
                    && id.kind == kind
                    && id.namespace.as_deref().unwrap_or_default() == namespace
            })
            .map(|(_, object)| &**object)
    }

    /// All objects of a group and kind that the owner with that UID controls.
    pub fn owned<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
        owner: &str,
    ) -> impl Iterator<Item = &'a Value> {
        let ids = self.owned.get(owner).into_iter().flatten();
        ids.filter(move |id| id.group == group && id.kind == kind).filter_map(|id| self.get(id))
    }

    /// The pods that use the claim of that namespace and name.
    pub fn users<'a>(&'a self, namespace: &str, claim: &str) -> impl Iterator<Item = &'a Value> {
        let ids = self.users.get(&(namespace.to_owned(), claim.to_owned())).into_iter().flatten();
        ids.filter_map(|id| self.get(id))
    }

    /// The events of the object with that UID, oldest first.
    pub fn events(&self, uid: &str) -> Vec<&KubeEvent> {
        let mut of: Vec<&KubeEvent> =
            self.events.get(uid).filter(|_| !uid.is_empty()).into_iter().flat_map(BTreeMap::values).collect();
        of.sort_by_key(|event| event.last);
        of
    }
}

/// The claims that a pod uses.
fn claims(object: &Value) -> Vec<(String, String)> {
    if live::kind(object) != "Pod" {
        return Vec::new();
    }
    live::list(object, "/spec/volumes")
        .iter()
        .map(|volume| live::text(volume, "/persistentVolumeClaim/claimName"))
        .filter(|name| !name.is_empty())
        .map(|name| (live::namespace(object).to_owned(), name.to_owned()))
        .collect()
}

/// The objects, with `List`s unfolded at any depth.
pub fn unfold(objects: &[Value]) -> Vec<&Value> {
    objects
        .iter()
        .flat_map(|object| match object.get("items").and_then(Value::as_array) {
            Some(items) if live::kind(object).ends_with("List") => unfold(items),
            _ => vec![object],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Snapshot;
    use crate::live;
    use serde_json::Value;
    use serde_json::json;

    fn pod(name: &str, owner: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
            "ownerReferences": [{"uid": owner, "controller": true}]}})
    }

    #[test]
    fn what_an_owner_controls_follows_every_change() {
        let owned = |snapshot: &Snapshot, owner: &str| -> Vec<String> {
            snapshot.owned("", "Pod", owner).map(|pod| live::name(pod).to_owned()).collect()
        };
        let mut snapshot = Snapshot::from_objects(&[pod("b", "set-1"), pod("a", "set-1"), pod("c", "set-2")]);
        assert_eq!(owned(&snapshot, "set-1"), ["a", "b"]);
        snapshot.put(pod("a", "set-2"));
        snapshot.remove(&live::id(&pod("c", "set-2")));
        assert_eq!((owned(&snapshot, "set-1").len(), owned(&snapshot, "set-2")), (1, vec!["a".to_owned()]));
        snapshot.replace("", "Pod", Some("shop"), vec![pod("d", "set-1")]);
        assert_eq!((owned(&snapshot, "set-1"), owned(&snapshot, "set-2").len()), (vec!["d".to_owned()], 0));
        assert!(owned(&snapshot, "").is_empty());
    }
}
