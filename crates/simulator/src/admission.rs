//! Admission of an object to a cluster with controllers: defaulting, mutating plug-ins, validation, quota.
//!
//! The order is the real server's: defaults, mutating plug-ins, validation, immutable fields, and last quotas and other
//! validating plug-ins.

mod allocate;
mod immutable;
mod limits;
mod quota;
mod security;
mod valid;

pub(crate) use quota::used;

use crate::defaults;
use crate::kinds;
use crate::memory::Memory;
use crate::refuse;
use crate::request::ApiResponse;
use crate::request::Where;
use crate::request::text;
use serde_json::Value;
use serde_json::json;

impl Memory {
    /// Makes `next` what would be kept of it, or returns why it is rejected.
    pub(crate) fn admit(
        &mut self,
        at: &Where,
        before: Option<&Value>,
        next: &mut Value,
    ) -> Result<(), ApiResponse> {
        if let ("status", Some(before)) = (at.subresource.as_str(), before) {
            let status = next["status"].take();
            next.clone_from(before);
            next["status"] = status;
            return Ok(());
        }
        let Some(served) = kinds::served(&at.collection) else { return Ok(()) };
        if before.is_none()
            && !matches!(served.kind, "Node" | "Event")
            && let Some(fields) = next.as_object_mut()
        {
            fields.remove("status");
            match served.kind {
                "CronJob" | "Deployment" | "Job" | "ResourceQuota" => next["status"] = json!({}),
                "Service" => next["status"] = json!({"loadBalancer": {}}),
                _ => {}
            }
        }
        defaults::fill(next);
        match served.kind {
            "PersistentVolumeClaim" => self.choose_class(next),
            "Job" => label_pods_of(next, &mut || self.uid()),
            "Service" => self.allocate(at, before, next)?,
            "Pod" if before.is_none() => self.add_limits(at, next)?,
            _ => {}
        }
        let wrong = valid::causes(served.kind, next);
        if !wrong.is_empty() {
            return Err(refuse::invalid(at, served.kind, &wrong));
        }
        if let Some(before) = before {
            let changed = immutable::causes(served.kind, before, next);
            return if changed.is_empty() { Ok(()) } else { Err(refuse::invalid(at, served.kind, &changed)) };
        }
        if served.kind == "Pod" {
            self.look_for_account(at, next)?;
            self.check_security(at, next)?;
            begin(next);
        }
        if served.kind == "PersistentVolumeClaim" {
            next["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
            next["status"] = json!({"phase": "Pending"});
        }
        self.check_quota(at, next)
    }

    fn uid(&mut self) -> String {
        self.rules.as_mut().map(|rules| rules.rng.uid()).unwrap_or_default()
    }

    /// The default class, for claims that name none.
    fn choose_class(&self, claim: &mut Value) {
        if !claim["spec"]["storageClassName"].is_null() {
            return;
        }
        let default = self.within(kinds::CLASS.collection, None, "", "").find(|class| {
            class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
        });
        match default {
            Some(class) => claim["spec"]["storageClassName"] = class["metadata"]["name"].clone(),
            None => {
                if let Some(spec) = claim["spec"].as_object_mut() {
                    spec.remove("storageClassName");
                }
            }
        }
    }

    fn look_for_account(&self, at: &Where, pod: &Value) -> Result<(), ApiResponse> {
        let account = text(&pod["spec"]["serviceAccountName"]);
        let key = (kinds::ACCOUNT.collection.to_owned(), at.namespace.clone(), account.clone());
        if self.objects.contains_key(&key) {
            return Ok(());
        }
        let why = format!(
            "error looking up service account {}/{account}: serviceaccount \"{account}\" not found",
            at.namespace
        );
        Err(refuse::forbidden(at, &why))
    }
}

/// What a pod is before anybody has looked at it.
fn begin(pod: &mut Value) {
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let none = containers
        .iter()
        .all(|container| ["requests", "limits"].iter().all(|field| container["resources"][*field].is_null()));
    let all = containers.iter().all(|container| {
        let (limits, requests) = (&container["resources"]["limits"], &container["resources"]["requests"]);
        limits == requests && !limits["cpu"].is_null() && !limits["memory"].is_null()
    });
    let class = match (none, all) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    };
    pod["status"] = json!({"phase": "Pending", "qosClass": class});
}

/// The labels and the selector by which a Job knows its pods.
fn label_pods_of(job: &mut Value, uid: &mut dyn FnMut() -> String) {
    if job["spec"]["manualSelector"] == true || !job["spec"]["selector"].is_null() {
        return;
    }
    let name = job["metadata"]["name"].clone();
    if job["metadata"]["uid"].is_null() {
        job["metadata"]["uid"] = json!(uid());
    }
    let uid = job["metadata"]["uid"].clone();
    job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    for prefix in ["", "batch.kubernetes.io/"] {
        labels[format!("{prefix}controller-uid")] = uid.clone();
        labels[format!("{prefix}job-name")] = name.clone();
    }
}
