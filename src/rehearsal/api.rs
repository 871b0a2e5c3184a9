//! An API server's memory: objects of any kind, their versions, what has happened to them, and who owns their fields.
//!
//! Knows no schema: what is sent is kept. It answers GET, LIST, WATCH, POST, PUT, PATCH (apply, merge, JSON) and DELETE
//! with the real one's codes and words, dry runs included.

use crate::rehearsal::fieldset;
use crate::rehearsal::fieldset::Path;
use crate::rehearsal::owner::own;
use crate::rehearsal::owner::owners;
use crate::rehearsal::owner::refused;
use crate::rehearsal::patch::json_patch;
use crate::rehearsal::patch::merge_patch;
use crate::rehearsal::request::Answer;
use crate::rehearsal::request::Ask;
use crate::rehearsal::request::Watched;
use crate::rehearsal::request::Where;
use crate::rehearsal::request::api_version;
use crate::rehearsal::request::failure;
use crate::rehearsal::request::locate;
use crate::rehearsal::request::not_found;
use crate::rehearsal::request::selects;
use crate::rehearsal::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::watch;

type Hook = Arc<dyn Fn(&Ask) -> Option<Answer> + Send + Sync>;

/// The server. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct Api {
    state: Arc<Mutex<State>>,
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    version: u64,
    oldest: u64,
    uids: u64,
    /// By collection (`apis/apps/v1/deployments`), namespace and name.
    objects: BTreeMap<(String, String, String), Value>,
    history: Vec<Happened>,
    asked: Vec<Ask>,
    hook: Option<Hook>,
}

#[derive(Clone)]
struct Happened {
    version: u64,
    what: &'static str,
    collection: String,
    object: Value,
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

    /// Puts an object there as a controller would: no checks, no owners. Returns it as it is then.
    pub fn put(&self, collection: &str, mut object: Value) -> Value {
        let mut state = self.lock();
        let namespace = text(&object["metadata"]["namespace"]);
        let name = text(&object["metadata"]["name"]);
        let before = state.objects.get(&(collection.to_owned(), namespace.clone(), name.clone())).cloned();
        let at = Where { collection: collection.to_owned(), namespace, name, ..Where::default() };
        if let Some(before) = &before {
            object["metadata"]["uid"] = before["metadata"]["uid"].clone();
            object["metadata"]["creationTimestamp"] = before["metadata"]["creationTimestamp"].clone();
        }
        let object = state.keep(&at, before.as_ref(), object);
        drop(state);
        self.tell();
        object
    }

    /// Takes an object away as a controller would.
    pub fn take(&self, collection: &str, namespace: &str, name: &str) {
        self.lock().forget(&(collection.to_owned(), namespace.to_owned(), name.to_owned()));
        self.tell();
    }

    /// An object as it is now.
    #[must_use]
    pub fn get(&self, collection: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock().objects.get(&(collection.to_owned(), namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Every object there is, as `collection namespace/name`, with its resourceVersion.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, String> {
        self.lock()
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
    pub fn answer_with(&self, hook: impl Fn(&Ask) -> Option<Answer> + Send + Sync + 'static) {
        self.lock().hook = Some(Arc::new(hook));
    }

    /// Forgets what happened: a watch from an older version is told 410 Gone.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.oldest = state.version;
        state.history.clear();
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, ask: &Ask) -> Answer {
        let hook = {
            let mut state = self.lock();
            state.asked.push(ask.clone());
            state.hook.clone()
        };
        if let Some(answer) = hook.and_then(|hook| hook(ask)) {
            return answer;
        }
        let mut state = self.lock();
        let answer = state.answer(ask);
        drop(state);
        self.tell();
        answer
    }

    /// The events of a watch so far, and the version up to which they go; an `ERROR` event ends the stream.
    #[must_use]
    pub fn events(&self, watched: &Watched, after: u64) -> (Vec<Value>, u64) {
        let state = self.lock();
        if after < state.oldest && after > 0 {
            let gone = failure(410, "Expired", "too old resource version", &Value::Null);
            return (vec![json!({"type": "ERROR", "object": gone})], state.version);
        }
        let events = state
            .history
            .iter()
            .filter(|event| event.version > after && event.collection == watched.collection)
            .filter(|event| {
                let namespace = text(&event.object["metadata"]["namespace"]);
                watched.namespace.as_ref().is_none_or(|wanted| *wanted == namespace)
                    && selects(&event.object, &watched.labels, &watched.fields)
            })
            .map(|event| json!({"type": event.what, "object": event.object}))
            .collect();
        (events, state.version)
    }

    /// From which version on a watch tells: all that is there if none was given.
    #[must_use]
    pub fn start(&self, watched: &Watched) -> (Vec<Value>, u64) {
        if watched.after > 0 {
            return (Vec::new(), watched.after);
        }
        let state = self.lock();
        let events = state
            .within(&watched.collection, watched.namespace.as_deref(), &watched.labels, &watched.fields)
            .map(|object| json!({"type": "ADDED", "object": object}))
            .collect();
        (events, state.version)
    }

    /// Hears of every change.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn tell(&self) {
        let version = self.lock().version;
        self.news.send_replace(version);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, ask: &Ask) -> Answer {
        let at = locate(&ask.path);
        if at.plural.is_empty() {
            return self.discover(&ask.path);
        }
        if !self.serves(&at) {
            return Answer::Json(404, Value::String("404 page not found".to_owned()));
        }
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        let live = self.objects.get(&key).cloned();
        match (ask.method.as_str(), at.name.is_empty()) {
            ("GET", true) if ask.flag("watch") => Answer::Watch(Watched {
                collection: at.collection,
                namespace: (!at.namespace.is_empty()).then_some(at.namespace),
                labels: ask.text("labelSelector").to_owned(),
                fields: ask.text("fieldSelector").to_owned(),
                after: ask.text("resourceVersion").parse().unwrap_or(0),
                seconds: ask.text("timeoutSeconds").parse().unwrap_or(290),
            }),
            ("GET", true) => {
                let namespace = (!at.namespace.is_empty()).then_some(at.namespace.as_str());
                let (labels, fields) = (ask.text("labelSelector"), ask.text("fieldSelector"));
                let items: Vec<&Value> = self.within(&at.collection, namespace, labels, fields).collect();
                let list = json!({"kind": "List", "apiVersion": api_version(&at),
                    "metadata": {"resourceVersion": self.version.to_string()}, "items": items});
                Answer::Json(200, list)
            }
            ("GET", false) => live.map_or_else(|| not_found(&at), |object| Answer::Json(200, object)),
            ("POST", true) => self.create(&at, ask),
            ("PUT", false) => match live {
                Some(live) => self.update(&at, ask, &live, ask.body.clone()),
                None => not_found(&at),
            },
            ("PATCH", false) if ask.content.contains("apply-patch") => self.apply(&at, ask, live.as_ref()),
            ("PATCH", false) => match live {
                Some(live) => {
                    let mut next = live.clone();
                    if ask.content.contains("json-patch") {
                        json_patch(&mut next, &ask.body);
                    } else {
                        merge_patch(&mut next, &ask.body);
                    }
                    self.update(&at, ask, &live, next)
                }
                None => not_found(&at),
            },
            ("DELETE", false) => match live {
                Some(live) => self.delete(&at, ask, &live),
                None => not_found(&at),
            },
            _ => Answer::Json(
                405,
                failure(405, "MethodNotAllowed", "the server does not allow this", &Value::Null),
            ),
        }
    }

    /// The kinds of a group version: those of the CRDs that are here.
    fn discover(&self, path: &str) -> Answer {
        let wanted = path.trim_start_matches("/apis/");
        let resources: Vec<Value> = self
            .crds()
            .flat_map(|crd| {
                let spec = &crd["spec"];
                let group = text(&spec["group"]);
                let versions = spec["versions"].as_array().cloned().unwrap_or_default();
                versions
                    .into_iter()
                    .map(move |version| (format!("{group}/{}", text(&version["name"])), spec.clone()))
            })
            .filter(|(version, _)| version == wanted)
            .map(|(_, spec)| {
                json!({"name": spec["names"]["plural"], "kind": spec["names"]["kind"], "singularName": "",
                    "namespaced": spec["scope"] != "Cluster",
                    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]})
            })
            .collect();
        if resources.is_empty() {
            return Answer::Json(404, Value::String("404 page not found".to_owned()));
        }
        Answer::Json(
            200,
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": wanted, "resources": resources}),
        )
    }

    fn crds(&self) -> impl Iterator<Item = &Value> {
        self.within("apis/apiextensions.k8s.io/v1/customresourcedefinitions", None, "", "")
    }

    /// Groups of Kubernetes are all served; any other needs its CRD.
    fn serves(&self, at: &Where) -> bool {
        let own = !at.group.contains('.') || at.group.ends_with(".k8s.io");
        own || self.crds().any(|crd| {
            crd["spec"]["group"] == at.group.as_str() && crd["spec"]["names"]["plural"] == at.plural.as_str()
        })
    }

    fn within<'a>(
        &'a self,
        collection: &'a str,
        namespace: Option<&'a str>,
        labels: &'a str,
        fields: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        self.objects
            .iter()
            .filter(move |((c, n, _), object)| {
                c == collection
                    && namespace.is_none_or(|namespace| n == namespace)
                    && selects(object, labels, fields)
            })
            .map(|(_, object)| object)
    }

    fn create(&mut self, at: &Where, ask: &Ask) -> Answer {
        let mut at = at.clone();
        at.name = text(&ask.body["metadata"]["name"]);
        if let Some(refused) = self.refuse(&at) {
            return refused;
        }
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        if self.objects.contains_key(&key) {
            let message = format!("{} \"{}\" already exists", at.plural, at.name);
            return Answer::Json(409, failure(409, "AlreadyExists", &message, &Value::Null));
        }
        let mut object = ask.body.clone();
        own(&mut object, ask.text("fieldManager"), "Update", &fieldset::fields(&ask.body));
        Answer::Json(201, self.write(&at, ask, None, object))
    }

    /// Why nothing can be made there.
    fn refuse(&self, at: &Where) -> Option<Answer> {
        if at.namespace.is_empty() {
            return None;
        }
        let key = ("api/v1/namespaces".to_owned(), String::new(), at.namespace.clone());
        match self.objects.get(&key) {
            None => {
                let message = format!("namespaces \"{}\" not found", at.namespace);
                Some(Answer::Json(404, failure(404, "NotFound", &message, &Value::Null)))
            }
            Some(namespace) if !namespace["metadata"]["deletionTimestamp"].is_null() => {
                let message = format!(
                    "unable to create new content in namespace {} because it is being terminated",
                    at.namespace
                );
                let causes = json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]);
                Some(Answer::Json(403, failure(403, "Forbidden", &message, &causes)))
            }
            Some(_) => None,
        }
    }

    fn update(&mut self, at: &Where, ask: &Ask, live: &Value, mut next: Value) -> Answer {
        let asked = &next["metadata"]["resourceVersion"];
        if !asked.is_null() && *asked != live["metadata"]["resourceVersion"] {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply your changes to the latest version and try again",
                at.plural, at.name
            );
            return Answer::Json(409, failure(409, "Conflict", &message, &Value::Null));
        }
        if next["metadata"]["managedFields"] == live["metadata"]["managedFields"]
            || next["metadata"]["managedFields"].is_null()
        {
            next["metadata"]["managedFields"] = live["metadata"]["managedFields"].clone();
            let (old, new) = (fieldset::fields(live), fieldset::fields(&next));
            let changed: BTreeSet<Path> = new
                .into_iter()
                .filter(|path| {
                    !old.contains(path) || fieldset::value(live, path) != fieldset::value(&next, path)
                })
                .collect();
            own(&mut next, ask.text("fieldManager"), "Update", &changed);
        }
        Answer::Json(200, self.write(at, ask, Some(live), next))
    }

    fn apply(&mut self, at: &Where, ask: &Ask, live: Option<&Value>) -> Answer {
        if live.is_none()
            && let Some(refused) = self.refuse(at)
        {
            return refused;
        }
        let manager = ask.text("fieldManager");
        let wanted = fieldset::fields(&ask.body);
        let mut next = live.cloned().unwrap_or_else(|| json!({"metadata": {}}));
        let others = owners(&next, |entry| !(entry["manager"] == manager && entry["operation"] == "Apply"));
        let conflicts: Vec<(&String, &Path)> = wanted
            .iter()
            .filter(|path| fieldset::value(&next, path) != fieldset::value(&ask.body, path))
            .filter(|path| !path.last().is_some_and(|last| last.starts_with("k:")))
            .flat_map(|path| {
                others.iter().filter(move |(_, owned)| owned.contains(path)).map(move |(who, _)| (who, path))
            })
            .collect();
        if !conflicts.is_empty() && !ask.flag("force") {
            return Answer::Json(409, refused(at, &conflicts));
        }
        let before = owners(&next, |entry| entry["manager"] == manager && entry["operation"] == "Apply");
        let before = before.into_iter().flat_map(|(_, owned)| owned).collect::<BTreeSet<Path>>();
        fieldset::merge(&mut next, &ask.body, "");
        let mut gone: Vec<&Path> = before
            .difference(&wanted)
            .filter(|path| !others.iter().any(|(_, owned)| owned.iter().any(|o| o.starts_with(path))))
            .collect();
        gone.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for path in gone {
            fieldset::remove(&mut next, path);
        }
        own(&mut next, manager, "Apply", &wanted);
        next["metadata"]["name"] = json!(at.name);
        let created = live.is_none();
        let object = self.write(at, ask, live, next);
        Answer::Json(if created { 201 } else { 200 }, object)
    }

    fn delete(&mut self, at: &Where, ask: &Ask, live: &Value) -> Answer {
        let uid = &ask.body["preconditions"]["uid"];
        if !uid.is_null() && *uid != live["metadata"]["uid"] {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{}\": the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated: Precondition failed: UID in precondition",
                at.plural,
                at.name,
                text(uid),
                text(&live["metadata"]["uid"])
            );
            return Answer::Json(409, failure(409, "Conflict", &message, &Value::Null));
        }
        let done = json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
        if ask.query.contains_key("dryRun") {
            return Answer::Json(200, done);
        }
        if live["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty()) {
            let mut dying = live.clone();
            dying["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            return Answer::Json(200, self.keep(at, Some(live), dying));
        }
        if at.plural == "namespaces" {
            let inside: Vec<_> =
                self.objects.keys().filter(|(_, namespace, _)| *namespace == at.name).cloned().collect();
            for key in inside {
                self.forget(&key);
            }
        }
        self.forget(&(at.collection.clone(), at.namespace.clone(), at.name.clone()));
        Answer::Json(200, done)
    }

    /// Keeps it unless it is a dry run or nothing has changed.
    fn write(&mut self, at: &Where, ask: &Ask, before: Option<&Value>, mut next: Value) -> Value {
        next["apiVersion"] = json!(api_version(at));
        if next["kind"].is_null() {
            next["kind"] = ask.body["kind"].clone();
        }
        if !at.namespace.is_empty() {
            next["metadata"]["namespace"] = json!(at.namespace);
        }
        if let Some(before) = before {
            for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                next["metadata"][field] = before["metadata"][field].clone();
            }
            if at.subresource != "status" && !before["status"].is_null() {
                next["status"] = before["status"].clone();
            }
            if *before == next {
                return next;
            }
        }
        if ask.query.contains_key("dryRun") {
            return next;
        }
        let finalizers = next["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if !next["metadata"]["deletionTimestamp"].is_null() && !finalizers {
            self.forget(&(at.collection.clone(), at.namespace.clone(), at.name.clone()));
            return next;
        }
        let object = self.keep(at, before, next);
        if at.plural == "namespaces" && before.is_none() {
            let account = Where {
                collection: "api/v1/serviceaccounts".into(),
                namespace: at.name.clone(),
                name: "default".into(),
                ..Where::default()
            };
            self.keep(
                &account,
                None,
                json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": at.name}}),
            );
        }
        object
    }

    fn keep(&mut self, at: &Where, before: Option<&Value>, mut object: Value) -> Value {
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata["uid"].is_null() {
            self.uids += 1;
            metadata["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", self.uids));
            metadata["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let generation = before.map_or(0, |before| before["metadata"]["generation"].as_i64().unwrap_or(0));
        let changed = before.is_none_or(|before| before["spec"] != object["spec"]);
        if !object["spec"].is_null() {
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
        self.objects.insert((at.collection.clone(), at.namespace.clone(), at.name.clone()), object.clone());
        object
    }

    fn forget(&mut self, key: &(String, String, String)) {
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
}
