//! A symptom → a finding: the cause in the manifest's words, where it is written, what shows it, what to do.

use crate::cluster::blame::Symptom;
use crate::cluster::blame::advice;
use crate::cluster::blame::config;
use crate::cluster::blame::container::probe_kill;
use crate::cluster::blame::quantity;
use crate::cluster::blame::scheduling;
use crate::cluster::blame::signal::Signal;
use crate::cluster::blame::template;
use crate::cluster::live;
use crate::cluster::snapshot::Snapshot;
use crate::event::Finding;
use crate::manifest::Object;
use serde_json::Value;

/// Everything that a finding is made of beside the symptom.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The live object whose trouble it is.
    pub subject: &'a Value,
    /// The object as it was applied, if it was.
    pub applied: Option<&'a Object>,
    /// The pod that has the symptom, if one has.
    pub pod: Option<&'a Value>,
    /// The objects around it.
    pub around: &'a Snapshot,
    /// The last lines of the container that failed.
    pub tail: &'a [String],
}

/// What is told of a symptom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The cause, in the manifest's words.
    pub message: String,
    /// The field that is to blame.
    pub pointer: Option<String>,
    /// What shows it, beside the log and the cluster's sentence.
    pub evidence: Vec<String>,
    /// What to do.
    pub mend: String,
}

/// Lines of a log that a finding shows at most.
pub const TAIL: usize = 20;

/// The whole finding.
pub fn finding(symptom: &Symptom, scene: &Scene<'_>) -> Finding {
    let told = tell(symptom, scene);
    let mut finding = Finding::error(told.message).about(live::id(scene.subject).to_string()).mend(told.mend);
    if let Some(applied) = scene.applied {
        finding = finding.at(applied.place_of(told.pointer.as_deref().unwrap_or_default()).clone());
    }
    let mut evidence: Vec<String> = Vec::new();
    if !symptom.message.is_empty() && !finding.message.contains(&symptom.message) {
        evidence.push(format!("{}: {}", symptom.reason, symptom.message));
    }
    evidence.extend(told.evidence);
    let shown = scene.tail.len().saturating_sub(TAIL);
    evidence.extend(scene.tail[shown..].iter().cloned());
    for (reason, message) in said(scene) {
        // `Error: ErrImagePull`, and once more what the container's status says already.
        let core = message.split_once("\": ").map_or(message, |(_, cause)| cause);
        if !message.starts_with("Error: ") && !evidence.iter().any(|shown| shown.contains(core)) {
            evidence.push(format!("{reason}: {message}"));
        }
    }
    finding.evidence(evidence)
}

/// The last warnings about the pod, without those that only repeat that it is restarted.
fn said<'a>(scene: &Scene<'a>) -> Vec<(&'a str, &'a str)> {
    let of = scene.pod.unwrap_or(scene.subject);
    let all = scene.around.happenings(live::uid(of));
    let mut warnings: Vec<(&str, &str)> = all
        .into_iter()
        .filter(|happening| {
            happening.warning && !matches!(happening.reason.as_str(), "BackOff" | "FailedScheduling")
        })
        .map(|happening| (happening.reason.as_str(), happening.message.as_str()))
        .collect();
    warnings.dedup();
    warnings.split_off(warnings.len().saturating_sub(3))
}

/// The cause, the field and the next step.
pub fn tell(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    match symptom.signal {
        Signal::ImageName
        | Signal::ImageNever
        | Signal::ImageNotFound
        | Signal::ImageDenied
        | Signal::ImagePlatform
        | Signal::ImageNoHost
        | Signal::ImageUnreachable
        | Signal::ImageInspect
        | Signal::ImageSignature
        | Signal::ImagePull => image(symptom, scene),
        Signal::ConfigMissing | Signal::VolumeMissing => missing(symptom, scene),
        Signal::ConfigPending
        | Signal::RunsAsRoot
        | Signal::Config
        | Signal::CreatePending
        | Signal::Create
        | Signal::Command
        | Signal::Start => starting(symptom, scene),
        Signal::Crash
        | Signal::CrashCommand
        | Signal::OutOfMemory
        | Signal::Completed
        | Signal::Killed
        | Signal::NotReady => running(symptom, scene),
        Signal::NeverFits | Signal::Unschedulable | Signal::SchedulingPending => unplaced(symptom, scene),
        Signal::Mount | Signal::Attach | Signal::Sandbox | Signal::ThrownOut | Signal::Deadline => {
            node(symptom, scene)
        }
        Signal::NoClass | Signal::Provisioning => claim(symptom, scene),
        Signal::Quota | Signal::Refused | Signal::NoServiceAccount => creation(symptom, scene),
    }
}

impl Scene<'_> {
    /// What is written: the applied object, else the live one.
    fn written(&self) -> &Value {
        self.applied.map_or(self.subject, |applied| &applied.value)
    }

    fn field(&self, symptom: &Symptom, fields: &[&str]) -> Option<String> {
        template::field(self.written(), symptom.container.as_deref()?, fields)
    }

    fn text(&self, pointer: Option<&String>) -> &str {
        pointer.map_or("", |pointer| live::text(self.written(), pointer))
    }
}

fn told(message: impl Into<String>, pointer: Option<String>, mend: impl Into<String>) -> Told {
    Told { message: message.into(), pointer, evidence: Vec::new(), mend: mend.into() }
}

fn who(symptom: &Symptom) -> String {
    symptom.container.as_ref().map_or_else(|| "its pod".to_owned(), |name| format!("container `{name}`"))
}

fn image(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let pointer = scene.field(symptom, &["image"]);
    let name = scene.text(pointer.as_ref());
    if name.starts_with("todo.local/") && symptom.signal != Signal::ImagePlatform {
        return told(
            format!("the node no longer has image `{name}`, which `todo` built"),
            pointer,
            "run `todo up` again: it builds the image and brings it to the node",
        );
    }
    let is_ours = "if it is yours to build, name it under `[image.…]` in deploy.toml";
    match symptom.signal {
        Signal::ImageName => told(
            format!("image `{name}` is not a name that a container runtime can read"),
            pointer,
            "write it as `name:tag`, in lower case",
        ),
        Signal::ImageNever => told(
            format!("the node has no image `{name}`, and `imagePullPolicy: Never` forbids to pull it"),
            pointer,
            is_ours,
        ),
        Signal::ImageNotFound => told(
            format!("image `{name}` is not in its registry, or not for everybody"),
            pointer,
            format!("correct the name or the tag; {is_ours}; for a private one add `imagePullSecrets`"),
        ),
        Signal::ImageDenied => told(
            format!("the registry of image `{name}` refuses to hand it out"),
            pointer,
            "add `imagePullSecrets` with a login that may read it",
        ),
        Signal::ImagePlatform => told(
            format!("image `{name}` is not made for this node's CPU"),
            pointer,
            "use a tag that has this platform, or build it for it",
        ),
        Signal::ImageNoHost => told(
            format!("the node has no image `{name}`, and the host of its registry is not to be found"),
            pointer,
            format!("correct the name, or bring the node online; {is_ours}"),
        ),
        Signal::ImageUnreachable => told(
            format!("the registry of image `{name}` cannot be reached from the node"),
            pointer,
            "see whether the node has a way out: proxy, VPN, DNS; then run `todo up` again",
        ),
        Signal::ImageSignature => told(
            format!("a policy refuses the signature of image `{name}`"),
            pointer,
            "sign the image, or change the policy",
        ),
        _ => told(
            format!("image `{name}` cannot be used by the node"),
            pointer,
            "try `minikube ssh -- docker pull` with it to see more",
        ),
    }
}

fn missing(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let Some(missing) = config::missing(&symptom.message) else {
        return told(
            format!("{} lacks configuration", who(symptom)),
            None,
            "the kubelet's message says what",
        );
    };
    let reference = template::reference(scene.written(), symptom.container.as_deref(), &missing);
    let name =
        reference.as_ref().map(|reference| reference.name.clone()).or(missing.name).unwrap_or_default();
    let (kind, pointer) = (missing.kind, reference.as_ref().map(|reference| reference.pointer.clone()));
    let what = match reference.and_then(|reference| reference.variable) {
        Some(variable) => format!("variable `{variable}` of {}", who(symptom)),
        None if symptom.container.is_some() => who(symptom),
        None => "a volume".to_owned(),
    };
    let place = match kind {
        "Secret" => format!("`[secret.{name}]` of deploy.toml"),
        "ConfigMap" => format!("`[config.{name}]` of deploy.toml"),
        _ => "a manifest".to_owned(),
    };
    let Some(key) = missing.key else {
        return told(
            format!("{what} needs {kind} `{name}`, which does not exist"),
            pointer,
            format!("add the {kind} to the manifests or as {place}, or mark the reference `optional: true`"),
        );
    };
    let mut told = told(
        format!("{what} needs key `{key}` of {kind} `{name}`, which does not have it"),
        pointer,
        format!("add `{key}` to {place}, correct the key, or mark the reference `optional: true`"),
    );
    let keys = keys(scene.around, kind, live::namespace(scene.subject), &name);
    if !keys.is_empty() {
        told.evidence.push(format!("{kind} `{name}` has {}", keys.join(", ")));
    }
    told
}

fn keys(around: &Snapshot, kind: &str, namespace: &str, name: &str) -> Vec<String> {
    let object = around.kind(kind, namespace).find(|object| live::name(object) == name);
    let maps = ["data", "stringData", "binaryData"];
    let keys = object.into_iter().flat_map(|object| {
        maps.iter().filter_map(|map| object.get(*map)?.as_object()).flat_map(serde_json::Map::keys)
    });
    keys.map(|key| format!("`{key}`")).collect()
}

fn starting(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let who = who(symptom);
    match symptom.signal {
        Signal::RunsAsRoot => {
            let pod =
                format!("{}/securityContext/runAsNonRoot", template::pod_spec(live::kind(scene.written())));
            let own = scene.field(symptom, &["securityContext/runAsNonRoot"]);
            let pointer = own.filter(|at| at.ends_with("runAsNonRoot")).unwrap_or(pod);
            told(
                format!(
                    "{who} must not run as root (`runAsNonRoot`), but its image does, or names a user without number"
                ),
                Some(pointer),
                "set `runAsUser` to a number other than 0, or end the Dockerfile with `USER 1000`",
            )
        }
        Signal::Command => told(
            format!("{who} cannot start: {}", command(&symptom.message)),
            scene.field(symptom, &["command", "args", "image"]),
            "correct `command`, or the ENTRYPOINT of the image; a script must be executable and its `#!` line must name a program of the image",
        ),
        Signal::ConfigPending => told(
            format!("the node has not got the configuration of {who} yet"),
            scene.field(symptom, &[]),
            "run `todo up` again; if it stays, restart the node with `minikube stop` and `minikube start`",
        ),
        Signal::CreatePending => told(
            format!("the node's runtime is busy with {who} and does not finish"),
            scene.field(symptom, &[]),
            "see whether the node is short of disk or CPU: `minikube ssh -- df -h /var`",
        ),
        _ => told(
            format!("the node's runtime cannot start {who}: {}", symptom.message),
            scene.field(symptom, &["securityContext", "volumeMounts"]),
            "the runtime's message names what it stumbles over",
        ),
    }
}

/// The part of a runtime's sentence that names the program: `exec: "x": executable file not found in $PATH`.
fn command(message: &str) -> &str {
    let start = message.find("exec: ").or_else(|| message.find("exec format error")).unwrap_or(0);
    message[start..].split(": unknown").next().unwrap_or(message).trim()
}

fn running(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let who = who(symptom);
    let exit = symptom.exit.as_ref();
    let code = exit.map_or(0, |exit| exit.code);
    let times = exit.map_or(1, |exit| exit.restarts + i64::from(!symptom.trying));
    let often = match times {
        ..=1 => String::new(),
        2 => ", twice so far".to_owned(),
        times => format!(", {times} times so far"),
    };
    match symptom.signal {
        Signal::OutOfMemory => {
            let pointer = scene.field(symptom, &["resources/limits/memory", "resources"]);
            let limit = scene.text(pointer.as_ref());
            let limit = if limit.is_empty() { String::new() } else { format!(" of `{limit}`") };
            told(
                format!("{who} needs more memory than its limit{limit} and is ended by the kernel{often}"),
                pointer,
                "raise `resources.limits.memory`, or let the program use less",
            )
        }
        Signal::Completed => told(
            format!("{who} ends by itself with exit code 0{often}; a server must keep running"),
            scene.field(symptom, &["command", "args", "image"]),
            "start it in the foreground; for work that ends use a Job",
        ),
        Signal::Killed => {
            let happenings = scene.around.happenings(live::uid(scene.pod.unwrap_or(scene.subject)));
            let name = symptom.container.as_deref().unwrap_or_default();
            let startup =
                probe_kill(&happenings, name).is_some_and(|killing| killing.message.contains("startup"));
            let probe = if startup { "startupProbe" } else { "livenessProbe" };
            let mut told = told(
                format!("{who} is ended because its `{probe}` fails{often}"),
                scene.field(symptom, &probe_fields(probe)),
                "correct the probe's port and path, or give the program more time (`initialDelaySeconds`, `failureThreshold`)",
            );
            told.evidence.extend(advice::probe_port(scene.written(), name, probe));
            told
        }
        Signal::NotReady => {
            let name = symptom.container.as_deref().unwrap_or_default();
            let mut told = told(
                format!("{who} runs, but its `readinessProbe` does not succeed"),
                scene.field(symptom, &probe_fields("readinessProbe")),
                "correct the probe's port and path, or see in the log what the program waits for",
            );
            told.evidence.extend(advice::probe_port(scene.written(), name, "readinessProbe"));
            told
        }
        _ => {
            let ended = match exit
                .and_then(|exit| exit.signal)
                .or((code > 128 && code < 160).then_some(code - 128))
            {
                Some(signal) => format!("is ended by signal {signal} (exit code {code})"),
                None => format!("ends with exit code {code}"),
            };
            let advice = advice::of_log(scene.tail);
            let fields: &[&str] = match (symptom.signal, advice) {
                (Signal::CrashCommand, _) => &["command", "args", "image"],
                (_, Some(advice)) => advice.fields,
                _ => &[],
            };
            let mend = match (symptom.signal, advice) {
                (Signal::CrashCommand, _) => {
                    "its shell does not find or may not run a command: correct it, or install it in the image"
                }
                (_, Some(advice)) => advice.mend,
                (_, None) if scene.tail.is_empty() => {
                    "it says nothing before it ends: start it by hand, `kubectl run -it`, to see more"
                }
                (_, None) => "the last lines of its log say why",
            };
            told(format!("{who} {ended}{often}"), scene.field(symptom, fields), mend)
        }
    }
}

fn probe_fields(probe: &'static str) -> [&'static str; 4] {
    match probe {
        "startupProbe" => [
            "startupProbe/httpGet/port",
            "startupProbe/tcpSocket/port",
            "startupProbe/exec/command",
            "startupProbe",
        ],
        "livenessProbe" => [
            "livenessProbe/httpGet/port",
            "livenessProbe/tcpSocket/port",
            "livenessProbe/exec/command",
            "livenessProbe",
        ],
        _ => [
            "readinessProbe/httpGet/port",
            "readinessProbe/tcpSocket/port",
            "readinessProbe/exec/command",
            "readinessProbe",
        ],
    }
}

fn unplaced(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let spec = template::pod_spec(live::kind(scene.written()));
    let message = symptom.message.as_str();
    if let Some(claim) = config::missing(message) {
        let reference = template::reference(scene.written(), None, &claim);
        let name = claim.name.unwrap_or_default();
        return told(
            format!("a volume needs PersistentVolumeClaim `{name}`, which does not exist"),
            reference.map(|reference| reference.pointer),
            "add the claim to the manifests, or correct its name",
        );
    }
    let pod = scene.pod.unwrap_or(scene.subject);
    let shortages = scheduling::shortages(pod, message, scene.around);
    if let Some(first) = shortages.first() {
        let show = |amount| quantity::show(&first.resource, amount);
        let why = if first.asked > first.allocatable {
            format!("the whole node has {}", show(first.allocatable))
        } else {
            format!(
                "the node has {} left of {}",
                show(first.allocatable - first.taken),
                show(first.allocatable)
            )
        };
        let mut told = told(
            format!("no node can take its pod: it asks for {}, {why}", show(first.asked)),
            asking(scene.written(), &first.resource),
            if first.asked > first.allocatable {
                "ask for less, or give minikube more in `[minikube]` of deploy.toml"
            } else {
                "ask for less, stop what you do not need, or give minikube more in `[minikube]` of deploy.toml"
            },
        );
        for shortage in &shortages {
            let holders: Vec<String> = shortage
                .holders
                .iter()
                .take(3)
                .map(|(name, held)| format!("{name} {}", quantity::show(&shortage.resource, *held)))
                .collect();
            told.evidence.push(format!(
                "{}: asked {}, allocatable {}, taken {}{}",
                shortage.resource,
                quantity::show(&shortage.resource, shortage.asked),
                quantity::show(&shortage.resource, shortage.allocatable),
                quantity::show(&shortage.resource, shortage.taken),
                if holders.is_empty() { String::new() } else { format!(" ({})", holders.join(", ")) },
            ));
        }
        return told;
    }
    let written = |field: &str| {
        let at = format!("{spec}/{field}");
        scene.written().pointer(&at).is_some().then_some(at)
    };
    if message.contains("node affinity/selector") {
        let pointer = written("nodeSelector").or_else(|| written("affinity"));
        return told(
            "no node has the labels that its `nodeSelector` or `affinity` asks for",
            pointer,
            "compare with `kubectl get nodes --show-labels`",
        );
    }
    if message.contains("free ports") {
        return told(
            "its `hostPort` is taken on every node",
            written("containers"),
            "drop `hostPort`: a Service reaches pods without it",
        );
    }
    if message.contains("PersistentVolumeClaim") || message.contains("volume") {
        return told(
            "no node can take its pod: its volume is not there",
            written("volumes"),
            "see what is said of its claim",
        );
    }
    if message.contains("taint") {
        return told(
            "every node is tainted against its pod",
            written("tolerations"),
            "add `tolerations`, or see with `kubectl describe nodes` why the node is tainted",
        );
    }
    if message.contains("cordoned") || message.contains("unschedulable") {
        return told("every node is closed for new pods", None, "open it with `kubectl uncordon`");
    }
    told("no node can take its pod", None, "the scheduler's message says which test each node fails")
}

/// Where the resource is asked for: the first container that does.
fn asking(written: &Value, resource: &str) -> Option<String> {
    let spec = template::pod_spec(live::kind(written));
    ["containers", "initContainers"].iter().find_map(|group| {
        (0..live::list(written, &format!("{spec}/{group}")).len()).find_map(|index| {
            ["requests", "limits"]
                .iter()
                .map(|part| format!("{spec}/{group}/{index}/resources/{part}/{resource}"))
                .find(|at| written.pointer(at).is_some())
        })
    })
}

fn node(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let spec = template::pod_spec(live::kind(scene.written()));
    match symptom.signal {
        Signal::Mount | Signal::Attach => {
            let volume =
                symptom.message.split_once("for volume \"").and_then(|(_, rest)| rest.split('"').next());
            let at = format!("{spec}/volumes");
            let index = live::list(scene.written(), &at)
                .iter()
                .position(|entry| Some(live::text(entry, "/name")) == volume);
            let named = volume.map_or_else(|| "a volume".to_owned(), |name| format!("volume `{name}`"));
            told(
                format!("{named} cannot be mounted"),
                index.map(|index| format!("{at}/{index}")),
                "the node's message names what it lacks: a path, a driver, a server",
            )
        }
        Signal::Sandbox => told(
            "the node cannot make its pod's network or sandbox",
            None,
            "restart the node with `minikube stop` and `minikube start`",
        ),
        Signal::Deadline => told(
            "its pod ran longer than `activeDeadlineSeconds` allows",
            Some(format!("{spec}/activeDeadlineSeconds")),
            "allow more, or see in the log what takes so long",
        ),
        _ => told(
            format!("the node throws its pods out: {}", symptom.reason),
            None,
            "see what the node is short of: `kubectl describe nodes`",
        ),
    }
}

fn claim(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let written = scene.written();
    let pointer =
        written.pointer("/spec/storageClassName").is_some().then(|| "/spec/storageClassName".to_owned());
    match (symptom.signal, written.pointer("/spec/storageClassName").and_then(Value::as_str)) {
        (Signal::NoClass, Some(class)) => told(
            format!("no volume will come: StorageClass `{class}` does not exist"),
            pointer,
            "use a class of `kubectl get storageclass`, or leave `storageClassName` out for the default",
        ),
        (Signal::NoClass, None) => told(
            "no volume will come: no StorageClass is named and none is the default",
            pointer,
            "enable one with `minikube addons enable default-storageclass`, or name one",
        ),
        _ => told("its volume cannot be made", pointer, "the provisioner's message says why"),
    }
}

fn creation(symptom: &Symptom, scene: &Scene<'_>) -> Told {
    let spec = template::pod_spec(live::kind(scene.written()));
    match symptom.signal {
        Signal::Quota => told(
            format!(
                "a ResourceQuota of the namespace forbids its pods: {}",
                after(&symptom.message, "exceeded quota: ")
            ),
            Some(format!("{spec}/containers")),
            "ask for less, raise the quota, or remove what else uses it",
        ),
        Signal::NoServiceAccount => {
            let at = format!("{spec}/serviceAccountName");
            let name = live::text(scene.written(), &at);
            told(
                format!("its pods need ServiceAccount `{name}`, which does not exist"),
                Some(at.clone()),
                "add the ServiceAccount to the manifests, or correct its name",
            )
        }
        _ => told(
            format!("the API server refuses its pods: {}", after(&symptom.message, "is forbidden: ")),
            Some(spec.to_owned()),
            "change the pod template as the message asks",
        ),
    }
}

fn after<'a>(message: &'a str, sign: &str) -> &'a str {
    message.split_once(sign).map_or(message, |(_, rest)| rest)
}
