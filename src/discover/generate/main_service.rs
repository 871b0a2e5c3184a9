//! Which service people open: published, on a port of the web, called like what people look at.

use super::Unit;
use super::ports::is_store;
use crate::discover::compose::Protocol;
use crate::discover::opened::looked_at;
use crate::discover::published::is_public;

/// The result of `looked_at` for a name without a known word.
const NEUTRAL: u8 = 2;

/// The service that people open.
pub(super) fn main_of<'u>(units: &'u [Unit<'_>]) -> Option<&'u str> {
    let open = units.iter().filter(|unit| {
        let tcp = unit.ports.iter().any(|(_, protocol)| *protocol == Protocol::Tcp);
        tcp && !unit.job && !is_store(&unit.image)
    });
    let best = open.min_by_key(|unit| {
        (
            behind(&unit.name),
            !is_published(unit),
            // A service for programs only may have a well-known port: an `api` at 8080 next to an `app` at 8087.
            looked_at(&unit.name) > NEUTRAL,
            port(unit),
            looked_at(&unit.name),
            is_public(&unit.image) && unit.stage.is_none(),
        )
    });
    best.map(|unit| unit.name.as_str())
}

/// Whether it is published for other machines, too.
fn is_published(unit: &Unit<'_>) -> bool {
    unit.service
        .ports
        .iter()
        .any(|port| port.published.is_some() && port.protocol == Protocol::Tcp && !port.local)
        || unit.service.labelled_port.is_some()
}

/// Where its port stands among those that people type.
fn port(unit: &Unit<'_>) -> usize {
    const USUAL: [u16; 4] = [80, 443, 8080, 3000];
    let published = unit
        .service
        .ports
        .iter()
        .filter_map(|port| port.published.or(Some(port.target).filter(|_| port.published.is_some())));
    published.filter_map(|port| USUAL.iter().position(|usual| *usual == port)).min().unwrap_or(USUAL.len())
}

/// How far it is from people: what watches an application is behind it, what only programs speak with is behind that.
fn behind(name: &str) -> u8 {
    const PROGRAMS: [&str; 15] = [
        "config",
        "registry",
        "discovery",
        "eureka",
        "consul",
        "elasticsearch",
        "opensearch",
        "logstash",
        "prometheus",
        "loki",
        "otel",
        "collector",
        "exporter",
        "worker",
        "zookeeper",
    ];
    const TOOLS: [&str; 17] = [
        "kibana",
        "grafana",
        "jaeger",
        "zipkin",
        "alertmanager",
        "adminer",
        "phpmyadmin",
        "pgadmin",
        "mailhog",
        "mailpit",
        "flower",
        "admin",
        "playwright",
        "test",
        "tests",
        "e2e",
        "storybook",
    ];
    let is = |words: &[&str]| name.split(['-', '_', '.']).any(|part| words.contains(&part));
    if is(&PROGRAMS) { 2 } else { u8::from(is(&TOOLS)) }
}
