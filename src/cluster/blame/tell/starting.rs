//! Problems before a container runs: its image, its configuration, its command.

use crate::cluster::blame::tell::CauseContext;
use crate::cluster::blame::tell::Diagnosis;
use crate::cluster::blame::tell::diagnosis;
use crate::cluster::blame::tell::placing::restart_node;
use health::cause::Symptom;
use health::cause::config;
use health::cause::failure_kind::FailureKind;
use health::cause::template;
use health::live;
use health::snapshot::Snapshot;

pub(super) fn image(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let pointer = inputs.field(symptom, &["image"]);
    let name = inputs.text(pointer.as_ref());
    if name.starts_with("todo.local/") && symptom.signal != FailureKind::ImagePlatform {
        return diagnosis(
            format!("the node no longer has image `{name}`, which `todo` built"),
            pointer,
            "run `todo up` again: it builds the image and loads it into the node",
        );
    }
    let is_ours = "if this project builds it, add `[image.…]` to deploy.toml";
    match symptom.signal {
        FailureKind::ImageName => diagnosis(
            format!("image `{name}` is not a valid image name"),
            pointer,
            "write it as `name:tag`, in lower case",
        ),
        FailureKind::ImageNever | FailureKind::ImageGone => diagnosis(
            format!("the node has no image `{name}`, and `imagePullPolicy: Never` forbids to pull it"),
            pointer,
            is_ours,
        ),
        FailureKind::ImageNotFound => diagnosis(
            format!("image `{name}` does not exist in its registry, or is private"),
            pointer,
            format!("correct the name or the tag; {is_ours}; for a private one add `imagePullSecrets`"),
        ),
        FailureKind::ImageDenied => diagnosis(
            format!("the registry of image `{name}` denies access to it"),
            pointer,
            "add `imagePullSecrets` with a login that may read it",
        ),
        FailureKind::ImagePlatform => diagnosis(
            format!("image `{name}` has no variant for this node's CPU"),
            pointer,
            "use a tag that has this platform, or build it for it",
        ),
        FailureKind::ImageNoHost => diagnosis(
            format!("the node has no image `{name}`, and the host of its registry cannot be resolved"),
            pointer,
            format!("correct the name, or bring the node online; {is_ours}"),
        ),
        FailureKind::ImageUnreachable => diagnosis(
            format!("the registry of image `{name}` cannot be reached from the node"),
            pointer,
            "see whether the node has a way out: proxy, VPN, DNS; then run `todo up` again",
        ),
        FailureKind::ImageLimited => diagnosis(
            format!("the registry of image `{name}` gives this node no more pulls for now"),
            pointer,
            "wait, add `imagePullSecrets` with a login, or take the image from another registry",
        ),
        FailureKind::ImageUntrusted => diagnosis(
            format!("the node does not trust the registry of image `{name}`"),
            pointer,
            "give minikube the registry's certificate (~/.minikube/certs and `--embed-certs`), or create the profile with `--insecure-registry`",
        ),
        FailureKind::ImageSignature => diagnosis(
            format!("a policy refuses the signature of image `{name}`"),
            pointer,
            "sign the image, or change the policy",
        ),
        _ => diagnosis(
            format!("image `{name}` cannot be used by the node"),
            pointer,
            inputs.by_minikube(
                |profile| {
                    format!(
                        "pull it on the node to see more: `minikube ssh -p {profile} -- docker pull {name}`"
                    )
                },
                "pull it on the node to see more",
            ),
        ),
    }
}

pub(super) fn missing(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let Some(missing) = config::missing(&symptom.message) else {
        return diagnosis(
            format!("{} lacks configuration", inputs.who(symptom)),
            None,
            "the kubelet's message says what",
        );
    };
    let reference = template::reference(inputs.written(), symptom.container.as_deref(), &missing);
    let made_everywhere = missing.is_made_everywhere();
    let name =
        reference.as_ref().map(|reference| reference.name.clone()).or(missing.name).unwrap_or_default();
    let (kind, pointer) = (missing.kind, reference.as_ref().map(|reference| reference.pointer.clone()));
    let what = match reference.and_then(|reference| reference.variable) {
        Some(variable) => format!("variable `{variable}` of {}", inputs.who(symptom)),
        None if symptom.container.is_some() => inputs.who(symptom),
        None => "a volume".to_owned(),
    };
    let place = match kind {
        "Secret" => format!("`[secret.{name}]` of deploy.toml"),
        "ConfigMap" => format!("`[config.{name}]` of deploy.toml"),
        _ => "a manifest".to_owned(),
    };
    let Some(key) = missing.key else {
        let help = if made_everywhere {
            "the controller manager creates it in every namespace; see whether that runs: `kubectl get pods -n kube-system`".to_owned()
        } else {
            format!("add the {kind} to the manifests or as {place}, or mark the reference `optional: true`")
        };
        return diagnosis(format!("{what} needs {kind} `{name}`, which does not exist"), pointer, help);
    };
    let mut result = diagnosis(
        format!("{what} needs key `{key}` of {kind} `{name}`, which does not have it"),
        pointer,
        format!("add `{key}` to {place}, correct the key, or mark the reference `optional: true`"),
    );
    let keys = keys(inputs.snapshot, kind, live::namespace(inputs.subject), &name);
    if !keys.is_empty() {
        result.evidence.push(format!("{kind} `{name}` has {}", keys.join(", ")));
    }
    result
}

fn keys(snapshot: &Snapshot, kind: &str, namespace: &str, name: &str) -> Vec<String> {
    let object = snapshot.kind("", kind, namespace).find(|object| live::name(object) == name);
    let maps = ["data", "stringData", "binaryData"];
    let keys = object.into_iter().flat_map(|object| {
        maps.iter().filter_map(|map| object.get(*map)?.as_object()).flat_map(serde_json::Map::keys)
    });
    keys.map(|key| format!("`{key}`")).collect()
}

pub(super) fn starting(symptom: &Symptom, inputs: &CauseContext<'_>) -> Diagnosis {
    let who = inputs.who(symptom);
    match symptom.signal {
        FailureKind::RunsAsRoot => {
            let pod =
                format!("{}/securityContext/runAsNonRoot", template::pod_spec(live::kind(inputs.written())));
            let own = inputs.field(symptom, &["securityContext/runAsNonRoot"]);
            let pointer = own.filter(|at| at.ends_with("runAsNonRoot")).unwrap_or(pod);
            diagnosis(
                format!(
                    "{who} must not run as root (`runAsNonRoot`), but its image does, or names a user without number"
                ),
                Some(pointer),
                "set `runAsUser` to a number other than 0, or end the Dockerfile with `USER 1000`",
            )
        }
        FailureKind::Command => diagnosis(
            format!("{who} cannot start: {}", command(&symptom.message)),
            inputs.field(symptom, &["command", "args", "image"]),
            "correct `command`, or the ENTRYPOINT of the image; a script must be executable and its `#!` line must name a program of the image",
        ),
        FailureKind::ConfigPending => diagnosis(
            format!("the kubelet has not synced the configuration of {who} yet"),
            inputs.field(symptom, &[]),
            format!("run `todo up` again; if the problem remains, {}", restart_node(inputs)),
        ),
        FailureKind::CreatePending => diagnosis(
            format!("the node's runtime is busy with {who} and does not finish"),
            inputs.field(symptom, &[]),
            inputs.by_minikube(
                |profile| format!("see whether the node is short of disk or CPU: `minikube ssh -p {profile} -- df -h /var`"),
                "see whether the node is short of disk or CPU",
            ),
        ),
        _ => diagnosis(
            format!("the node's runtime cannot start {who}: {}", symptom.message),
            inputs.field(symptom, &["securityContext", "volumeMounts"]),
            "the runtime's message names what it stumbles over",
        ),
    }
}

/// The part of a runtime's sentence that names the program: `exec: "x": executable file not found in $PATH`.
fn command(message: &str) -> &str {
    let start = message.find("exec: ").or_else(|| message.find("exec format error")).unwrap_or(0);
    message[start..].split(": unknown").next().unwrap_or(message).trim()
}
