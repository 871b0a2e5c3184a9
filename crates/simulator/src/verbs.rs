//! What each request does to the objects, with the real server's codes and words, dry runs included.
//!
//! No schema and no controllers. An object is stored as sent, unless a cluster's rules hold;
//! then it is defaulted and validated first ([`crate::admission`]).

use crate::defaults;
use crate::deletion::is_held;
use crate::fieldset;
use crate::fieldset::Path;
use crate::kinds;
use crate::memory::Memory;
use crate::owner::own;
use crate::owner::owners;
use crate::owner::refused;
use crate::request::ApiResponse;
use crate::request::Ask;
use crate::request::Watched;
use crate::request::Where;
use crate::request::about;
use crate::request::api_version;
use crate::request::failure;
use crate::request::locate;
use crate::request::not_found;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

/// Kinds whose deletion is answered with the object; for all others the answer is a `Status`
/// (`ReturnDeletedObject` in `kubernetes: pkg/registry/core`).
const TOLD_WHEN_GONE: [&str; 7] = [
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
];

/// The form of a list that has only the metadata.
const NAMES: &str = "PartialObjectMetadataList";

/// A list as sent to clients: its items have no kind, unless they are partial.
fn list<'a>(at: &Where, version: u64, found: impl Iterator<Item = &'a Value>, names: bool) -> Value {
    let mut kind = kinds::served(&at.collection).map(|served| served.kind.to_owned());
    let mut items = Vec::new();
    for object in found {
        kind.get_or_insert_with(|| text(&object["kind"]));
        items.push(if names {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
        } else {
            let fields = object.as_object().into_iter().flatten();
            let rest = fields.filter(|(name, _)| !["apiVersion", "kind"].contains(&name.as_str()));
            rest.map(|(name, value)| (name.clone(), value.clone())).collect()
        });
    }
    let (kind, version_of_kind) = if names {
        (NAMES.to_owned(), "meta.k8s.io/v1".to_owned())
    } else {
        (format!("{}List", kind.unwrap_or_default()), api_version(at))
    };
    json!({"kind": kind, "apiVersion": version_of_kind,
        "metadata": {"resourceVersion": version.to_string()}, "items": items})
}

impl Memory {
    /// Handles a request.
    pub(crate) fn handle(&mut self, ask: &Ask) -> ApiResponse {
        let at = locate(&ask.path);
        if at.plural.is_empty() {
            return self.discover(&ask.path, ask.text("as") == "APIGroupDiscoveryList");
        }
        if !self.serves(&at) {
            return ApiResponse::Json(404, Value::String("404 page not found".to_owned()));
        }
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        let live = self.objects.get(&key).cloned();
        match (ask.method.as_str(), at.name.is_empty()) {
            ("GET", true) if ask.flag("watch") => ApiResponse::Watch(Watched {
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
                let found = self.within(&at.collection, namespace, labels, fields);
                ApiResponse::Json(200, list(&at, self.version, found, ask.text("as") == NAMES))
            }
            ("GET", false) => live.map_or_else(|| not_found(&at), |object| ApiResponse::Json(200, object)),
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
                        if let Err(refused) = json_patched(&mut next, &ask.body) {
                            return refused;
                        }
                    } else {
                        json_patch::merge(&mut next, &ask.body);
                    }
                    self.update(&at, ask, &live, next)
                }
                None => not_found(&at),
            },
            ("DELETE", false) => match live {
                Some(live) => self.delete(&at, ask, &live),
                None => not_found(&at),
            },
            ("DELETE", true) if self.rules.is_some() => self.delete_all(&at, ask),
            _ => ApiResponse::Json(
                405,
                failure(405, "MethodNotAllowed", "the server does not allow this", &Value::Null),
            ),
        }
    }

    fn create(&mut self, at: &Where, ask: &Ask) -> ApiResponse {
        let mut at = at.clone();
        at.name = text(&ask.body["metadata"]["name"]);
        let prefix = text(&ask.body["metadata"]["generateName"]);
        let mut ask = ask.clone();
        if at.name.is_empty() && !prefix.is_empty() {
            let end = self.rules.as_mut().map_or_else(|| "00000".to_owned(), |rules| rules.rng.word(5));
            at.name = format!("{prefix}{end}");
            ask.body["metadata"]["name"] = json!(at.name);
        }
        let ask = &ask;
        if let Some(refused) = self.refuse(&at) {
            return refused;
        }
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        if self.objects.contains_key(&key) {
            // Whether a name is taken is seen when an object is stored; before that it is looked at (`registry/generic`).
            if ask.query.contains_key("dryRun")
                && let Err(refused) = self.write(&at, ask, None, ask.body.clone())
            {
                return refused;
            }
            let message = format!("{} \"{}\" already exists", at.plural, at.name);
            return ApiResponse::Json(409, about(&at, failure(409, "AlreadyExists", &message, &Value::Null)));
        }
        let mut object = ask.body.clone();
        if at.collection == "api/v1/namespaces" {
            // The creating manager owns its label, too.
            defaults::name_label(&mut object);
        }
        let fields = fieldset::fields(&object);
        own(&mut object, ask.text("fieldManager"), "Update", &fields, &self.stamp());
        match self.write(&at, ask, None, object) {
            Ok(object) => ApiResponse::Json(201, object),
            Err(refused) => refused,
        }
    }

    /// Why nothing can be made there.
    fn refuse(&self, at: &Where) -> Option<ApiResponse> {
        if at.namespace.is_empty() {
            return None;
        }
        let key = ("api/v1/namespaces".to_owned(), String::new(), at.namespace.clone());
        match self.objects.get(&key) {
            None => {
                let message = format!("namespaces \"{}\" not found", at.namespace);
                Some(ApiResponse::Json(404, failure(404, "NotFound", &message, &Value::Null)))
            }
            Some(namespace) if !namespace["metadata"]["deletionTimestamp"].is_null() => {
                let message = format!(
                    "unable to create new content in namespace {} because it is being terminated",
                    at.namespace
                );
                let causes = json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]);
                Some(ApiResponse::Json(403, failure(403, "Forbidden", &message, &causes)))
            }
            Some(_) => None,
        }
    }

    fn update(&mut self, at: &Where, ask: &Ask, live: &Value, mut next: Value) -> ApiResponse {
        let asked = &next["metadata"]["resourceVersion"];
        if !asked.is_null() && *asked != live["metadata"]["resourceVersion"] {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please apply your changes to the latest version and try again",
                at.plural, at.name
            );
            return ApiResponse::Json(409, failure(409, "Conflict", &message, &Value::Null));
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
            own(&mut next, ask.text("fieldManager"), "Update", &changed, &self.stamp());
        }
        match self.write(at, ask, Some(live), next) {
            Ok(object) => ApiResponse::Json(200, object),
            Err(refused) => refused,
        }
    }

    fn apply(&mut self, at: &Where, ask: &Ask, live: Option<&Value>) -> ApiResponse {
        if live.is_none()
            && let Some(refused) = self.refuse(at)
        {
            return refused;
        }
        let manager = ask.text("fieldManager");
        let desired = fieldset::fields(&ask.body);
        let mut next = live.cloned().unwrap_or_else(|| json!({"metadata": {}}));
        let others = owners(&next, |entry| !(entry["manager"] == manager && entry["operation"] == "Apply"));
        let conflicts: Vec<(&String, &Path)> = desired
            .iter()
            .filter(|path| fieldset::value(&next, path) != fieldset::value(&ask.body, path))
            .filter(|path| !path.last().is_some_and(|last| last.starts_with("k:")))
            .flat_map(|path| {
                others.iter().filter(move |(_, owned)| owned.contains(path)).map(move |(who, _)| (who, path))
            })
            .collect();
        if !conflicts.is_empty() && !ask.flag("force") {
            return ApiResponse::Json(409, refused(&conflicts));
        }
        let before = owners(&next, |entry| entry["manager"] == manager && entry["operation"] == "Apply");
        let before = before.into_iter().flat_map(|(_, owned)| owned).collect::<BTreeSet<Path>>();
        fieldset::merge(&mut next, &ask.body, "");
        // An item is removed before its fields: without its key fields it is not found.
        let gone = before
            .difference(&desired)
            .filter(|path| !others.iter().any(|(_, owned)| owned.iter().any(|o| o.starts_with(path))));
        for path in gone {
            fieldset::remove(&mut next, path);
        }
        own(&mut next, manager, "Apply", &desired, &self.stamp());
        next["metadata"]["name"] = json!(at.name);
        let created = live.is_none();
        match self.write(at, ask, live, next) {
            Ok(object) => ApiResponse::Json(if created { 201 } else { 200 }, object),
            Err(refused) => refused,
        }
    }

    fn delete(&mut self, at: &Where, ask: &Ask, live: &Value) -> ApiResponse {
        let uid = &ask.body["preconditions"]["uid"];
        if !uid.is_null() && *uid != live["metadata"]["uid"] {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{}\": the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated: Precondition failed: UID in precondition",
                at.plural,
                at.name,
                text(uid),
                text(&live["metadata"]["uid"])
            );
            return ApiResponse::Json(409, failure(409, "Conflict", &message, &Value::Null));
        }
        let done = if TOLD_WHEN_GONE.contains(&at.plural.as_str()) {
            live.clone()
        } else {
            let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
            let mut done = about(at, done);
            done["details"]["uid"] = live["metadata"]["uid"].clone();
            done
        };
        if ask.query.contains_key("dryRun") {
            return ApiResponse::Json(200, done);
        }
        if self.rules.is_some() {
            let policy = ask.body["propagationPolicy"].as_str().unwrap_or(ask.text("propagationPolicy"));
            let grace = ask.body["gracePeriodSeconds"].as_i64();
            let left = self.begin_deletion(at, live, policy, grace);
            return ApiResponse::Json(200, left.unwrap_or(done));
        }
        if live["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty()) {
            let mut dying = live.clone();
            dying["metadata"]["deletionTimestamp"] = json!(self.stamp());
            return ApiResponse::Json(200, self.keep(at, Some(live), dying));
        }
        if at.plural == "namespaces" {
            let inside: Vec<_> =
                self.objects.keys().filter(|(_, namespace, _)| *namespace == at.name).cloned().collect();
            for key in inside {
                self.forget(&key);
            }
        }
        self.forget(&(at.collection.clone(), at.namespace.clone(), at.name.clone()));
        ApiResponse::Json(200, done)
    }

    /// Deletes what a list would show.
    fn delete_all(&mut self, at: &Where, ask: &Ask) -> ApiResponse {
        let namespace = (!at.namespace.is_empty()).then_some(at.namespace.as_str());
        let (labels, fields) = (ask.text("labelSelector"), ask.text("fieldSelector"));
        let all: Vec<Value> = self.within(&at.collection, namespace, labels, fields).cloned().collect();
        for object in all {
            let mut at = at.clone();
            (at.namespace, at.name) =
                (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
            self.delete(&at, ask, &object);
        }
        ApiResponse::Json(200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    /// Keeps it unless it is a dry run, nothing has changed, or the rules reject it.
    fn write(
        &mut self,
        at: &Where,
        ask: &Ask,
        before: Option<&Value>,
        mut next: Value,
    ) -> Result<Value, ApiResponse> {
        next["apiVersion"] = json!(api_version(at));
        if next["kind"].is_null() {
            next["kind"] = ask.body["kind"].clone();
        }
        if !at.namespace.is_empty() {
            next["metadata"]["namespace"] = json!(at.namespace);
        }
        if let Some(before) = before {
            for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                match &before["metadata"][field] {
                    Value::Null => drop(next["metadata"].as_object_mut().map(|fields| fields.remove(field))),
                    known => next["metadata"][field] = known.clone(),
                }
            }
            if at.subresource != "status" && !before["status"].is_null() {
                next["status"] = before["status"].clone();
            }
        }
        if self.rules.is_some() {
            next["metadata"]["name"] = json!(at.name);
            self.admit(at, before, &mut next)?;
        }
        if before.is_some_and(|before| *before == next) || ask.query.contains_key("dryRun") {
            return Ok(next);
        }
        let finalizers = next["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if !next["metadata"]["deletionTimestamp"].is_null() && !finalizers && !is_held(&next) {
            self.forget(&(at.collection.clone(), at.namespace.clone(), at.name.clone()));
            return Ok(next);
        }
        let object = self.keep(at, before, next);
        if at.plural == "namespaces" && before.is_none() && self.rules.is_none() {
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
        Ok(object)
    }
}

/// Applies a JSON patch (RFC 6902), whole or not at all.
fn json_patched(object: &mut Value, patch: &Value) -> Result<(), ApiResponse> {
    let refused =
        |code, reason, error: String| ApiResponse::Json(code, failure(code, reason, &error, &Value::Null));
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| refused(400, "BadRequest", error.to_string()))?;
    json_patch::patch(object, &patch).map_err(|error| refused(422, "Invalid", error.to_string()))
}
