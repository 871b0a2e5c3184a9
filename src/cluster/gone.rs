//! Waiting until an object that is being deleted is gone, and reporting what blocks it meanwhile.
//!
//! Finalizers are named, never removed: the controller that set one must complete its work first.

use crate::cluster::request::uid_of;
use crate::cluster::until::until;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::manifest::ObjectId;
use serde_json::Value;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Time limit for the deletion of one object.
pub(crate) const GONE: Duration = Duration::from_secs(5 * 60);

/// How long finalizers that none of Kubernetes' own controllers handles may block an object. A running controller
/// responds within seconds; the next run waits for a slower one.
const HELD: Duration = Duration::from_secs(2 * 60);

/// Finalizers that Kubernetes itself removes, without those that begin with `kubernetes.io/`.
const OF_KUBERNETES: [&str; 3] = ["foregroundDeletion", "orphan", "kubernetes"];

/// Waits until the object with this UID is gone, at most for `limit`; reports to `waiting` what blocks it. Returns
/// the object as it was last seen if it is not deleted in time.
pub(crate) async fn gone(
    wire: &Wire,
    kind: &ApiKind,
    id: &ObjectId,
    uid: &str,
    limit: Duration,
    waiting: impl Fn(String),
) -> Result<Option<Value>, Failure> {
    let limit = limit.min(GONE);
    let held = HELD.min(limit);
    let shown = Mutex::new(String::new());
    let fits = |seen: Option<&Value>| {
        let Some(seen) = seen.filter(|seen| uid_of(seen) == uid) else { return true };
        let holders = holders(seen).join(", ");
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        if !holders.is_empty() && holders != *shown {
            waiting(format!("until it is gone; it is held by {holders}"));
            *shown = holders;
        }
        false
    };
    let namespace = id.namespace.as_deref();
    let (seen, is_gone) = until(wire, kind, namespace, &id.name, held, fits).await?;
    if is_gone {
        return Ok(None);
    }
    if seen.as_ref().is_some_and(|seen| !holders(seen).is_empty()) {
        return Ok(seen);
    }
    let (seen, is_gone) = until(wire, kind, namespace, &id.name, limit.saturating_sub(held), fits).await?;
    Ok(seen.filter(|_| !is_gone))
}

/// The finalizers that block the deletion of an object, or of objects in a namespace, and that Kubernetes' own
/// controllers do not remove.
fn holders(seen: &Value) -> Vec<String> {
    let own = seen["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let foreign = |name: &str| !OF_KUBERNETES.contains(&name) && !name.starts_with("kubernetes.io/");
    let within = remaining(seen).into_iter().flat_map(|list| list.split(", "));
    // `example.com/finalizer in 2 resource instances`
    let within = within.filter(|part| part.split(' ').next().is_some_and(foreign));
    let dead = dead_apis(seen).into_iter().map(|api| format!("the API {api}, which does not answer"));
    own.filter(|name| foreign(name)).chain(within).map(str::to_owned).chain(dead).collect()
}

/// The APIs that do not answer, so that the contents of a namespace cannot be determined: `metrics.k8s.io/v1beta1`
/// (`kubernetes: staging/src/k8s.io/client-go/discovery/discovery_client.go`, `ErrGroupDiscoveryFailed`).
fn dead_apis(namespace: &Value) -> Vec<&str> {
    let conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
    let messages = conditions
        .filter(|condition| {
            condition["type"] == "NamespaceDeletionDiscoveryFailure" && condition["status"] == "True"
        })
        .filter_map(|condition| condition["message"].as_str()?.split_once("server APIs: "));
    messages
        .flat_map(|(_, list)| list.split(", "))
        .filter_map(|part| part.split_once(": ").map(|(api, _)| api))
        .filter(|api| api.split_once('/').is_some_and(|(group, _)| group.contains('.')))
        .collect()
}

/// The message of a namespace about the finalizers of the objects in it (`kubernetes:
/// pkg/controller/namespace/deletion/status_condition_utils.go`).
fn remaining(namespace: &Value) -> Option<&str> {
    let condition = namespace["status"]["conditions"].as_array()?.iter().find(|condition| {
        condition["type"] == "NamespaceFinalizersRemaining" && condition["status"] == "True"
    })?;
    condition["message"].as_str()?.split_once("remaining: ").map(|(_, list)| list)
}

/// Why the deletion of an object does not complete, and what to do.
pub(crate) fn stuck(id: &ObjectId, seen: &Value) -> Finding {
    let since = seen["metadata"]["deletionTimestamp"].as_str().unwrap_or("now");
    let conditions = seen["status"]["conditions"].as_array().into_iter().flatten();
    let why = conditions
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str().map(str::to_owned));
    let finalizers: Vec<&str> =
        seen["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let held = if finalizers.is_empty() { holders(seen).join(", ") } else { finalizers.join(", ") };
    let message = if held.is_empty() {
        format!("it has been terminating since {since}")
    } else {
        format!("it has been terminating since {since}, waiting for {held}")
    };
    let advice = match dead_apis(seen).first().and_then(|api| api.split_once('/')) {
        Some((group, version)) => format!(
            "bring the Service of this API back (`kubectl get apiservice {version}.{group}` names it), or delete the API: `kubectl delete apiservice {version}.{group}`"
        ),
        None => way_out(id),
    };
    Code::DeletionStuck.error(message).about(id.to_string()).evidence(why).help(advice)
}

fn way_out(id: &ObjectId) -> String {
    let name = &id.name;
    if id.kind == "Namespace" && id.group.is_empty() {
        return format!(
            "start the controllers of the finalizers of what remains in it: `kubectl api-resources --verbs=list --namespaced -o name | \
             xargs -n1 kubectl get --ignore-not-found -n {name}` lists it"
        );
    }
    let namespace = id.namespace.as_ref().map_or(String::new(), |namespace| format!("-n {namespace} "));
    format!(
        "start the controller of these finalizers; only if it no longer exists: \
         `kubectl {namespace}patch {}/{name} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'`",
        id.kind.to_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::holders;
    use super::stuck;
    use crate::manifest::ObjectId;
    use serde_json::json;

    fn id(kind: &str, namespace: Option<&str>, name: &str) -> ObjectId {
        let namespace = namespace.map(str::to_owned);
        ObjectId { group: String::new(), kind: kind.to_owned(), namespace, name: name.to_owned() }
    }

    #[test]
    fn finalizers_are_named_with_the_command_that_nobody_should_need() {
        let seen = json!({"metadata": {"finalizers": ["x.io/y"], "deletionTimestamp": "t"}});
        let finding = stuck(&id("Secret", Some("a"), "s"), &seen);
        assert!(finding.message.contains("x.io/y"));
        assert!(finding.help.unwrap().contains("kubectl -n a patch secret/s"));
    }

    #[test]
    fn only_what_others_have_to_take_away_holds_an_object() {
        let object = |finalizers: &[&str]| json!({"metadata": {"finalizers": finalizers}});
        let namespace = |message: &str| {
            json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": [
                {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: …"},
                {"type": "NamespaceFinalizersRemaining", "status": "True", "message": message}]}})
        };
        let some = "Some content in the namespace has finalizers remaining: ";
        for (seen, expected) in [
            (object(&["foregroundDeletion", "x.io/y"]), vec!["x.io/y"]),
            (object(&["kubernetes.io/pvc-protection"]), vec![]),
            (object(&[]), vec![]),
            (
                namespace(&format!(
                    "{some}kubernetes.io/pvc-protection in 1 resource instances, x.io/y in 2 resource instances"
                )),
                vec!["x.io/y in 2 resource instances"],
            ),
            (namespace("All content-preserving finalizers finished"), vec![]),
        ] {
            assert_eq!(holders(&seen), expected, "{seen}");
        }
    }

    #[test]
    fn an_api_that_does_not_answer_holds_every_namespace() {
        let seen = json!({"metadata": {"deletionTimestamp": "t"}, "status": {"conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "reason": "DiscoveryFailed",
             "message": "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.example.com/v1beta1: stale GroupVersion discovery: metrics.example.com/v1beta1"},
            {"type": "NamespaceFinalizersRemaining", "status": "False", "message": "All content-preserving finalizers finished"}]}});
        assert_eq!(holders(&seen), ["the API metrics.example.com/v1beta1, which does not answer"]);
        let finding = stuck(&id("Namespace", None, "shop"), &seen);
        assert!(finding.message.contains("metrics.example.com/v1beta1"), "{}", finding.message);
        assert!(finding.help.unwrap().contains("kubectl delete apiservice v1beta1.metrics.example.com"));
        // A core group that cannot be listed is not served by another APIService.
        let mut other = seen.clone();
        other["status"]["conditions"][0]["status"] = json!("False");
        assert!(holders(&other).is_empty());
    }

    #[test]
    fn a_namespace_is_told_by_what_remains_in_it() {
        let seen = json!({"metadata": {"deletionTimestamp": "t"}, "status": {"conditions": [
            {"type": "NamespaceFinalizersRemaining", "status": "True",
             "message": "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances"}]}});
        let finding = stuck(&id("Namespace", None, "shop"), &seen);
        assert!(finding.message.contains("x.io/y"), "{}", finding.message);
        assert!(finding.help.unwrap().contains("-n shop"));
    }
}
