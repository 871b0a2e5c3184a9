//! A controller's access to the objects: find, create, change, delete, and emit events.

use crate::cluster::Settings;
use crate::cluster::reading::available;
use crate::cluster::task::Task;
use crate::kinds;
use crate::kinds::Served;
use crate::memory::Memory;
use crate::random;
use crate::request::ApiResponse;
use crate::request::Ask;
use crate::request::Where;
use crate::request::text;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A controller during one reconcile; no other controller runs at the same time.
pub(super) struct ControllerContext<'a> {
    pub(super) memory: &'a mut Memory,
    pub(super) settings: &'a Settings,
    /// The tasks to requeue, and after how long.
    pub(super) later: &'a mut Vec<(Duration, Task)>,
    /// Whether the task was put off until now.
    pub(super) due: bool,
}

impl ControllerContext<'_> {
    pub(super) fn get(&self, kind: Served, namespace: &str, name: &str) -> Option<Value> {
        let key = (kind.collection.to_owned(), namespace.to_owned(), name.to_owned());
        self.memory.objects.get(&key).cloned()
    }

    /// The objects of a kind for which `fits` is true.
    pub(super) fn find(
        &self,
        kind: Served,
        namespace: Option<&str>,
        fits: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        self.memory
            .within(kind.collection, namespace, "", "")
            .filter(|object| fits(object))
            .cloned()
            .collect()
    }

    /// The objects of a kind that `owner` controls, oldest first.
    pub(super) fn owned(&self, kind: Served, owner: &Value) -> Vec<Value> {
        let uid = owner["metadata"]["uid"].as_str();
        let namespace = owner["metadata"]["namespace"].as_str();
        let mut found = self.find(kind, namespace, |object| controller(object)["uid"].as_str() == uid);
        found.sort_by_key(|object| {
            (text(&object["metadata"]["creationTimestamp"]), text(&object["metadata"]["name"]))
        });
        found
    }

    /// Makes an object as any client would.
    ///
    /// # Errors
    /// The API server's refusal.
    pub(super) fn make(&mut self, kind: Served, mut object: Value) -> Result<Value, String> {
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.kind);
        let namespace = text(&object["metadata"]["namespace"]);
        let path = match (kind.collection.rsplit_once('/'), namespace.is_empty()) {
            (Some((group, plural)), false) => format!("/{group}/namespaces/{namespace}/{plural}"),
            _ => format!("/{}", kind.collection),
        };
        let ask = Ask {
            method: "POST".to_owned(),
            path,
            query: BTreeMap::from([("fieldManager".to_owned(), "kube-controller-manager".to_owned())]),
            content: String::new(),
            body: object,
        };
        match self.memory.handle(&ask) {
            ApiResponse::Json(201, object) => Ok(object),
            ApiResponse::Json(_, status) => Err(text(&status["message"])),
            _ => Err("no answer".to_owned()),
        }
    }

    /// Keeps an object as it is now, if it has changed.
    pub(super) fn keep(&mut self, object: Value) -> Value {
        let Some(at) = place(&object) else { return object };
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        match self.memory.objects.get(&key).cloned() {
            Some(before) if before == object => object,
            Some(before) => self.memory.keep(&at, Some(&before), object),
            // It went meanwhile.
            None => object,
        }
    }

    /// Creates an object without a request of a client.
    pub(super) fn put(&mut self, object: Value) -> Value {
        let Some(at) = place(&object) else { return object };
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        let before = self.memory.objects.get(&key).cloned();
        self.memory.keep(&at, before.as_ref(), object)
    }

    /// Deletes an object as any client would; what it owns follows.
    pub(super) fn remove(&mut self, object: &Value) {
        self.remove_by(object, "Background", None);
    }

    pub(super) fn remove_by(&mut self, object: &Value, policy: &str, grace: Option<i64>) {
        let Some(at) = place(object) else { return };
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        let live = self.memory.objects.get(&key).cloned();
        if let Some(live) = live.filter(|live| live["metadata"]["uid"] == object["metadata"]["uid"]) {
            self.memory.begin_deletion(&at, &live, policy, grace);
        }
    }

    /// Takes an object away, whatever holds it.
    pub(super) fn forget(&mut self, object: &Value) {
        if let Some(at) = place(object) {
            self.memory.forget(&(at.collection, at.namespace, at.name));
        }
    }

    /// How many of `pods` have been ready for so many seconds; `task` comes again when another one will have been.
    pub(super) fn up(&mut self, pods: &[Value], seconds: i64, task: &Task) -> usize {
        let mut up = 0;
        for pod in pods {
            match available(pod, seconds, self.now()) {
                Ok(()) => up += 1,
                Err(Some(left)) => self.again(left, task.clone()),
                Err(None) => {}
            }
        }
        up
    }

    /// Has a task done again after a while.
    pub(super) fn again(&mut self, after: Duration, task: Task) {
        self.later.push((after, task));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    pub(super) fn stamp(&self) -> String {
        self.memory.stamp()
    }

    /// A number under the cluster's seed.
    pub(super) fn random(&mut self, low: u64, high: u64) -> u64 {
        self.memory.rules.as_mut().map_or(low, |rules| rules.rng.between(low, high))
    }

    pub(super) fn word(&mut self, length: usize) -> String {
        self.memory.rules.as_mut().map_or_else(|| "0".repeat(length), |rules| rules.rng.word(length))
    }

    /// Emits a Normal event on an object.
    pub(super) fn emit_event(&mut self, of: &Value, source: &str, reason: &str, message: &str) {
        self.event(of, "", source, "Normal", reason, message);
    }

    /// Emits a Warning event on an object.
    pub(super) fn warn(&mut self, of: &Value, source: &str, reason: &str, message: &str) {
        self.event(of, "", source, "Warning", reason, message);
    }

    /// An event; the same one again only counts.
    pub(super) fn event(
        &mut self,
        of: &Value,
        part: &str,
        source: &str,
        severity: &str,
        reason: &str,
        message: &str,
    ) {
        let metadata = &of["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        let identity = format!("{}{part}{source}{reason}{message}", text(&metadata["uid"]));
        let name = format!("{}.{:016x}", text(&metadata["name"]), random::hash(&identity));
        let stamp = self.stamp();
        if let Some(mut event) = self.get(kinds::EVENT, namespace, &name) {
            event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
            event["lastTimestamp"] = json!(stamp);
            self.keep(event);
            return;
        }
        let mut involved = json!({"kind": of["kind"], "apiVersion": of["apiVersion"],
            "name": metadata["name"], "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
        if !metadata["namespace"].is_null() {
            involved["namespace"] = metadata["namespace"].clone();
        }
        if !part.is_empty() {
            involved["fieldPath"] = json!(part);
        }
        self.put(
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved, "type": severity, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": stamp, "lastTimestamp": stamp, "source": {"component": source},
            "reportingComponent": source, "reportingInstance": ""}),
        );
    }
}

/// Where an object is kept.
pub(super) fn place(object: &Value) -> Option<Where> {
    let kind = kinds::named(object["apiVersion"].as_str()?, object["kind"].as_str()?)?;
    Some(Where {
        collection: kind.collection.to_owned(),
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        plural: kind.plural.to_owned(),
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
        subresource: String::new(),
    })
}

/// The owner that controls an object; `null` if it has no controller.
pub(super) fn controller(object: &Value) -> &Value {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().find(|owner| owner["controller"] == true).unwrap_or(&Value::Null)
}
