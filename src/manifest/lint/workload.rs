//! Pod templates by themselves: labels, volumes, writers, resources, images.

use crate::event::Code;
use crate::event::Finding;
use crate::go_base64;
use crate::manifest::Object;
use crate::manifest::bind;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::pods;
use crate::manifest::pods::PodTemplate;
use crate::manifest::pods::items;
use crate::manifest::quantity::thousandths;
use crate::pointer::below;
use crate::project::name::ImageName;
use dockerfile::reference;
use nearest::nearest;
use serde_json::Value;

/// A selector that does not select the object's own pods, which the API server refuses without a line.
pub(super) fn labels(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects).filter(|(object, _)| object.group() == "apps") {
        let Some(selector) = object.value["spec"]["selector"]["matchLabels"].as_object() else { continue };
        for (key, value) in selector {
            if template.labels().get(key) != Some(value) {
                let label = format!("{key}={}", value.as_str().unwrap_or_default());
                let message =
                    format!("the selector asks for `{label}`, which the pod template's labels do not have");
                let pointer = below("/spec/selector/matchLabels", key);
                let labels = object.place_of(&format!("{}/metadata/labels", template.pointer));
                let help = format!("write the same label under `template.metadata.labels` ({labels})");
                found.push(at(object, &pointer, Code::SelectorMismatch.error(message)).help(help));
            }
        }
    }
    found
}

/// Mounts without a volume, and volumes that another user owns.
pub(super) fn mounts(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        let claimed: Vec<&str> = items(&object.value["spec"]["volumeClaimTemplates"])
            .filter_map(|(_, claim)| claim["metadata"]["name"].as_str())
            .collect();
        let names = || {
            template
                .volumes()
                .filter_map(|(_, volume)| volume["name"].as_str())
                .chain(claimed.iter().copied())
        };
        for container in template.containers() {
            for (index, mount) in items(&container.value["volumeMounts"]) {
                let Some(name) = mount["name"].as_str() else { continue };
                if names().any(|known| known == name) {
                    continue;
                }
                let help = match nearest(name, names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if names().next().is_none() => {
                        "the pod has no volumes: add it under `volumes`".to_owned()
                    }
                    None => format!("its volumes are {}", listed(names())),
                };
                let finding = Code::VolumeMissing.error(format!("the pod has no volume `{name}`")).help(help);
                found.push(at(object, &format!("{}/volumeMounts/{index}/name", container.pointer), finding));
            }
        }
        if let Some(pointer) = owned_by_another(&template, !claimed.is_empty()) {
            let message = "the pod is not root and has no fsGroup: on storage that honours owners it cannot write to its claim";
            let finding = Code::FsGroupMissing.note(message);
            let help = "add `fsGroup` with the user's group to the pod's securityContext";
            found.push(at(object, &pointer, finding).help(help));
        }
    }
    found
}

/// Claims that are not in the project.
pub(super) fn claims(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for (pointer, name) in template.claims() {
            if set.find("PersistentVolumeClaim", set.namespace(object), name).is_none() {
                let claims = set.core("PersistentVolumeClaim").map(Object::name);
                let help = match nearest(name, claims) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "add a PersistentVolumeClaim of that name to the manifests".to_owned(),
                };
                let message = format!(
                    "the claim `{name}` is not in the project; the pods wait for it unless the cluster has it"
                );
                found.push(at(object, &pointer, Code::ClaimMissing.warning(message)).help(help));
            }
        }
    }
    found
}

/// Storage classes that nothing in the project or in minikube makes.
pub(super) fn classes(set: &Set<'_>) -> Vec<Finding> {
    /// The class of minikube's addon `default-storageclass`, and the one of an addon that must be enabled.
    const STANDARD: &str = "standard";
    const ADDON: (&str, &str) = ("csi-hostpath-sc", "csi-hostpath-driver");
    let classes = set.objects.iter().filter(|object| object.kind() == "StorageClass").map(Object::name);
    // A class need not exist for a claim to be bound to a volume that has its name.
    let volumes =
        set.core("PersistentVolume").filter_map(|volume| volume.value["spec"]["storageClassName"].as_str());
    let made: Vec<&str> = classes.chain(volumes).collect();
    let mut found = Vec::new();
    let mut check = |object: &Object, pointer: String, spec: &Value| {
        let Some(class) = spec["storageClassName"].as_str() else { return };
        // An empty class requires a volume that was created by hand.
        if class.is_empty() || class == STANDARD || made.contains(&class) {
            return;
        }
        let addon = class == ADDON.0;
        if addon && set.facts.addons.iter().any(|asked| asked == ADDON.1) {
            return;
        }
        let message = format!(
            "minikube has no storage class `{class}`; the claim stays Pending unless the cluster has it"
        );
        let help = if addon {
            format!("write `addons = [\"{}\"]` under [minikube]", ADDON.1)
        } else {
            format!("leave `storageClassName` out, or write `{STANDARD}`, which minikube has")
        };
        found.push(
            at(object, &format!("{pointer}/storageClassName"), Code::StorageClassMissing.warning(message))
                .help(help),
        );
    };
    for object in set.core("PersistentVolumeClaim") {
        check(object, "/spec".to_owned(), &object.value["spec"]);
    }
    for object in set.objects.iter().filter(|object| object.kind() == "StatefulSet") {
        for (index, claim) in items(&object.value["spec"]["volumeClaimTemplates"]) {
            check(object, format!("/spec/volumeClaimTemplates/{index}/spec"), &claim["spec"]);
        }
    }
    found
}

/// minikube's own class makes directories that everybody can write to, so this is only worth a note.
fn owned_by_another(template: &PodTemplate<'_>, claims: bool) -> Option<String> {
    let pod = &template.spec()["securityContext"];
    let not_root = |context: &Value| {
        context["runAsNonRoot"] == true || context["runAsUser"].as_u64().is_some_and(|u| u > 0)
    };
    let any = not_root(pod) || template.containers().iter().any(|c| not_root(&c.value["securityContext"]));
    (any && (claims || !template.claims().is_empty()) && pod["fsGroup"].is_null())
        .then(|| format!("{}/spec/securityContext", template.pointer))
}

/// SQLite has one writer at a time.
pub(super) fn writers(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        let spec = &object.value["spec"];
        if template.claims().is_empty() || !mentions_sqlite(set, object, &template) {
            continue;
        }
        let replicas = spec["replicas"].as_u64().unwrap_or(1);
        if replicas > 1 {
            let message =
                format!("{replicas} replicas share one volume with an SQLite database, which has one writer");
            let finding = at(object, "/spec/replicas", Code::SqliteShared.warning(message));
            found.push(finding.help("write `replicas: 1` and `strategy: {type: Recreate}`"));
        } else if object.kind() == "Deployment" && replicas == 1 && spec["strategy"]["type"] != "Recreate" {
            let message = "during an update two pods have the SQLite database open, which has one writer";
            let finding = Code::SqliteShared.note(message);
            found.push(at(object, "/spec/strategy", finding).help("write `strategy: {type: Recreate}`"));
        }
    }
    found
}

fn mentions_sqlite(set: &Set<'_>, object: &Object, template: &PodTemplate<'_>) -> bool {
    let is_sqlite = |text: &str| text.to_lowercase().contains("sqlite");
    let literal = template.containers().iter().any(|container| {
        items(&container.value["env"]).any(|(_, variable)| variable["value"].as_str().is_some_and(is_sqlite))
    });
    literal
        || template.references().iter().any(|reference| {
            let Some(from) = set.find(reference.kind.as_str(), set.namespace(object), reference.name) else {
                return false;
            };
            let values = from.value["data"].as_object().into_iter().flatten();
            let mut read =
                values.filter(|(key, _)| reference.key.is_none_or(|wanted| wanted == key.as_str()));
            read.any(|(_, value)| {
                let text = value.as_str().unwrap_or_default();
                let decoded = (from.kind() == "Secret").then(|| go_base64::decode(text).unwrap_or_default());
                decoded.map_or_else(|| is_sqlite(text), |bytes| is_sqlite(&String::from_utf8_lossy(&bytes)))
            })
        })
}

/// Requests against limits, against the node, and all together against the node.
pub(super) fn resources(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let node = |what: &str| match what {
        "cpu" => set.facts.cpus.map(|cpus| u128::from(cpus) * 1_000),
        _ => set.facts.memory_mib.map(|mib| (u128::from(mib) << 20) * 1_000),
    };
    for what in ["cpu", "memory"] {
        let (mut sum, mut largest) = (0, None);
        for (object, template) in pods::all(set.objects) {
            let mut pod = 0;
            for container in template.containers() {
                let resources = &container.value["resources"];
                let pointer = |part: &str| format!("{}/resources/{part}/{what}", container.pointer);
                for part in ["requests", "limits"] {
                    let value = &resources[part][what];
                    if !value.is_null() && thousandths(value).is_none() {
                        let message = format!("not a valid quantity of {what}");
                        let help =
                            if what == "cpu" { "write `500m` or `2`" } else { "write `256Mi` or `1Gi`" };
                        found.push(
                            at(object, &pointer(part), Code::QuantityInvalid.error(message)).help(help),
                        );
                    }
                }
                let (request, limit) =
                    (thousandths(&resources["requests"][what]), thousandths(&resources["limits"][what]));
                if let (Some(request), Some(limit)) = (request, limit)
                    && request > limit
                {
                    let message = format!("the {what} request is larger than the limit");
                    let finding = at(object, &pointer("requests"), Code::RequestExceedsLimit.error(message));
                    found.push(
                        finding.help(format!("raise the limit ({})", object.place_of(&pointer("limits")))),
                    );
                }
                // A limit alone is the request, too.
                let needs = request.or(limit).unwrap_or(0);
                if node(what).is_some_and(|has| needs > has) {
                    let message = format!(
                        "`{}` asks for {} {what}, and the node has {}",
                        container.name(),
                        shown(what, needs),
                        shown(what, node(what).unwrap_or(0))
                    );
                    let finding =
                        at(object, &pointer("requests"), Code::InsufficientResources.warning(message));
                    found.push(finding.help(grow(what)));
                }
                pod = if container.stays() { pod + needs } else { needs.max(pod) };
            }
            let times = object.value["spec"]["replicas"].as_u64().unwrap_or(1);
            sum += pod * u128::from(times);
            if largest.as_ref().is_none_or(|(most, _, _)| pod > *most) {
                largest = Some((pod, object, template.pointer));
            }
        }
        if let (Some(has), Some((most, object, pointer))) = (node(what), largest)
            && sum > has
            && most <= has
        {
            let (sum, has) = (shown(what, sum), shown(what, has));
            let message = format!(
                "all pods together ask for {sum} {what}, and the node has {has}, of which Kubernetes takes some"
            );
            found.push(
                at(object, &format!("{pointer}/spec"), Code::ClusterCapacityLow.warning(message))
                    .help(grow(what)),
            );
        }
    }
    found
}

fn grow(what: &str) -> String {
    let key = if what == "cpu" { "cpus" } else { "memory" };
    format!("ask for less, or give the node more with `{key}` under [minikube]")
}

fn shown(what: &str, thousandths: u128) -> String {
    match what {
        "cpu" if thousandths.is_multiple_of(1_000) => (thousandths / 1_000).to_string(),
        "cpu" => format!("{thousandths}m"),
        _ => {
            let mib = thousandths / 1_000 / (1 << 20);
            if mib >= 1024 && mib.is_multiple_of(1024) {
                format!("{}Gi", mib / 1024)
            } else {
                format!("{mib}Mi")
            }
        }
    }
}

/// Foreign images with mutable tags, and those that look like a misspelt name of the project's.
pub(super) fn images(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let ours = || set.facts.images.iter().map(ImageName::as_str);
    for (object, template) in pods::all(set.objects) {
        for container in template.containers() {
            let Some(image) = container.value["image"].as_str() else { continue };
            let one = std::slice::from_ref(object);
            if bind::images_named(one, &[], &set.facts.images)
                .foreign
                .iter()
                .all(|(foreign, _)| foreign != image)
            {
                continue;
            }
            let pointer = format!("{}/image", container.pointer);
            let repository = bind::repository(image);
            if let Some(why) = reference::mistake(image) {
                let message = format!("`{image}` is not a valid image name: {why}");
                let finding = at(object, &pointer, Code::FieldInvalid.error(message));
                let lower = image.to_lowercase();
                found.push(if reference::mistake(&lower).is_none() {
                    finding.help(format!("write `{lower}`"))
                } else {
                    finding.help("write `IMAGE:TAG`; nothing replaces what stands here")
                });
            } else if let Some(meant) = nearest(repository, ours()) {
                let message = format!("`{image}` is not an image of the project");
                found.push(
                    at(object, &pointer, Code::ImageNameMismatch.warning(message))
                        .help(format!("did you mean `{meant}`?")),
                );
            } else if container.value["imagePullPolicy"] == "Never" {
                let message = format!(
                    "`{image}` is never loaded into the node: it is not an image of the project, and its pull policy is Never"
                );
                let help = format!("remove `imagePullPolicy`, or build it with [image.{repository}]");
                found.push(at(object, &pointer, Code::ImageNotOnNode.warning(message)).help(help));
            } else if !image.contains('@') && matches!(image.strip_prefix(repository), Some("" | ":latest")) {
                let message = format!("`{image}` can be another image tomorrow");
                found.push(
                    at(object, &pointer, Code::ImageTagMutable.warning(message))
                        .help("pin a version or a digest"),
                );
            }
        }
    }
    found
}

pub(super) fn autoscalers(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let scalers = set.objects.iter().filter(|object| object.kind() == "HorizontalPodAutoscaler");
    for object in scalers {
        if !set.facts.addons.iter().any(|addon| addon == "metrics-server") {
            let message = "an autoscaler does nothing without metrics, and deploy.toml asks for none";
            let finding = at(object, "/spec", Code::MetricsServerMissing.warning(message));
            found.push(finding.help("write `addons = [\"metrics-server\"]` under [minikube]"));
        }
        let target = &object.value["spec"]["scaleTargetRef"];
        let (kind, name) =
            (target["kind"].as_str().unwrap_or_default(), target["name"].as_str().unwrap_or_default());
        let same = |other: &&Object| other.kind() == kind && set.namespace(other) == set.namespace(object);
        if !set.objects.iter().filter(same).any(|other| other.name() == name) {
            let names = set.objects.iter().filter(same).map(Object::name);
            let help = match nearest(name, names.clone()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("name a {kind} of the project"),
            };
            let message = format!("`{kind}/{name}` is not in the project");
            found.push(
                at(object, "/spec/scaleTargetRef/name", Code::AutoscalerTargetMissing.warning(message))
                    .help(help),
            );
        }
    }
    found
}
