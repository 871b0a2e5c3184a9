//! A refusal of the API server, reported as lines of the manifest.
//!
//! The server's own message stays; the place and the help are added. Values of Secrets are removed, because the
//! server often repeats the value that it refuses.

use crate::cluster::diff::MASK;
use crate::cluster::field;
use crate::cluster::wire::Failure;
use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::core::Status;
use serde_json::Value;

/// The findings about `object`, one for each field that the server names.
pub(crate) fn findings(object: &Object, failure: &Failure) -> Vec<Finding> {
    let about = |field: &str, message: &str, (code, help): (Code, String)| {
        let pointer = field::pointer(&object.value, field);
        let place = object.place_of(&pointer).clone();
        code.error(masked(object, message)).about(object.id().to_string()).at(place).help(help)
    };
    let Failure::Refused(status) = failure else {
        return vec![about(
            "",
            &failure.to_string(),
            (Code::ClusterUnreachable, "see whether the cluster runs: `todo status`".to_owned()),
        )];
    };
    let unknown = misread_fields(&status.message);
    if !unknown.is_empty() {
        let kind = object.kind().to_lowercase();
        return unknown
            .into_iter()
            .map(|(field, why)| {
                let parent = field.rsplit_once('.').map_or("", |(parent, _)| parent).trim_start_matches('.');
                let parent: String = strip_indices(parent);
                let topic = if parent.is_empty() { kind.clone() } else { format!("{kind}.{parent}") };
                let name = field.trim_start_matches('.');
                about(
                    &field,
                    &format!("`{name}`: {why}"),
                    (
                        Code::FieldUnknown,
                        format!("correct or remove it; `kubectl explain {topic}` lists what is allowed"),
                    ),
                )
            })
            .collect();
    }
    if object.kind() == "Secret" && is_malformed(status) {
        return vec![about("data", &status.message, help(object, status))];
    }
    let causes: Vec<_> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .filter(|cause| !cause.field.is_empty() && !cause.field.starts_with('<'))
        .collect();
    if causes.is_empty() {
        return vec![about("", &status.message, help(object, status))];
    }
    causes
        .into_iter()
        .map(|cause| {
            let message = format!("`{}`: {}", cause.field, short(&cause.message));
            about(&cause.field, &message, help(object, status))
        })
        .collect()
}

/// Whether the server could not even decode the object. It answers with a 500, which is not a failure of the server.
pub(crate) fn is_malformed(status: &Status) -> bool {
    [
        "failed to create typed patch object",
        "failed to convert new object",
        "unable to convert unstructured object",
    ]
    .iter()
    .any(|words| status.message.contains(words))
}

/// The fields that the server could not decode, with its message about each.
///
/// Strict decoding reports `unknown field "spec.x"`; server-side apply reports `failed to create typed patch object
/// (…):`, and then either `.spec.x: field not declared in schema` or `errors:` with such a line each.
fn misread_fields(message: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (intro, why) in [("unknown field \"", "no such field"), ("duplicate field \"", "it is written twice")]
    {
        for part in message.split(intro).skip(1) {
            if let Some((field, _)) = part.split_once('"') {
                found.push((field.to_owned(), why.to_owned()));
            }
        }
    }
    if let Some((_, list)) =
        message.split_once("typed patch object (").and_then(|(_, rest)| rest.split_once("): "))
    {
        for line in list.lines().map(str::trim) {
            if let Some((field, why)) = line.split_once(": ").filter(|(field, _)| field.starts_with('.')) {
                let why = if why == "field not declared in schema" { "no such field" } else { why };
                found.push((field.to_owned(), why.to_owned()));
            }
        }
    }
    found
}

/// The message without a value that fills a screen: the server prints whole pod templates, as Go writes structs.
fn short(message: &str) -> String {
    match message.strip_prefix("Invalid value: ").and_then(|rest| rest.rsplit_once("}: ")) {
        Some((value, why)) if value.len() > 200 => why.to_owned(),
        _ => message.to_owned(),
    }
}

fn strip_indices(path: &str) -> String {
    let mut depth = 0;
    path.chars()
        .filter(|c| {
            match c {
                '[' => depth += 1,
                ']' => {
                    depth -= 1;
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

/// The code of the refusal, and what to do about it.
fn help(object: &Object, status: &Status) -> (Code, String) {
    let says = |words: &str| status.message.contains(words);
    let namespace = object.namespace().map_or(String::new(), |namespace| format!(" -n {namespace}"));
    if says("illegal base64 data") {
        let help = "values under `data` are base64; write plain text under `stringData`";
        return (Code::SecretNotBase64, help.to_owned());
    }
    if object.kind() == "PersistentVolumeClaim"
        && let Some(help) = resized(object, &status.message)
    {
        return (Code::VolumeResizeRefused, help);
    }
    if let Some(remedy) = remedy(status, object.namespace()) {
        return remedy;
    }
    if status.code == 403 {
        let kind = object.kind().to_lowercase();
        let help =
            format!("get the right to do it: `kubectl auth can-i patch {kind}{namespace}` says who has not");
        return (Code::PermissionDenied, help);
    }
    if status.is_not_found() {
        let help = "install what it needs first, or correct its apiVersion and kind";
        return (Code::KindUnknown, help.to_owned());
    }
    (Code::FieldInvalid, "correct it in the manifest".to_owned())
}

/// What to do where quotas, policies or webhooks of the cluster decide what is allowed. `None` if it is none of
/// these.
pub(crate) fn remedy(status: &Status, namespace: Option<&str>) -> Option<(Code, String)> {
    let says = |words: &str| status.message.contains(words);
    if says("exceeded quota") {
        let of = namespace.map_or("--all-namespaces".to_owned(), |namespace| format!("-n {namespace}"));
        let help = format!(
            "ask for less, or raise the quota: `kubectl describe resourcequota {of}` shows what is used"
        );
        return Some((Code::QuotaExceeded, help));
    }
    let (code, help) = if says("because it is being terminated") {
        (
            Code::NamespaceTerminating,
            "the namespace is being deleted: `todo up` waits until it is gone, and creates it again",
        )
    } else if says("violates PodSecurity") {
        (
            Code::PodSecurityViolation,
            "tighten the pod's `securityContext` as the message says, or relax the namespace's label \
             `pod-security.kubernetes.io/enforce`",
        )
    } else if says("denied the request") {
        (
            Code::AdmissionDenied,
            "a policy of the cluster forbids it: change what the message says, or ask the owner of the policy",
        )
    } else if says("failed calling webhook") {
        (
            Code::WebhookNotReady,
            "the webhook does not answer: see where `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml` \
             sends it and start what is there, or delete its configuration if that is left over",
        )
    } else {
        return None;
    };
    Some((code, help.to_owned()))
}

/// What to do about a claim whose size the server refuses (`kubernetes: ValidatePersistentVolumeClaimUpdate`, and the
/// admission plugin `PersistentVolumeClaimResize`, which answers 403).
fn resized(object: &Object, message: &str) -> Option<String> {
    let name = object.name();
    let namespace = object.namespace().map_or(String::new(), |namespace| format!(" -n {namespace}"));
    let recreate = format!(
        "write the size that it has (`kubectl{namespace} get pvc {name}`); for another one save its data, `kubectl{namespace} delete pvc {name}`, and `todo up`"
    );
    if message.contains("must support resize") || message.contains("can be resized") {
        return Some(format!(
            "a claim can only be expanded if its StorageClass has `allowVolumeExpansion: true`, and minikube's cannot: {recreate}"
        ));
    }
    message.contains("can not be less than").then(|| format!("a claim cannot be shrunk: {recreate}"))
}

/// The text without the values of a Secret.
pub(crate) fn masked(object: &Object, text: &str) -> String {
    if object.kind() != "Secret" {
        return text.to_owned();
    }
    let mut text = text.to_owned();
    let mut hide = |value: &str| {
        if !value.is_empty() {
            text = text.replace(value, MASK);
        }
    };
    for values in ["data", "stringData"] {
        for value in object.value[values].as_object().into_iter().flat_map(|data| data.values()) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Ok(plain) = STANDARD.decode(&shown)
                && let Ok(plain) = String::from_utf8(plain)
                && plain.len() > 2
            {
                hide(&plain);
            }
            if shown.len() > 2 {
                hide(&shown);
            }
        }
    }
    // Values that the server has formatted differently.
    for intro in ["Invalid value: \"", "got \"", "decode value \""] {
        if let Some((before, after)) = text.clone().split_once(intro)
            && let Some((_, after)) = after.split_once('"')
        {
            text = format!("{before}{intro}{MASK}\"{after}");
        }
    }
    text
}

/// A value of an annotation of `object`.
pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][name].as_str()
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::cluster::wire::Failure;
    use crate::event::Place;
    use crate::manifest::Object;
    use kube::core::Status;
    use serde_json::Value;
    use serde_json::json;

    fn object(value: Value) -> Object {
        let mut object = Object::made(value, Place { file: "web.yaml".into(), line: 1, column: 1 });
        for (line, pointer) in
            [(9, "/spec/replicas"), (12, "/spec/template/spec/containers/0/image"), (14, "/spec/replica")]
        {
            object.places.insert(pointer.into(), Place { file: "web.yaml".into(), line, column: 5 });
        }
        object
    }

    fn messages(object: &Object, status: Value) -> Vec<String> {
        let status: Status = serde_json::from_value(status).unwrap();
        findings(object, &Failure::Refused(status.boxed()))
            .into_iter()
            .map(|f| format!("{} {} {}", f.place.unwrap(), f.subject.unwrap(), f.message))
            .collect()
    }

    #[test]
    fn each_named_field_is_told_at_its_line() {
        let web = object(json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": -1, "replica": 1, "template": {"spec": {"containers": [{"name": "web", "image": " "}]}}}}));
        let invalid = json!({"status": "Failure", "code": 422, "reason": "Invalid", "message": "is invalid",
        "details": {"causes": [
            {"reason": "FieldValueInvalid", "field": "spec.replicas", "message": "Invalid value: -1: must be ≥ 0"},
            {"reason": "FieldValueRequired", "field": "spec.template.spec.containers[0].image",
             "message": "Required value"},
        ]}});
        assert_eq!(
            messages(&web, invalid),
            [
                "web.yaml:9:5 Deployment/web `spec.replicas`: Invalid value: -1: must be ≥ 0",
                "web.yaml:12:5 Deployment/web `spec.template.spec.containers[0].image`: Required value",
            ]
        );
        let undeclared = json!({"status": "Failure", "code": 500, "message":
            "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema"});
        assert_eq!(
            messages(&web, undeclared),
            ["web.yaml:14:5 Deployment/web `spec.replica`: no such field"]
        );
        let several = json!({"status": "Failure", "code": 500, "message":
            "failed to create typed patch object (/d; apps/v1, Kind=Deployment): errors:\n  .spec.replicas: expected numeric (int or float), got string\n  .spec.template.spec.containers[name=\"web\"].env: duplicate entries for key [name=\"A\"]"});
        assert_eq!(
            messages(&web, several),
            [
                "web.yaml:9:5 Deployment/web `spec.replicas`: expected numeric (int or float), got string",
                "web.yaml:1:1 Deployment/web `spec.template.spec.containers[name=\"web\"].env`: duplicate entries for key [name=\"A\"]",
            ]
        );
        let strict = json!({"status": "Failure", "code": 400, "message":
            "strict decoding error: unknown field \"spec.replica\", unknown field \"spec.x\""});
        assert_eq!(messages(&web, strict).len(), 2);
    }

    #[test]
    fn a_claim_of_another_size_is_told_what_can_be_done_about_it() {
        let claim = object(
            json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}),
        );
        let grown = json!({"code": 403, "reason": "Forbidden", "message": "persistentvolumeclaims \"data\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"});
        let shrunk = json!({"code": 422, "reason": "Invalid", "message": "PersistentVolumeClaim \"data\" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            "details": {"causes": [{"field": "spec.resources.requests.storage", "message": "Forbidden: field can not be less than status.capacity"}]}});
        let other = json!({"code": 403, "reason": "Forbidden", "message": "persistentvolumeclaims \"data\" is forbidden: User \"kim\" cannot patch"});
        for (status, help) in [
            (grown, "a claim can only be expanded if its StorageClass has `allowVolumeExpansion: true`"),
            (shrunk, "a claim cannot be shrunk: write the size that it has (`kubectl -n shop get pvc data`)"),
            (other, "get the right to do it"),
        ] {
            let status: Status = serde_json::from_value(status).unwrap();
            let found = findings(&claim, &Failure::Refused(status.boxed()));
            assert!(found[0].help.as_ref().unwrap().starts_with(help), "{found:?}");
        }
    }

    #[test]
    fn a_value_that_fills_a_screen_is_left_out() {
        let web = object(json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}}));
        let value = format!("core.PodTemplateSpec{{{}}}", "Env:[]core.EnvVar(nil), ".repeat(40));
        let status = json!({"status": "Failure", "code": 422, "message": "is invalid", "details": {"causes": [
            {"field": "spec.replicas", "message": format!("Invalid value: {value}: field is immutable")}]}});
        assert_eq!(
            messages(&web, status),
            ["web.yaml:9:5 Deployment/web `spec.replicas`: field is immutable"]
        );
    }

    #[test]
    fn no_value_of_a_secret_is_repeated() {
        let secret = object(json!({"kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "aHVudGVyMg==", "b": "not base64 at all"}}));
        let status = json!({"status": "Failure", "code": 422, "reason": "Invalid",
            "message": "hunter2 is bad", "details": {"causes": [
                {"reason": "FieldValueInvalid", "field": "data[b]",
                 "message": "Invalid value: \"not base64 at all\": illegal; aHVudGVyMg== hunter2"}]}});
        let message = messages(&secret, status).join("\n");
        for value in ["hunter2", "aHVudGVyMg==", "not base64"] {
            assert!(!message.contains(value), "{message}");
        }
        assert!(message.contains("data[b]"));
    }
}
