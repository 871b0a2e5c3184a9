//! What has to be in the cluster before the application can run, and something else of the tree or the web brings: a database
//! that is deployed on its own, the kinds of an operator.
//!
//! Only with evidence that it is needed: a host that pods refer to, a kind that no manifest defines.

use super::Proposal;
use super::Survey;
use crate::discover::evidence::Besides;
use crate::discover::evidence::Rank;
use crate::discover::evidence::Sort;
use crate::discover::method::Method;
use crate::discover::method::MethodKind;
use crate::discover::method::Source;
use crate::discover::method::hosts;
use crate::discover::method::refers;
use crate::discover::naming;
use crate::discover::tree::shown;
use crate::discover::variant::distance;
use crate::manifest::Object;
use std::collections::BTreeSet;

pub(super) fn add(survey: &Survey, method: &Method, objects: &[Object], proposal: &mut Proposal) {
    built_otherwise(survey, objects, proposal);
    deployments(survey, method, objects, proposal);
    installs(survey, objects, proposal);
}

/// Images that this tree builds with another program than Docker.
fn built_otherwise(survey: &Survey, objects: &[Object], proposal: &mut Proposal) {
    let uses = naming::uses(objects);
    for item in survey.evidence.besides.iter().filter(|item| item.sort == Sort::Lack) {
        let needed = |name: &&String| {
            uses.iter().any(|image| image.repository == **name)
                && proposal.images.iter().all(|image| image.name != **name)
        };
        if let Some(name) = item.names.iter().find(needed) {
            let help =
                format!("build `{name}` into the node as {} says, before `todo up`", item.provenance.place);
            proposal.first.push(help);
        }
    }
}

/// Other deployments of the tree that something deploys, and whose Services the pods of this one refer to.
fn deployments(survey: &Survey, method: &Method, objects: &[Object], proposal: &mut Proposal) {
    let ids: BTreeSet<_> = objects.iter().map(Object::id).collect();
    let needed = |other: &&Method| {
        let provenance = other.provenance.as_ref().filter(|provenance| provenance.rank < Rank::Aside);
        other.path != method.path
            && other.kind < MethodKind::Compose
            && other.broken.is_empty()
            && provenance.is_some_and(|provenance| provenance.distance <= distance(""))
            && other.objects.iter().all(|object| !ids.contains(&object.id()))
            && refers(objects, &other.objects)
    };
    for other in survey.methods.iter().filter(needed) {
        let Some(provenance) = &other.provenance else { continue };
        let (title, place) = (&other.title, &provenance.place);
        let what = format!("the application asks for Services of {title}, which {place} deploys on its own");
        let help = format!("`{}`, before `todo up`", command(other, proposal));
        proposal.instead.retain(|(path, _)| *path != other.path);
        proposal.first.push(help.clone());
        proposal.notes.push((what, help));
    }
}

/// How kubectl or Helm deploys it.
fn command(method: &Method, proposal: &Proposal) -> String {
    let named = proposal.namespace.as_ref().filter(|_| method.namespace.is_none());
    let space = named.map_or_else(String::new, |(name, _)| format!(" -n {name}"));
    let one = |source: &Source| match source {
        Source::Path(path) => format!("kubectl apply{space} -f {}", shown(path)),
        Source::Kustomize(path) => format!("kubectl apply{space} -k {}", shown(path)),
        Source::Chart { chart, release, .. } => {
            format!("helm upgrade --install{space} {release} ./{}", shown(chart))
        }
    };
    method.sources.iter().map(one).collect::<Vec<_>>().join(" && ")
}

/// Installations of third-party software that bring a kind or a host that the objects name.
fn installs(survey: &Survey, objects: &[Object], proposal: &mut Proposal) {
    let mut groups = foreign_groups(objects);
    let hosts = hosts(objects);
    let services: BTreeSet<&str> =
        objects.iter().filter(|object| object.kind() == "Service").map(Object::name).collect();
    let asked = |name: &str| {
        let of = |host: &str| {
            let mut labels = host.split('.');
            let first = labels.next().unwrap_or_default();
            // `redis-master` of the release `redis`, and `broker.kafka.svc` of the namespace `kafka`.
            let release = first == name || first.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
            !services.contains(first) && (release || labels.next() == Some(name))
        };
        name.len() > 1 && hosts.iter().any(|host| of(host))
    };
    let alone = |name: &str| name.contains('/') && store_of(name).is_some_and(|store| !runs(objects, store));
    let brings =
        |name: &String| groups.iter().any(|group| is_of_group(name, group)) || asked(name) || alone(name);
    let needed = |item: &&Besides| {
        item.sort == Sort::Install
            && item.provenance.rank < Rank::Aside
            && item.provenance.distance <= distance("")
            && item.names.iter().any(brings)
    };
    let needed: Vec<&Besides> = survey.evidence.besides.iter().filter(needed).collect();
    groups.retain(|group| !needed.iter().any(|item| item.names.iter().any(|name| is_of_group(name, group))));
    for group in groups {
        let kind = objects.iter().find(|object| object.group() == group).map_or("", Object::kind);
        let what =
            format!("no cluster has the kind `{kind}` (`{group}`) by itself, and nothing here installs it");
        let help = format!("install what provides the kind `{kind}` before `todo up`");
        proposal.first.push(help.clone());
        proposal.notes.push((what, help));
    }
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for item in needed {
        // Several documents may install the same chart; the namespace does not identify it.
        let charts = item.names.iter().map(String::as_str).filter(|name| name.contains('/'));
        let again = charts.clone().any(|name| named.contains(name));
        named.extend(charts);
        if again {
            continue;
        }
        let help = format!("do what {} does: it {}", item.provenance.place, item.what);
        if !proposal.first.contains(&help) {
            proposal.first.push(help);
        }
    }
}

/// Software that keeps data or messages for an application, by the parts of the names that its charts and images have. It is
/// nothing by itself: if it is installed next to an application, that uses it, though its address may stand in the code
/// alone.
const STORES: [&[&str]; 19] = [
    &["kafka", "redpanda"],
    &["postgres", "postgresql", "pgsql"],
    &["mysql", "mariadb", "percona"],
    &["mongo", "mongodb"],
    &["redis", "valkey", "keydb"],
    &["rabbitmq"],
    &["nats"],
    &["memcached"],
    &["cassandra", "scylladb"],
    &["elasticsearch", "opensearch"],
    &["minio"],
    &["etcd"],
    &["zookeeper"],
    &["neo4j"],
    &["influxdb"],
    &["clickhouse"],
    &["cockroachdb"],
    &["couchdb", "couchbase"],
    &["mosquitto", "emqx", "activemq"],
];

/// The store that a chart or an image holds: `bitnami/postgresql`, but no exporter or dashboard of one.
fn store_of(name: &str) -> Option<&'static [&'static str]> {
    let name = name.rsplit('/').next().filter(|_| !name.contains("://"))?;
    let mut words = name.split(['-', '_']);
    let first = words.next()?;
    let rest_is_plain = words.all(|word| ["ha", "cluster", "sharded", "db"].contains(&word));
    STORES.into_iter().find(|store| store.contains(&first) && rest_is_plain)
}

/// Whether a container among the objects is of that store.
fn runs(objects: &[Object], store: &[&str]) -> bool {
    naming::uses(objects)
        .iter()
        .any(|image| store_of(&image.repository).is_some_and(|known| *known == *store))
}

/// The API groups with a dot that an API server has by itself (`kubernetes: pkg/controlplane/instance.go`).
const BUILT_IN: [&str; 19] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// The API groups of objects that neither Kubernetes has nor a definition among the objects.
fn foreign_groups(objects: &[Object]) -> BTreeSet<String> {
    let defined: BTreeSet<&str> = objects
        .iter()
        .filter(|object| object.kind() == "CustomResourceDefinition")
        .filter_map(|object| object.value["spec"]["group"].as_str())
        .collect();
    let groups = objects.iter().filter_map(|object| object.value["apiVersion"].as_str()?.split_once('/'));
    let foreign = groups
        .map(|(group, _)| group)
        .filter(|group| group.contains('.') && !BUILT_IN.contains(group) && !defined.contains(group));
    foreign.map(str::to_owned).collect()
}

/// Whether what is called `name` may define a group: `cert-manager.yaml` and `cert-manager.io`, `strimzi.io/install` and `kafka.strimzi.io`.
fn is_of_group(name: &str, group: &str) -> bool {
    const GENERAL: [&str; 12] = [
        "io",
        "com",
        "dev",
        "org",
        "net",
        "k8s",
        "networking",
        "monitoring",
        "serving",
        "core",
        "gateway",
        "apps",
    ];
    let mut labels = group.split('.').filter(|label| label.len() > 3 && !GENERAL.contains(label));
    labels.any(|label| name.contains(label))
}
