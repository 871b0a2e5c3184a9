//! Namespaces: their default contents, and emptying one that is being deleted.

use crate::cluster::ctx::ControllerContext;
use crate::cluster::reading::is_dying;
use crate::cluster::reading::set_condition;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The CA certificate that is copied to every namespace, so that pods can verify the API server.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nREHEARSAL\n-----END CERTIFICATE-----\n";

/// How long a new namespace has no ServiceAccount.
const FURNISHING: Duration = Duration::from_millis(30);

/// From when a namespace is empty until it is gone.
const CLEARING: Duration = Duration::from_millis(500);

/// Conditions of a terminating namespace, in addition to those about its remaining contents.
const GOES_WELL: [(&str, &str, &str); 3] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
];

/// The message where no content has finalizers, and the start of it otherwise.
const NOT_HELD: &str = "All content-preserving finalizers finished";
const HELD: &str = "Some content in the namespace has finalizers remaining: ";

/// Looks at one namespace.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, name: &str) {
    let Some(namespace) = ctx.get(kinds::NAMESPACE, "", name) else { return };
    if is_dying(&namespace) {
        empty(ctx, namespace);
        return;
    }
    let lacks = |kind, of| ctx.get(kind, name, of).is_none();
    if (lacks(kinds::ACCOUNT, "default") || lacks(kinds::CONFIG_MAP, "kube-root-ca.crt")) && !ctx.due {
        ctx.again(FURNISHING, Task::named(Controller::Namespace, "", name));
        return;
    }
    if ctx.get(kinds::ACCOUNT, name, "default").is_none() {
        ctx.put(json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name}}));
    }
    if ctx.get(kinds::CONFIG_MAP, name, "kube-root-ca.crt").is_none() {
        let description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
        ctx.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": AUTHORITY},
            "metadata": {"name": "kube-root-ca.crt", "namespace": name,
                "annotations": {"kubernetes.io/description": description}}}));
    }
}

fn empty(ctx: &mut ControllerContext<'_>, mut namespace: Value) {
    let name = text(&namespace["metadata"]["name"]);
    let inside = |ctx: &ControllerContext<'_>| -> Vec<Value> {
        let all = ctx.memory.objects.iter();
        all.filter(|((_, of, _), _)| *of == name).map(|(_, object)| object.clone()).collect()
    };
    for object in inside(ctx).iter().filter(|object| !is_dying(object)) {
        // Custom resources have no place in the table of kinds.
        let custom = kinds::named(&text(&object["apiVersion"]), &text(&object["kind"])).is_none();
        let free = object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        if custom && free {
            let key = ctx
                .memory
                .objects
                .iter()
                .find(|(_, other)| other["metadata"]["uid"] == object["metadata"]["uid"])
                .map(|(key, _)| key.clone());
            if let Some(key) = key {
                ctx.memory.forget(&key);
            }
        } else {
            ctx.remove(object);
        }
    }
    let left = inside(ctx);
    let held = !namespace["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    if left.is_empty() && !held {
        if ctx.due {
            ctx.forget(&namespace);
            return;
        }
        ctx.again(CLEARING, Task::named(Controller::Namespace, "", &name));
    }
    let stamp = ctx.stamp();
    let message = if left.is_empty() {
        "All content successfully removed".to_owned()
    } else {
        let kinds: std::collections::BTreeSet<String> =
            left.iter().map(|object| text(&object["kind"])).collect();
        let kinds: Vec<String> = kinds.into_iter().collect();
        format!("Some resources are remaining: {} has {} resource instances", kinds.join(", "), left.len())
    };
    let remaining = !left.is_empty();
    let reason = if remaining { "SomeResourcesRemain" } else { "ContentRemoved" };
    set_condition(&mut namespace, "NamespaceContentRemaining", remaining, reason, &message, &stamp);
    for (kind, reason, message) in GOES_WELL {
        set_condition(&mut namespace, kind, false, reason, message, &stamp);
    }
    let holders = holders(&left);
    let (reason, message) = match holders.as_str() {
        "" => ("ContentHasNoFinalizers", NOT_HELD.to_owned()),
        holders => ("SomeFinalizersRemain", format!("{HELD}{holders}")),
    };
    let kind = "NamespaceFinalizersRemaining";
    set_condition(&mut namespace, kind, !holders.is_empty(), reason, &message, &stamp);
    ctx.keep(namespace);
}

/// The finalizers of these objects, each with how many have it.
fn holders(objects: &[Value]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for finalizer in objects.iter().filter_map(|object| object["metadata"]["finalizers"].as_array()).flatten()
    {
        *counts.entry(text(finalizer)).or_default() += 1;
    }
    let message = counts.iter().map(|(name, count)| format!("{name} in {count} resource instances"));
    message.collect::<Vec<_>>().join(", ")
}
