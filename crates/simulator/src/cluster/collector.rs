//! The garbage collector: an owned object is deleted after its owner, before it, or is kept.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::is_dying;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::deletion::FOREGROUND;
use crate::deletion::ORPHAN;
use crate::kinds;
use crate::memory::Happened;
use crate::memory::Key;
use crate::memory::Memory;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// In foreground deletion the owner still exists when the answer to its deletion arrives.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Adds the objects that a change affects: the object itself, those it owned, and the owners that waited for it.
pub(super) fn concern(memory: &Memory, change: &Happened, queue: &mut BTreeSet<Task>) {
    let uid = &change.object["metadata"]["uid"];
    let gone = change.what == "DELETED";
    let mut add = |key: &Key| {
        queue.insert(Task {
            controller: Controller::Collector,
            collection: key.0.clone(),
            namespace: key.1.clone(),
            name: key.2.clone(),
        });
    };
    if gone {
        memory.objects.iter().filter(|(_, object)| is_owned(object, uid)).for_each(|(key, _)| add(key));
        let owners = owners(&change.object);
        let held = memory.objects.iter().filter(|(_, object)| {
            is_dying(object) && owners.iter().any(|owner| owner["uid"] == object["metadata"]["uid"])
        });
        held.for_each(|(key, _)| add(key));
    } else if is_dying(&change.object) || (change.what == "ADDED" && !owners(&change.object).is_empty()) {
        let name = |field: &str| change.object["metadata"][field].as_str().unwrap_or_default().to_owned();
        add(&(change.collection.clone(), name("namespace"), name("name")));
    }
}

/// Looks at one object.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, task: &Task) {
    let key = (task.collection.clone(), task.namespace.clone(), task.name.clone());
    let Some(object) = ctx.memory.objects.get(&key).cloned() else { return };
    if is_dying(&object) {
        if has(&object, ORPHAN) {
            for mut owned in dependents(ctx, &object) {
                disown(&mut owned, &object["metadata"]["uid"]);
                ctx.keep(owned);
            }
            release(ctx, object, ORPHAN);
        } else if has(&object, FOREGROUND) {
            let owned = dependents(ctx, &object);
            let blocking = owned.iter().any(|owned| {
                owners(owned).iter().any(|owner| {
                    owner["uid"] == object["metadata"]["uid"] && owner["blockOwnerDeletion"] == true
                })
            });
            for owned in owned.iter().filter(|owned| !is_dying(owned)) {
                ctx.remove_by(owned, "Foreground", None);
            }
            if !blocking && ctx.due {
                release(ctx, object, FOREGROUND);
            } else if !blocking {
                ctx.again(A_MOMENT, task.clone());
            }
        }
        return;
    }
    let owners = owners(&object);
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let there = |owner: &&Value| is_there(ctx, namespace, owner);
    if !owners.is_empty() && !owners.iter().any(there) {
        ctx.remove(&object);
    }
}

/// Whether an owner lives; one of a kind that the table does not know is looked for by its UID.
fn is_there(ctx: &ControllerContext<'_>, namespace: &str, owner: &Value) -> bool {
    let text = |field: &str| owner[field].as_str().unwrap_or_default();
    let Some(kind) = kinds::named(text("apiVersion"), text("kind")) else {
        return ctx.memory.objects.values().any(|object| object["metadata"]["uid"] == owner["uid"]);
    };
    let namespace = if kind.namespaced { namespace } else { "" };
    let there = ctx.get(*kind, namespace, text("name"));
    there.is_some_and(|object| object["metadata"]["uid"] == owner["uid"])
}

fn owners(object: &Value) -> Vec<&Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().collect()
}

fn is_owned(object: &Value, uid: &Value) -> bool {
    owners(object).iter().any(|owner| owner["uid"] == *uid)
}

fn dependents(ctx: &ControllerContext<'_>, object: &Value) -> Vec<Value> {
    let uid = &object["metadata"]["uid"];
    ctx.memory.objects.values().filter(|other| is_owned(other, uid)).cloned().collect()
}

fn has(object: &Value, finalizer: &str) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|item| item == finalizer))
}

fn disown(object: &mut Value, uid: &Value) {
    let left: Vec<Value> = owners(object).into_iter().filter(|owner| owner["uid"] != *uid).cloned().collect();
    object["metadata"]["ownerReferences"] = json!(left);
    if left.is_empty()
        && let Some(metadata) = object["metadata"].as_object_mut()
    {
        metadata.remove("ownerReferences");
    }
}

/// Removes a finalizer; the object is deleted if it was the last.
fn release(ctx: &mut ControllerContext<'_>, mut object: Value, finalizer: &str) {
    let all = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let left: Vec<Value> = all.into_iter().filter(|item| item != finalizer).collect();
    let over = left.is_empty() && !crate::deletion::is_held(&object);
    object["metadata"]["finalizers"] = json!(left);
    if over {
        ctx.forget(&object);
    } else {
        ctx.keep(object);
    }
}
