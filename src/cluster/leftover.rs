//! Fields that another client has left in an object, where the API server refuses them together with the fields that
//! the manifest sets: `value` of `kubectl set env` with our `valueFrom`, a second handler of a probe, a second source
//! of a volume, a second port of one name, `rollingUpdate` of a strategy that is to be `Recreate`.
//!
//! Server-side apply merges: it removes only fields that we have applied before, so fields of another manager stay,
//! and so do defaults, which no manager owns. No conflict is reported, because no field is set by both. A field that
//! we own is removed when we no longer apply it, so such fields are first made ours: one patch of `managedFields`,
//! which changes no field (client-go does the same in `util/csaupgrade`), and then one apply, which removes them and
//! sets our fields in one write.

use crate::cluster::field;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::page::owners;
use crate::pointer;
use kube::core::Status;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// One step of the path to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    /// An item of a list, by the fields that identify it, and its current index.
    Item(Map<String, Value>, usize),
}

/// A conflicting field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leftover {
    way: Vec<Step>,
    /// The managers that have set it; none for a default.
    pub(crate) managers: Vec<String>,
    /// The nearest field of the manifest, as a JSON pointer.
    pub(crate) beside: String,
}

impl Leftover {
    /// The field as the API server writes it: `spec.template.spec.containers[name="web"].image`.
    pub(crate) fn field(&self) -> String {
        let steps = self.way.iter().map(|step| match step {
            Step::Field(name) => format!(".{name}"),
            Step::Item(keys, _) => {
                let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
        });
        steps.collect::<String>().trim_start_matches('.').to_owned()
    }

    /// Where it is in the object in the cluster: a JSON pointer.
    pub(crate) fn pointer(&self) -> String {
        let steps = self.way.iter().map(|step| match step {
            Step::Field(name) => pointer::below("", name),
            Step::Item(_, at) => format!("/{at}"),
        });
        steps.collect()
    }

    /// The environment variable that it belongs to.
    pub(crate) fn variable(&self) -> Option<&str> {
        let at = self.way.iter().rposition(|step| *step == Step::Field("env".to_owned()))?;
        match self.way.get(at + 1)? {
            Step::Item(keys, _) => keys.get("name")?.as_str(),
            Step::Field(_) => None,
        }
    }
}

/// A place of the object in the cluster, with the manifest's value there.
#[derive(Clone)]
struct LivePath<'a> {
    live: &'a Value,
    body: Option<&'a Value>,
    way: Vec<Step>,
    beside: String,
}

/// The fields that conflict according to the refusal `status`; none if it names none.
///
/// `body` is the applied object and `live` the current one. The refusal names an item of a list by its index in a
/// merged object that we do not have, so every item that fits is examined.
pub(crate) fn leftovers(body: &Value, live: &Value, status: &Status) -> Vec<Leftover> {
    let entries = owners(live);
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut found: Vec<Leftover> = Vec::new();
    for cause in causes.filter(|cause| !cause.field.is_empty()) {
        let parts = field::parts(&cause.field);
        let root = LivePath { live, body: Some(body), way: Vec::new(), beside: String::new() };
        for leftover in of_cause(&entries, root, &parts, &cause.message) {
            if !found.contains(&leftover) {
                found.push(leftover);
            }
        }
    }
    found
}

fn of_cause(entries: &[Value], root: LivePath<'_>, parts: &[String], message: &str) -> Vec<Leftover> {
    let Some((last, above)) = parts.split_last() else { return Vec::new() };
    // The fields that name an object never conflict, and most of the rest of `metadata` is the server's own.
    if matches!(parts[0].as_str(), "metadata" | "status") {
        return Vec::new();
    }
    let mut places = vec![root];
    let mut unowned = Vec::new();
    for part in above {
        let next = places.iter().flat_map(|place| below(entries, place, part)).collect();
        places = next;
        // Values that only the cluster has, and the refusal names: `Duplicate value: "http"`, `Not found: "cache"`.
        let named =
            |place: &&LivePath<'_>| place.body.is_none() && is_named(&place.live[last.as_str()], message);
        unowned.extend(places.iter().filter(named).filter_map(|place| leftover(entries, place)));
    }
    places.retain(|place| place.body.is_some());
    let itself: Vec<Leftover> = places
        .iter()
        .filter(|place| !has(place.body, last))
        .filter_map(|place| leftover(entries, &child(place, last)?))
        .collect();
    if !itself.is_empty() || !unowned.is_empty() {
        return itself.into_iter().chain(unowned).collect();
    }
    let beside = places.iter().filter(|place| has(place.body, last)).flat_map(|place| {
        let names = place.live.as_object().into_iter().flat_map(Map::keys);
        names.filter(|name| !has(place.body, name)).filter_map(|name| leftover(entries, &child(place, name)?))
    });
    let (theirs, nobodys): (Vec<Leftover>, Vec<Leftover>) =
        beside.partition(|leftover| !leftover.managers.is_empty());
    if theirs.is_empty() { nobodys } else { theirs }
}

fn has(body: Option<&Value>, name: &str) -> bool {
    body.is_some_and(|body| body.get(name).is_some())
}

fn is_named(value: &Value, message: &str) -> bool {
    match value {
        Value::String(text) => message.contains(&format!("\"{text}\"")),
        Value::Number(number) => message.ends_with(&format!(": {number}")),
        _ => false,
    }
}

fn child<'a>(place: &LivePath<'a>, name: &str) -> Option<LivePath<'a>> {
    let mut way = place.way.clone();
    way.push(Step::Field(name.to_owned()));
    let body = place.body.and_then(|body| body.get(name));
    let beside = match body {
        Some(_) => pointer::below(&place.beside, name),
        None => place.beside.clone(),
    };
    Some(LivePath { live: place.live.get(name)?, body, way, beside })
}

/// The places one step further: a field, or all items of a list.
fn below<'a>(entries: &[Value], place: &LivePath<'a>, part: &str) -> Vec<LivePath<'a>> {
    let Some(items) = place.live.as_array() else { return child(place, part).into_iter().collect() };
    let Some(names) = key_names(entries, &place.way) else { return Vec::new() };
    let keyed = |item: &Value| -> Map<String, Value> {
        names.iter().map(|name| (name.clone(), item[name.as_str()].clone())).collect()
    };
    // A key that the manifest omits has its default: `protocol: TCP`.
    let fits = |written: &Value, keys: &Map<String, Value>| {
        keys.iter().all(|(name, value)| written.get(name).is_none_or(|written| written == value))
    };
    let items = items.iter().enumerate().map(|(at, item)| {
        let keys = keyed(item);
        let mut written = place.body.and_then(Value::as_array).into_iter().flatten().enumerate();
        let body = written.find(|(_, written)| fits(written, &keys));
        let beside = body.map_or_else(|| place.beside.clone(), |(at, _)| format!("{}/{at}", place.beside));
        let mut way = place.way.clone();
        way.push(Step::Item(keys, at));
        LivePath { live: item, body: body.map(|(_, written)| written), way, beside }
    });
    items.collect()
}

/// The fields that identify the items of a list, as the managers of some items record them; `None` for an atomic
/// list.
fn key_names(entries: &[Value], way: &[Step]) -> Option<Vec<String>> {
    entries.iter().find_map(|entry| {
        let items = descend(&entry["fieldsV1"], way)?.as_object()?;
        let keys = items.keys().find_map(|key| key.strip_prefix("k:"))?;
        let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
        Some(keys.into_iter().map(|(name, _)| name).collect())
    })
}

/// The conflicting field at `place`, unless it is ours alone: then the apply removes it.
fn leftover(entries: &[Value], place: &LivePath<'_>) -> Option<Leftover> {
    let owns = |entry: &&Value| descend(&entry["fieldsV1"], &place.way).is_some();
    let (ours, theirs): (Vec<&Value>, Vec<&Value>) =
        entries.iter().filter(owns).partition(|entry| is_ours(entry));
    if theirs.is_empty() && !ours.is_empty() {
        return None;
    }
    let mut managers: Vec<String> =
        theirs.iter().map(|entry| entry["manager"].as_str().unwrap_or_default().to_owned()).collect();
    managers.dedup();
    Some(Leftover { way: place.way.clone(), managers, beside: place.beside.clone() })
}

fn is_ours(entry: &Value) -> bool {
    entry["manager"] == MANAGER
        && entry["operation"] == "Apply"
        && entry["subresource"].as_str().is_none_or(str::is_empty)
}

/// The JSON Patch that makes these fields ours, on top of `before`, which migrates client-side fields. It fails if
/// the object has changed since it was read.
pub(crate) fn claim(live: &Value, before: Option<&Value>, leftovers: &[Leftover]) -> Option<Value> {
    let version = live["metadata"]["resourceVersion"].as_str()?;
    let mut entries = match before.and_then(|patch| patch[0]["value"].as_array()) {
        Some(entries) => entries.clone(),
        None => owners(live).into_owned(),
    };
    if !entries.iter().any(is_ours) {
        entries.push(json!({"manager": MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"],
            "fieldsType": "FieldsV1", "fieldsV1": {}}));
    }
    for leftover in leftovers {
        for entry in entries.iter_mut().filter(|entry| !is_ours(entry)) {
            remove(&mut entry["fieldsV1"], &leftover.way);
        }
        let ours = entries.iter_mut().find(|entry| is_ours(entry))?;
        insert(&mut ours["fieldsV1"], &leftover.way);
    }
    entries.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|fields| !fields.is_empty()));
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]))
}

/// The name of a step in FieldsV1, among those that exist.
fn named(tree: &Map<String, Value>, step: &Step) -> Option<String> {
    match step {
        Step::Field(name) => Some(format!("f:{name}")).filter(|name| tree.contains_key(name)),
        Step::Item(keys, _) => {
            let is_it = |name: &&String| {
                let found = name
                    .strip_prefix("k:")
                    .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
                found.as_ref() == Some(keys)
            };
            tree.keys().find(is_it).cloned()
        }
    }
}

fn descend<'a>(tree: &'a Value, way: &[Step]) -> Option<&'a Value> {
    way.iter().try_fold(tree, |here, step| here.get(named(here.as_object()?, step)?))
}

/// Removes a field, and those above it that then hold nothing but the keys of an item.
fn remove(tree: &mut Value, way: &[Step]) {
    let (Some((first, rest)), Some(fields)) = (way.split_first(), tree.as_object_mut()) else { return };
    let Some(name) = named(fields, first) else { return };
    if !rest.is_empty() {
        let below = &mut fields[&name];
        let was_a_leaf = below.as_object().is_none_or(Map::is_empty);
        remove(below, rest);
        if was_a_leaf || !is_bare(below, first) {
            return;
        }
    }
    fields.remove(&name);
}

fn is_bare(tree: &Value, step: &Step) -> bool {
    let is_key = |name: &str| match step {
        Step::Item(keys, _) => {
            name == "." || name.strip_prefix("f:").is_some_and(|name| keys.contains_key(name))
        }
        Step::Field(_) => false,
    };
    tree.as_object().is_none_or(|fields| fields.keys().all(|name| is_key(name)))
}

fn insert(tree: &mut Value, way: &[Step]) {
    let mut here = tree;
    for step in way {
        let name = here.as_object().and_then(|fields| named(fields, step)).unwrap_or_else(|| match step {
            Step::Field(name) => format!("f:{name}"),
            Step::Item(keys, _) => format!("k:{}", Value::Object(keys.clone())),
        });
        here = &mut here[name];
        if here.is_null() {
            *here = json!({});
        }
    }
    // A field that has fields, and an item, are themselves members of the set.
    if matches!(way.last(), Some(Step::Item(..))) || here.as_object().is_some_and(|below| !below.is_empty()) {
        here["."] = json!({});
    }
}

#[cfg(test)]
mod tests;
