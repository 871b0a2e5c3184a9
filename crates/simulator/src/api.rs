//! In-process API server: answers like the real one; tests change its state.
//!
//! Knows no schema: what is sent is kept. It answers GET, LIST, WATCH, POST, PUT, PATCH (apply, merge, JSON) and DELETE
//! with the real one's codes and messages, dry runs included.

use crate::memory::Memory;
use crate::memory::Rules;
use crate::request::ApiResponse;
use crate::request::Ask;
use crate::request::Watched;
use crate::request::Where;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::watch;

type Hook = Arc<dyn Fn(&Ask) -> Option<ApiResponse> + Send + Sync>;

/// The server. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct Api {
    state: Arc<Mutex<ServerState>>,
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct ServerState {
    memory: Memory,
    asked: Vec<Ask>,
    hook: Option<Hook>,
}

impl Default for Api {
    fn default() -> Api {
        Api::new()
    }
}

impl Api {
    /// A server with the namespaces that every cluster has.
    #[must_use]
    pub fn new() -> Api {
        let api = Api { state: Arc::default(), news: watch::channel(0).0 };
        for name in ["default", "kube-system"] {
            api.put(
                "api/v1/namespaces",
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
            );
        }
        api
    }

    /// A server in which a cluster's rules hold, and nothing is there yet.
    pub(crate) fn of_cluster(rules: Rules) -> Api {
        let api = Api { state: Arc::default(), news: watch::channel(0).0 };
        api.lock().memory.rules = Some(rules);
        api
    }

    /// Puts an object there as a controller would: no checks, no owners. Returns it as it is then.
    pub fn put(&self, collection: &str, mut object: Value) -> Value {
        let mut state = self.lock();
        let namespace = text(&object["metadata"]["namespace"]);
        let name = text(&object["metadata"]["name"]);
        let before =
            state.memory.objects.get(&(collection.to_owned(), namespace.clone(), name.clone())).cloned();
        let at = Where { collection: collection.to_owned(), namespace, name, ..Where::default() };
        if let Some(before) = &before {
            object["metadata"]["uid"] = before["metadata"]["uid"].clone();
            object["metadata"]["creationTimestamp"] = before["metadata"]["creationTimestamp"].clone();
        }
        let object = state.memory.keep(&at, before.as_ref(), object);
        drop(state);
        self.notify();
        object
    }

    /// Takes an object away as a controller would.
    pub fn take(&self, collection: &str, namespace: &str, name: &str) {
        self.lock().memory.forget(&(collection.to_owned(), namespace.to_owned(), name.to_owned()));
        self.notify();
    }

    /// An object as it is now.
    #[must_use]
    pub fn get(&self, collection: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock()
            .memory
            .objects
            .get(&(collection.to_owned(), namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// Every object there is, as `collection namespace/name`, with its resourceVersion.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, String> {
        self.lock()
            .memory
            .objects
            .iter()
            .map(|((collection, namespace, name), object)| {
                (format!("{collection} {namespace}/{name}"), text(&object["metadata"]["resourceVersion"]))
            })
            .collect()
    }

    /// The requests since the last time, oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut self.lock().asked)
    }

    /// Lets `hook` answer before the server does.
    pub fn answer_with(&self, hook: impl Fn(&Ask) -> Option<ApiResponse> + Send + Sync + 'static) {
        self.lock().hook = Some(Arc::new(hook));
    }

    /// Forgets what happened: a watch from an older version is answered 410 Gone.
    pub fn compact(&self) {
        self.lock().memory.compact();
    }

    /// Answers a request, or lets the hook answer it.
    #[must_use]
    pub fn handle(&self, ask: &Ask) -> ApiResponse {
        let hook = {
            let mut state = self.lock();
            // A long-lived cluster receives many requests.
            if state.memory.rules.is_none() {
                state.asked.push(ask.clone());
            }
            state.hook.clone()
        };
        hook.and_then(|hook| hook(ask)).unwrap_or_else(|| self.answer_plainly(ask))
    }

    /// Answers a request, without calling the hook.
    pub(crate) fn answer_plainly(&self, ask: &Ask) -> ApiResponse {
        let answer = self.lock().memory.handle(ask);
        self.notify();
        answer
    }

    /// The events of a watch so far, and the version up to which they go; an `ERROR` event ends the stream.
    #[must_use]
    pub fn events(&self, watched: &Watched, after: u64) -> (Vec<Value>, u64) {
        let memory = &self.lock().memory;
        (memory.events(watched, after), memory.version)
    }

    /// The version from which a watch reports changes: all existing objects if none was given.
    #[must_use]
    pub fn start(&self, watched: &Watched) -> (Vec<Value>, u64) {
        if watched.after > 0 {
            return (Vec::new(), watched.after);
        }
        let memory = &self.lock().memory;
        let events = memory
            .within(&watched.collection, watched.namespace.as_deref(), &watched.labels, &watched.fields)
            .map(|object| json!({"type": "ADDED", "object": object}))
            .collect();
        (events, memory.version)
    }

    /// Hears of every change.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Works on the memory as a part of the cluster does, and publishes what has changed.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Memory) -> R) -> R {
        let result = work(&mut self.lock().memory);
        self.notify();
        result
    }

    fn notify(&self) {
        let version = self.lock().memory.version;
        self.news.send_if_modified(|announced| std::mem::replace(announced, version) != version);
    }

    fn lock(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
