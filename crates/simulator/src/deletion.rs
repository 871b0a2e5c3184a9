//! What a deletion does in a cluster with controllers: some objects go at once, others are only marked.
//!
//! Deletes only the object: owned objects are deleted by the collector, a namespace's contents by its controller.

use crate::memory::Memory;
use crate::request::Where;
use jiff::SignedDuration;
use serde_json::Value;
use serde_json::json;

/// The collector's own finalizers.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
pub(crate) const ORPHAN: &str = "orphan";

impl Memory {
    /// Deletes an object, or marks it. Returns it if it is still there.
    pub(crate) fn begin_deletion(
        &mut self,
        at: &Where,
        live: &Value,
        policy: &str,
        grace: Option<i64>,
    ) -> Option<Value> {
        let key = (at.collection.clone(), at.namespace.clone(), at.name.clone());
        let dying = !live["metadata"]["deletionTimestamp"].is_null();
        let grace = if at.plural == "pods" { grace_of(live, grace) } else { 0 };
        let mut finalizers = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        let asked = match policy {
            "Foreground" => Some(FOREGROUND),
            "Orphan" => Some(ORPHAN),
            _ => None,
        };
        if let Some(asked) = asked.filter(|asked| !finalizers.iter().any(|finalizer| finalizer == asked)) {
            finalizers.push(json!(asked));
        }
        let stays = !finalizers.is_empty() || grace > 0 || at.plural == "namespaces";
        if !stays {
            self.forget(&key);
            return None;
        }
        // Marked with no time left already: what holds it is waited for, and nothing changes.
        let marked = live["metadata"]["deletionGracePeriodSeconds"] == 0;
        if dying && (grace > 0 || at.plural != "pods" || marked) {
            return Some(live.clone());
        }
        let mut next = live.clone();
        if !finalizers.is_empty() {
            next["metadata"]["finalizers"] = json!(finalizers);
        }
        next["metadata"]["deletionTimestamp"] = json!(self.stamp_in(grace));
        if at.plural == "namespaces" {
            next["status"]["phase"] = json!("Terminating");
        } else {
            next["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
        Some(self.keep(at, Some(live), next))
    }

    fn stamp_in(&self, seconds: i64) -> String {
        let Some(rules) = &self.rules else { return self.stamp() };
        let then = rules.clock.now().checked_add(SignedDuration::from_secs(seconds)).unwrap_or_default();
        then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// A pod's grace period in seconds: 0 for a pod without a node, or one that has ended.
fn grace_of(pod: &Value, asked: Option<i64>) -> i64 {
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if over || pod["spec"]["nodeName"].is_null() {
        return 0;
    }
    asked.unwrap_or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30))
}

/// Whether something else than finalizers keeps a marked object there.
pub(crate) fn is_held(object: &Value) -> bool {
    let grace = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    object["kind"] == "Namespace" || (object["kind"] == "Pod" && grace > 0)
}
