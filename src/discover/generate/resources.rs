//! Memory and processors of a container: compose's own, else a request that fits the kind of its image. A limit that
//! compose does not set could get containers OOM-killed.

use super::Unit;
use super::ports::is_called;
use super::storage::quantity;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The resources of a unit's container.
pub(super) fn resources(unit: &Unit<'_>, notes: &mut Vec<(String, String)>) -> ResourceRequirements {
    let given = &unit.service.resources;
    let mut limits = BTreeMap::new();
    let mut requests = BTreeMap::new();
    if let Some(memory) = given.memory_limit {
        limits.insert("memory".to_owned(), Quantity(quantity(memory)));
    }
    if let Some(cpu) = &given.cpu_limit {
        limits.insert("cpu".to_owned(), Quantity(cpu.clone()));
    }
    if let Some(cpu) = &given.cpu {
        requests.insert("cpu".to_owned(), Quantity(cpu.clone()));
    }
    let usual = usual(unit) << 20;
    let memory = given.memory.unwrap_or_else(|| given.memory_limit.map_or(usual, |limit| limit.min(usual)));
    requests.insert("memory".to_owned(), Quantity(quantity(memory)));
    heap(unit, notes);
    ResourceRequirements {
        limits: (!limits.is_empty()).then_some(limits),
        requests: Some(requests),
        ..ResourceRequirements::default()
    }
}

/// What programs of its kind need, in MiB.
fn usual(unit: &Unit<'_>) -> u64 {
    const KNOWN: [(&str, u64); 24] = [
        ("elasticsearch", 1024),
        ("opensearch", 1024),
        ("solr", 1024),
        ("kafka", 1024),
        ("cp-kafka", 1024),
        ("zookeeper", 1024),
        ("logstash", 1024),
        ("cassandra", 1024),
        ("sonarqube", 2048),
        ("mssql/server", 2048),
        ("azure-sql-edge", 1024),
        ("gitlab", 4096),
        ("keycloak", 768),
        ("mongo", 256),
        ("mysql", 512),
        ("mariadb", 256),
        ("postgres", 128),
        ("redis", 64),
        ("valkey", 64),
        ("nginx", 64),
        ("caddy", 64),
        ("httpd", 64),
        ("memcached", 64),
        ("traefik", 64),
    ];
    if unit.stage.is_none()
        && let Some((_, size)) = KNOWN.iter().find(|(known, _)| is_called(&unit.image, known))
    {
        return *size;
    }
    if is_jvm(unit) { 512 } else { 128 }
}

fn is_jvm(unit: &Unit<'_>) -> bool {
    const JVM: [&str; 9] =
        ["java:", "-jre", "temurin", "openjdk", "corretto", "tomcat", "jetty", "graalvm", "zulu"];
    let bases = unit.stage.iter().flat_map(|stage| &stage.bases).map(String::as_str);
    bases.chain([unit.image.as_str()]).any(|image| JVM.iter().any(|word| image.contains(word)))
}

/// A heap that leaves no room in the limit.
fn heap(unit: &Unit<'_>, notes: &mut Vec<(String, String)>) {
    let Some(limit) = unit.service.resources.memory_limit else { return };
    let values = unit
        .service
        .environment
        .iter()
        .filter_map(|value| value.value.as_ref())
        .map(super::super::compose::Template::text);
    let words: Vec<String> = values.chain(unit.service.command.iter().flatten().cloned()).collect();
    let heaps = words.iter().flat_map(|text| text.split_whitespace()).filter_map(|word| {
        let (number, unit) = word.strip_prefix("-Xmx")?.split_at_checked(word.len() - 5)?;
        let number: u64 = number.parse().ok()?;
        Some(
            number
                << match unit {
                    "g" | "G" => 30,
                    "m" | "M" => 20,
                    "k" | "K" => 10,
                    _ => return None,
                },
        )
    });
    if let Some(heap) = heaps.max().filter(|heap| limit < heap + (300 << 20)) {
        let message = format!(
            "`{}` has a heap of {} and a limit of {} for all its memory ({})",
            unit.service.name,
            quantity(heap),
            quantity(limit),
            unit.service.place
        );
        notes.push((
            message,
            "a JVM needs 250 to 400 MiB more than its heap: raise the limit, or it is OOM-killed".to_owned(),
        ));
    }
}
