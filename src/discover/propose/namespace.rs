//! The namespace: that of a command which deploys what was chosen, of the kustomization, or of the workloads themselves.

use super::at;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Rank;
use crate::discover::method::Method;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The namespace and what names it; `None` for `default`, which is where `kubectl` and Helm put what nothing names one for.
pub(super) fn namespace(
    evidence: &Evidence,
    method: &Method,
    objects: &[Object],
) -> Option<(String, String)> {
    if let Some(named) = &method.namespace {
        return Some(named.clone()).filter(|(name, _)| name != "default");
    }
    let mut counts: BTreeMap<&str, (usize, &Place)> = BTreeMap::new();
    for (name, place) in method.spaces.iter().filter(|(name, _)| name != "default") {
        counts.entry(name).or_insert((0, place)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, (count, place))| (*count, std::cmp::Reverse(*place)));
    if let Some((name, (_, place))) = most {
        return Some((name.to_owned(), format!("{place} deploys into it")));
    }
    // Workloads without a namespace get the common one, regardless of the namespace of other objects.
    let workloads: Vec<&Object> = pods::all(objects).map(|(object, _)| object).collect();
    let named: BTreeSet<Option<&str>> = workloads.iter().map(|object| object.namespace()).collect();
    match named.into_iter().collect::<Vec<_>>()[..] {
        [Some("default")] => return None,
        [Some(name)] => {
            let place = workloads.first().map(|workload| at(&workload.place))?;
            return Some((name.to_owned(), format!("{place} names it")));
        }
        [None] => {}
        _ => return None,
    }
    let made: Vec<&Object> = objects.iter().filter(|object| object.kind() == "Namespace").collect();
    if let [object] = made[..] {
        return Some((object.name().to_owned(), format!("{} makes it", at(&object.place))));
    }
    // `kubectl create namespace X` in the script that deploys, unless it is made for something else.
    let provenance = method.provenance.as_ref()?;
    let here = |(name, by): &&(String, crate::discover::evidence::Provenance)| {
        by.entry == provenance.entry && by.rank < Rank::Aside && !evidence.foreign.contains(name)
    };
    let made: Vec<_> = evidence.namespaces.iter().filter(here).collect();
    let distinct: BTreeSet<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    match (distinct.len(), made.first()) {
        (1, Some((name, by))) => Some((name.clone(), format!("{} makes it", by.place))),
        _ => None,
    }
}
