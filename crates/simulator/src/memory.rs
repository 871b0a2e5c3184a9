//! The state of an API server: the objects, their versions, and what has happened to them.
//!
//! Not what a request does to them (`verbs`), nor which kinds there are (`served`).

use crate::clock::Clock;
use crate::kinds;
use crate::random::Rng;
use crate::request::Watched;
use crate::request::Where;
use crate::request::failure;
use crate::request::selects;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// Collection (`apis/apps/v1/deployments`), namespace and name.
pub(crate) type Key = (String, String, String);

/// Objects by their names, and the events for watches.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) version: u64,
    /// Events before this version are dropped.
    oldest: u64,
    uids: u64,
    pub(crate) objects: BTreeMap<Key, Value>,
    /// Ascending by version.
    history: Vec<Happened>,
    /// What holds in a cluster with controllers; without them objects are stored as sent.
    pub(crate) rules: Option<Rules>,
}

/// At least this many changes are kept; a client that needs older ones must list again, as with etcd's compaction.
const REMEMBERED: usize = 20_000;

/// The rules of a cluster with controllers.
pub(crate) struct Rules {
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
}

/// A change of an object.
pub(crate) struct Happened {
    pub(crate) version: u64,
    pub(crate) what: &'static str,
    pub(crate) collection: String,
    pub(crate) object: Value,
}

impl Memory {
    /// The objects of a collection, in one namespace or in all.
    pub(crate) fn within<'a>(
        &'a self,
        collection: &'a str,
        namespace: Option<&'a str>,
        labels: &'a str,
        fields: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let first = (collection.to_owned(), namespace.unwrap_or_default().to_owned(), String::new());
        self.objects
            .range(first..)
            .take_while(move |((c, n, _), _)| {
                c == collection && namespace.is_none_or(|namespace| n == namespace)
            })
            .filter(move |(_, object)| selects(object, labels, fields))
            .map(|(_, object)| object)
    }

    /// The present moment as objects write it, in whole seconds.
    pub(crate) fn stamp(&self) -> String {
        match &self.rules {
            Some(rules) => rules.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            None => "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    /// Everything that is there, as if it had just come.
    pub(crate) fn as_news(&self) -> Vec<Happened> {
        let news = self.objects.iter().map(|((collection, ..), object)| Happened {
            version: self.version,
            what: "ADDED",
            collection: collection.clone(),
            object: object.clone(),
        });
        news.collect()
    }

    /// The changes since a version, oldest first.
    pub(crate) fn since(&self, version: u64) -> &[Happened] {
        &self.history[self.history.partition_point(|event| event.version <= version)..]
    }

    /// Remembers an object under a new version.
    pub(crate) fn keep(&mut self, at: &Where, before: Option<&Value>, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata["uid"].is_null() {
            self.uids += 1;
            let uid = match &mut self.rules {
                Some(rules) => rules.rng.uid(),
                None => format!("00000000-0000-0000-0000-{:012}", self.uids),
            };
            metadata["uid"] = json!(uid);
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = json!(self.stamp());
        }
        let generation = before.map_or(0, |before| before["metadata"]["generation"].as_i64().unwrap_or(0));
        let changed = before.is_none_or(|before| before["spec"] != object["spec"]);
        if !object["spec"].is_null() && kinds::counts_generations(&at.collection) {
            object["metadata"]["generation"] = json!(generation + i64::from(changed));
        }
        if at.plural == "customresourcedefinitions" && object["status"].is_null() {
            object["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
        }
        self.history.push(Happened {
            version: self.version,
            what: if before.is_some() { "MODIFIED" } else { "ADDED" },
            collection: at.collection.clone(),
            object: object.clone(),
        });
        if self.history.len() > REMEMBERED * 2 {
            self.history.drain(..REMEMBERED);
            self.oldest = self.history[0].version;
        }
        self.objects.insert((at.collection.clone(), at.namespace.clone(), at.name.clone()), object.clone());
        object
    }

    /// Forgets an object.
    pub(crate) fn forget(&mut self, key: &Key) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.history.push(Happened {
                version: self.version,
                what: "DELETED",
                collection: key.0.clone(),
                object,
            });
        }
    }

    /// The events of a watch since a version; an `ERROR` event where they are no longer kept.
    pub(crate) fn events(&self, watched: &Watched, after: u64) -> Vec<Value> {
        if after < self.oldest && after > 0 {
            let gone = failure(410, "Expired", "too old resource version", &Value::Null);
            return vec![json!({"type": "ERROR", "object": gone})];
        }
        let first = self.history.partition_point(|event| event.version <= after);
        self.history[first..]
            .iter()
            .filter(|event| event.collection == watched.collection)
            .filter(|event| {
                let namespace = text(&event.object["metadata"]["namespace"]);
                watched.namespace.as_ref().is_none_or(|desired| *desired == namespace)
                    && selects(&event.object, &watched.labels, &watched.fields)
            })
            .map(|event| json!({"type": event.what, "object": event.object}))
            .collect()
    }

    /// Drops the past events, but not the objects.
    pub(crate) fn compact(&mut self) {
        self.oldest = self.version;
        self.history.clear();
    }
}
