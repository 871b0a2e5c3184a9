//! A unit → its objects: ConfigMap, claims, Deployment, StatefulSet or Job, Services.

use super::Plan;
use super::Unit;
use super::container::container;
use super::container::protocol;
use super::names::Names;
use super::ports::is_store;
use super::storage::Storage;
use super::storage::storage;
use super::values::Values;
use super::yaml::SerializedYaml;
use crate::discover::compose::Condition;
use crate::discover::compose::Protocol;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::apps::v1::DeploymentSpec;
use k8s_openapi::api::apps::v1::DeploymentStrategy;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::apps::v1::StatefulSetSpec;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::api::core::v1::HostAlias;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::core::v1::PersistentVolumeClaimSpec;
use k8s_openapi::api::core::v1::PodSecurityContext;
use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::core::v1::ServiceSpec;
use k8s_openapi::api::core::v1::VolumeResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What keeps a StatefulSet's or claim's data.
const DATA: &str = "The data. `todo down` keeps it, `todo down --purge` deletes it.";

/// The kind of a unit's workload.
pub(super) fn kind(unit: &Unit<'_>, claims: &[String], shared: &BTreeSet<String>) -> &'static str {
    if unit.job {
        "Job"
    } else if is_store(&unit.image)
        && !claims.is_empty()
        && claims.iter().all(|claim| !shared.contains(claim))
    {
        "StatefulSet"
    } else {
        "Deployment"
    }
}

/// The objects of the units of one pod, the first of which has given it its network; `main`: whether people open it.
pub(super) fn objects(
    plan: &Plan<'_>,
    pod: &[&Unit<'_>],
    names: &Names,
    main: bool,
    values: &mut Values<'_>,
    written: &[(String, Vec<SerializedYaml>)],
    notes: &mut Vec<(String, String)>,
) -> Vec<SerializedYaml> {
    let Some((unit, beside)) = pod.split_first() else { return Vec::new() };
    let mut objects = Vec::new();
    let stores = storages(plan, pod, names, values, &mut objects, notes);
    let more: Vec<Container> = beside
        .iter()
        .zip(&stores[1..])
        .map(|(unit, storage)| container(unit, names, storage, values, notes))
        .collect();
    let mut stores = stores.into_iter();
    let mut storage = stores.next().unwrap_or_default();
    stores.for_each(|other| storage.join(other));
    let kind = kind(unit, &storage.claims, &plan.shared);
    if kind != "StatefulSet" {
        let known = |name: &str| {
            written
                .iter()
                .flat_map(|(_, objects)| objects)
                .any(|object| object.is("PersistentVolumeClaim", name))
        };
        objects.extend(
            storage
                .claims
                .iter()
                .filter(|name| !known(name))
                .map(|name| SerializedYaml::new(DATA, &claim(name))),
        );
    }
    let template = template(unit, more, names, &storage, kind, values, notes);
    let metadata = ObjectMeta {
        annotations: annotations(plan, unit, kind),
        labels: Some(labels(unit)),
        ..meta(&unit.name)
    };
    let selector = LabelSelector { match_labels: Some(labels(unit)), ..LabelSelector::default() };
    let one = !storage.claims.is_empty();
    let replicas = i32::try_from(unit.service.replicas.filter(|_| !one).unwrap_or(1)).unwrap_or(1);
    if one && unit.service.replicas.is_some_and(|replicas| replicas > 1) {
        let message = format!(
            "`{}` has more than one replica, and a volume that only one may write to ({})",
            unit.service.name, unit.service.place
        );
        notes
            .push((message, "one replica is written; raise `replicas` if its data may be shared".to_owned()));
    }
    objects.push(match kind {
        "Job" => SerializedYaml::new(
            "It ends when it has done its work; what depends on it waits for that.",
            &Job {
                metadata,
                spec: Some(JobSpec { backoff_limit: Some(6), template, ..JobSpec::default() }),
                status: None,
            },
        ),
        "StatefulSet" => SerializedYaml::new(
            "",
            &StatefulSet {
                metadata,
                spec: Some(StatefulSetSpec {
                    replicas: Some(replicas),
                    selector,
                    service_name: Some(unit.name.clone()),
                    template,
                    volume_claim_templates: Some(storage.claims.iter().map(|name| claim(name)).collect()),
                    ..StatefulSetSpec::default()
                }),
                status: None,
            },
        ),
        _ => SerializedYaml::new(
            "",
            &Deployment {
                metadata,
                spec: Some(DeploymentSpec {
                    replicas: Some(replicas),
                    selector,
                    // Two pods must not write to one volume.
                    strategy: one.then(|| DeploymentStrategy {
                        type_: Some("Recreate".to_owned()),
                        rolling_update: None,
                    }),
                    template,
                    ..DeploymentSpec::default()
                }),
                status: None,
            },
        ),
    });
    if !unit.job && (unit.named || !unit.ports.is_empty()) {
        objects.push(SerializedYaml::new("", &service(&unit.name, unit, main)));
        for alias in names.aliases.iter().filter(|alias| alias.unit == unit.name) {
            let comment = format!("The name of `{}` that {} gives.", unit.name, alias.place);
            objects.push(SerializedYaml::new(&comment, &service(&alias.name, unit, false)));
        }
    }
    objects
}

/// The storage of each unit of a pod; what compose mounts from files becomes a ConfigMap in `objects`.
fn storages(
    plan: &Plan<'_>,
    pod: &[&Unit<'_>],
    names: &Names,
    values: &mut Values<'_>,
    objects: &mut Vec<SerializedYaml>,
    notes: &mut Vec<(String, String)>,
) -> Vec<Storage> {
    let mut stores: Vec<Storage> = Vec::new();
    for unit in pod {
        let mut storage = storage(plan, unit, names, values);
        notes.extend(storage.notes.iter().cloned());
        if !storage.files.is_empty() {
            let map = ConfigMap {
                metadata: meta(&format!("{}-files", unit.name)),
                data: Some(storage.files.clone()),
                ..ConfigMap::default()
            };
            objects.push(SerializedYaml::new("The files that compose mounts.", &map));
        }
        if !stores.is_empty() {
            storage.rename(&unit.name);
        }
        stores.push(storage);
    }
    stores
}

fn meta(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn labels(unit: &Unit<'_>) -> BTreeMap<String, String> {
    [("app".to_owned(), unit.name.clone())].into()
}

/// Its source file, and whether it may be recreated.
fn annotations(plan: &Plan<'_>, unit: &Unit<'_>, kind: &str) -> Option<BTreeMap<String, String>> {
    let mut after: Vec<String> = Vec::new();
    for item in &unit.service.after {
        let Some((name, kind, store)) = plan.kinds.get(&item.service) else { continue };
        let waits = match item.condition {
            Condition::Healthy | Condition::Completed => true,
            Condition::Started => *store,
        };
        if waits {
            after.push(format!("{kind}/{name}"));
        }
    }
    let mut annotations = BTreeMap::new();
    if !after.is_empty() {
        annotations.insert("todo.dev/depends-on".to_owned(), after.join(", "));
    }
    if kind == "Job" {
        // The template of a Job cannot be changed.
        annotations.insert("todo.dev/recreate".to_owned(), "true".to_owned());
    }
    (!annotations.is_empty()).then_some(annotations)
}

fn claim(name: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: meta(name),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity("1Gi".to_owned()))].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

fn template(
    unit: &Unit<'_>,
    more: Vec<Container>,
    names: &Names,
    storage: &Storage,
    kind: &str,
    values: &mut Values<'_>,
    notes: &mut Vec<(String, String)>,
) -> PodTemplateSpec {
    let mut volumes: Vec<_> = if kind == "StatefulSet" { Vec::new() } else { storage.claimed().collect() };
    volumes.extend(storage.volumes.iter().cloned());
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels(unit)), ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            // Variables such as WEB_PORT, made of Services, would get in the way of the application's own.
            enable_service_links: Some(false),
            restart_policy: (kind == "Job").then(|| "OnFailure".to_owned()),
            security_context: pod_security(unit, storage, notes),
            host_aliases: host_aliases(unit, notes),
            termination_grace_period_seconds: unit.service.grace.and_then(|grace| i64::try_from(grace).ok()),
            containers: std::iter::once(container(unit, names, storage, values, notes)).chain(more).collect(),
            volumes: (!volumes.is_empty()).then_some(volumes),
            ..PodSpec::default()
        }),
    }
}

fn pod_security(
    unit: &Unit<'_>,
    storage: &Storage,
    notes: &mut Vec<(String, String)>,
) -> Option<PodSecurityContext> {
    let parts = |user: &str| {
        let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
        Some((user.parse::<i64>().ok()?, group.and_then(|group| group.parse::<i64>().ok())))
    };
    let user = unit.service.user.as_deref();
    let read = user.and_then(parts);
    if let Some(name) = user.filter(|_| read.is_none()) {
        let message = format!(
            "the user `{name}` of `{}` is known by its name only, which is left out ({})",
            unit.service.name, unit.service.place
        );
        notes.push((
            message,
            "write its number as `runAsUser`, if the image does not run as it anyway".to_owned(),
        ));
    }
    let image = unit.stage.as_ref().and_then(|stage| stage.uid).map(i64::from).filter(|uid| *uid > 0);
    let uid = read.map(|(uid, _)| uid);
    // So that it may write to its volume.
    let group = uid.or(image).filter(|uid| *uid > 0 && !storage.claims.is_empty());
    let context = PodSecurityContext {
        run_as_user: uid,
        run_as_group: read.and_then(|(_, group)| group),
        fs_group: read.and_then(|(_, group)| group).filter(|_| !storage.claims.is_empty()).or(group),
        ..PodSecurityContext::default()
    };
    (context != PodSecurityContext::default()).then_some(context)
}

fn host_aliases(unit: &Unit<'_>, notes: &mut Vec<(String, String)>) -> Option<Vec<HostAlias>> {
    let mut hosts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, address, place) in &unit.service.hosts {
        let address = address.trim_matches(['[', ']']);
        if address.parse::<std::net::IpAddr>().is_ok() {
            hosts.entry(address).or_default().push(name.clone());
        } else if name != "host.docker.internal" {
            let message = format!(
                "`{name}` is this machine for `{}`, which has another address in a cluster ({place})",
                unit.service.name
            );
            notes.push((message, "write `host.minikube.internal` in its place".to_owned()));
        }
    }
    let aliases =
        hosts.into_iter().map(|(ip, names)| HostAlias { ip: ip.to_owned(), hostnames: Some(names) });
    let aliases: Vec<HostAlias> = aliases.collect();
    (!aliases.is_empty()).then_some(aliases)
}

fn service(name: &str, unit: &Unit<'_>, main: bool) -> Service {
    let several = unit.ports.len() > 1;
    let port = |(port, kind): &(u16, Protocol)| ServicePort {
        name: several.then(|| match kind {
            Protocol::Tcp => format!("tcp-{port}"),
            Protocol::Udp => format!("udp-{port}"),
            Protocol::Sctp => format!("sctp-{port}"),
        }),
        port: i32::from(*port),
        protocol: protocol(*kind),
        ..ServicePort::default()
    };
    let ports: Vec<ServicePort> = unit.ports.iter().map(port).collect();
    Service {
        metadata: meta(name),
        spec: Some(ServiceSpec {
            // Reachable from outside; the cluster picks the port.
            type_: main.then(|| "NodePort".to_owned()),
            // Without a port the Service is headless: only the pods have addresses.
            cluster_ip: ports.is_empty().then(|| "None".to_owned()),
            selector: Some(labels(unit)),
            ports: (!ports.is_empty()).then_some(ports),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}
