//! The one container in which a command is run: of a pod that runs, preferably a ready one, and not one that is
//! terminating.

use super::DEFAULT;
use super::Family;
use super::Source;
use super::Unknown;
use super::all;
use super::called;
use super::families;
use crate::manifest::ObjectId;
use crate::manifest::bind::repository;
use health::live;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The requested container.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// A pod, its workload, or a Service.
    pub name: Option<&'a str>,
    /// The container, instead of the application's.
    pub container: Option<&'a str>,
    /// The Service to open: used if no name is given and there are several workloads.
    pub service: Option<&'a str>,
    /// The images that the project builds. A container of another image next to them is a sidecar.
    pub images: &'a [&'a str],
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoContainer {
    /// No workload is called so.
    Workload(Unknown),
    /// The pods have no container of that name.
    Container(Unknown),
    /// Several workloads could be meant.
    Ambiguous(Vec<String>),
    /// None is running in the pods that are meant.
    NotRunning(Vec<String>),
}

pub(crate) fn one(ours: &[ObjectId], objects: &[Value], asked: Asked<'_>) -> Result<Source, NoContainer> {
    let families = families(ours, objects);
    if let Some(name) = asked.name {
        called(ours, &families, name).map_err(NoContainer::Workload)?;
    }
    let meant = meant(&families, asked)?;
    let containers =
        |family: &&Family<'_>| -> Vec<String> { all(family.pod).map(|(name, _)| name.to_owned()).collect() };
    if let Some(container) = asked.container {
        let mut known: Vec<String> = meant.iter().flat_map(containers).collect();
        known.sort();
        known.dedup();
        if !known.is_empty() && !known.iter().any(|name| name == container) {
            return Err(NoContainer::Container(Unknown { name: container.to_owned(), known }));
        }
    }
    let running = meant.iter().filter_map(|family| {
        let (container, init) = container(family.pod, asked)?;
        is_running(family.pod, container).then_some((family.pod, container, init))
    });
    let best = running.min_by_key(|(pod, _, _)| {
        // Among equals the newest, whose image is that of the last run.
        (!live::holds(pod, "Ready"), Reverse(live::text(pod, "/metadata/creationTimestamp")), live::name(pod))
    });
    let Some((pod, container, init)) = best else {
        return Err(NoContainer::NotRunning(
            meant.iter().map(|item| live::name(item.pod).to_owned()).collect(),
        ));
    };
    Ok(Source {
        namespace: live::namespace(pod).to_owned(),
        pod: live::name(pod).to_owned(),
        container: container.to_owned(),
        init,
    })
}

/// The pods of the name; without one those of the only long-running workload, else those behind the Service.
fn meant<'f, 'a>(families: &'f [Family<'a>], asked: Asked<'_>) -> Result<Vec<&'f Family<'a>>, NoContainer> {
    let of = |name: &str| families.iter().filter(|family| family.is_called(name)).collect();
    if let Some(name) = asked.name {
        return Ok(of(name));
    }
    let lasting: Vec<&Family<'_>> =
        families.iter().filter(|family| !family.owners.iter().any(|(kind, _)| *kind == "Job")).collect();
    let workloads: BTreeSet<&str> =
        lasting.iter().filter_map(|family| family.owners.last()).map(|(_, name)| *name).collect();
    match asked.service {
        _ if workloads.len() < 2 => Ok(lasting),
        Some(service) => Ok(of(&format!("service/{service}"))),
        None => Err(NoContainer::Ambiguous(workloads.into_iter().map(str::to_owned).collect())),
    }
}

fn container<'a>(pod: &'a Value, asked: Asked<'_>) -> Option<(&'a str, bool)> {
    if let Some(asked) = asked.container {
        return all(pod).find(|(name, _)| *name == asked);
    }
    let declared = live::annotation(pod, DEFAULT);
    if !declared.is_empty() {
        return Some((declared, false));
    }
    let containers = live::list(pod, "/spec/containers");
    let is_built = |container: &&Value| {
        let image = repository(live::text(container, "/image"));
        asked.images.iter().any(|built| image == *built || image.ends_with(&format!("/{built}")))
    };
    let application = containers.iter().find(is_built).or_else(|| containers.first())?;
    Some((live::text(application, "/name"), false))
}

fn is_running(pod: &Value, container: &str) -> bool {
    let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    !live::is_terminating(pod)
        && statuses.iter().flat_map(|list| live::list(pod, &format!("/status/{list}"))).any(|status| {
            live::text(status, "/name") == container && status.pointer("/state/running").is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::Asked;
    use super::NoContainer;
    use super::one;
    use crate::manifest::ObjectId;
    use serde_json::Value;
    use serde_json::json;

    fn ours(names: &[(&str, &str)]) -> Vec<ObjectId> {
        let id = |(kind, name): &(&str, &str)| ObjectId {
            group: String::new(),
            kind: (*kind).to_owned(),
            namespace: Some("shop".to_owned()),
            name: (*name).to_owned(),
        };
        names.iter().map(id).collect()
    }

    /// A pod of a workload: its containers, `!` before those that do not run, and `ready`, `waiting` or `ending`.
    fn pod(name: &str, kind: &str, owner: &str, containers: &[&str], how: &str) -> Value {
        let bare = |name: &&str| name.trim_start_matches('!').to_owned();
        let specs: Vec<Value> = containers
            .iter()
            .map(|name| json!({"name": bare(name), "image": format!("registry:5000/{}:1", bare(name))}))
            .collect();
        let statuses: Vec<Value> = containers
            .iter()
            .map(|name| {
                let state = if name.starts_with('!') { "waiting" } else { "running" };
                json!({"name": bare(name), "state": {state: {}}})
            })
            .collect();
        let mut pod = json!({
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": owner},
                         "creationTimestamp": format!("2026-01-01T00:00:0{}Z", name.len() % 10),
                         "ownerReferences": [{"kind": kind, "name": owner, "uid": owner, "controller": true}]},
            "spec": {"containers": specs, "initContainers": [{"name": "migrate"}]},
            "status": {"containerStatuses": statuses,
                       "conditions": [{"type": "Ready", "status": if how == "waiting" { "False" } else { "True" }}]},
        });
        if how == "ending" {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        pod
    }

    fn found(objects: &[Value], asked: Asked<'_>) -> String {
        let ours =
            ours(&[("Deployment", "web"), ("Deployment", "db"), ("Job", "seed"), ("Service", "front")]);
        match one(&ours, objects, asked) {
            Ok(source) => format!("{}/{}", source.pod, source.container),
            Err(NoContainer::Workload(unknown)) => format!("no workload {}", unknown.name),
            Err(NoContainer::Container(unknown)) => {
                format!("no container {} in {:?}", unknown.name, unknown.known)
            }
            Err(NoContainer::Ambiguous(names)) => format!("which of {}", names.join(", ")),
            Err(NoContainer::NotRunning(pods)) => format!("not running: {}", pods.join(", ")),
        }
    }

    #[test]
    fn the_container_of_the_application_in_a_pod_that_can_be_used() {
        let ready = pod("web-a", "Deployment", "web", &["proxy", "web"], "ready");
        let waiting = pod("web-bb", "Deployment", "web", &["proxy", "web"], "waiting");
        let ending = pod("web-ccc", "Deployment", "web", &["proxy", "web"], "ending");
        let crashed = pod("web-dddd", "Deployment", "web", &["proxy", "!web"], "ready");
        let newer = pod("web-eeeee", "Deployment", "web", &["proxy", "web"], "ready");
        let db = pod("db-a", "Deployment", "db", &["db"], "ready");
        let seed = pod("seed-a", "Job", "seed", &["seed"], "ready");
        let service = json!({"kind": "Service", "metadata": {"name": "front", "namespace": "shop", "uid": "s"},
                             "spec": {"selector": {"app": "web"}}});
        let web = Asked { images: &["web"], ..Asked::default() };
        let named = |name| Asked { name: Some(name), ..web };
        let of = |container| Asked { container: Some(container), ..named("web") };
        let opened = Asked { service: Some("front"), ..web };
        for (objects, asked, expected) in [
            (vec![&ready], web, "web-a/web"),
            (vec![&ready], Asked::default(), "web-a/proxy"),
            (vec![&waiting, &ready, &ending], named("web"), "web-a/web"),
            (vec![&ready, &newer], named("web"), "web-eeeee/web"),
            (vec![&waiting, &ending], named("web"), "web-bb/web"),
            (vec![&ending, &crashed], named("web"), "not running: web-ccc, web-dddd"),
            (vec![&crashed], of("proxy"), "web-dddd/proxy"),
            (vec![&ready], of("migrate"), "not running: web-a"),
            (vec![&ready], of("wbe"), "no container wbe in [\"migrate\", \"proxy\", \"web\"]"),
            (vec![&ready, &db], named("wbe"), "no workload wbe"),
            (vec![&ready, &db, &service], named("front"), "web-a/web"),
            (vec![&ready, &db], named("web-a"), "web-a/web"),
            (vec![&ready, &db, &service], opened, "web-a/web"),
            (vec![&ready, &db], web, "which of db, web"),
            (vec![&ready, &seed], web, "web-a/web"),
            (vec![&seed], named("seed"), "seed-a/seed"),
            (vec![], named("web"), "not running: "),
        ] {
            let objects: Vec<Value> = objects.into_iter().cloned().collect();
            assert_eq!(found(&objects, asked), expected, "{asked:?}");
        }
    }
}
