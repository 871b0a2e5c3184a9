//! On which ports services listen, and whether others address them.

use super::Plan;
use super::Unit;
use super::job::is_job;
use super::names::uses;
use super::ports;
use crate::discover::compose::Protocol;
use crate::discover::compose::Service;

/// Finds the ports of all units, whether others use their names, and which of them end.
pub(super) fn listen(plan: &Plan<'_>, units: &mut [Unit<'_>], texts: &[(String, String)]) {
    for unit in units.iter_mut() {
        let links = plan.compose.services.iter().flat_map(|service| &service.links);
        let links =
            links.filter(|(target, ..)| *target == unit.service.name).map(|(_, alias, _)| alias.as_str());
        let names: Vec<&str> = std::iter::once(unit.service.name.as_str())
            .chain(unit.service.names.iter().map(|(name, _)| name.as_str()))
            .chain(links)
            .collect();
        let others: Vec<String> =
            texts.iter().filter(|(by, _)| *by != unit.name).map(|(_, text)| text.clone()).collect();
        unit.named = names.iter().any(|name| others.iter().any(|text| is_addressed(text, name)));
        unit.job = is_job(unit.service, plan.compose, unit.named);
        unit.named |= !unit.job && is_server_of_another(plan, unit);
        unit.ports = ports::listened(unit.service, unit.stage.as_ref(), &unit.image, &names, &others);
        let from_outside = ports::listened(
            &Service { health: None, ..unit.service.clone() },
            unit.stage.as_ref(),
            &unit.image,
            &names,
            &others,
        );
        unit.reached = from_outside
            .iter()
            .filter(|(_, protocol)| *protocol == Protocol::Tcp)
            .map(|(port, _)| *port)
            .collect();
        if unit.job {
            unit.ports.clear();
        }
    }
}

/// Whether another service starts after one that runs its image's own command: the name may stand in what that image has.
fn is_server_of_another(plan: &Plan<'_>, unit: &Unit<'_>) -> bool {
    let waits = |other: &Service| other.after.iter().any(|after| after.service == unit.service.name);
    unit.stage.is_some()
        && unit.service.command.is_none()
        && plan.compose.services.iter().any(|other| !other.dormant && waits(other))
}

/// Whether a text addresses a host: the mere word does not count.
pub(super) fn is_addressed(text: &str, name: &str) -> bool {
    if !uses(text, name) {
        return false;
    }
    let port = |at: usize| {
        text[at + name.len()..]
            .strip_prefix(':')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let marked = |at: usize| text[..at].ends_with("//") || text[..at].ends_with('@');
    text.trim() == name
        || text.match_indices(name).any(|(at, _)| port(at) || marked(at))
        || text.lines().any(|line| is_host_line(line, name))
}

/// `DB_HOST=name`, `server: name`, `--host name` in a file.
fn is_host_line(line: &str, name: &str) -> bool {
    const WORDS: [&str; 6] = ["host", "server", "addr", "url", "broker", "upstream"];
    let Some((key, value)) = line.split_once(['=', ':']) else { return false };
    let key = key.to_ascii_lowercase();
    value.trim().trim_matches(['"', '\'', ';', ',']) == name && WORDS.iter().any(|word| key.contains(word))
}
