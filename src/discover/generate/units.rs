//! Which services become something, with which image, and on which ports they listen.

use super::Names;
use super::Plan;
use super::Unit;
use super::Values;
use super::build::built;
use super::build::stage_of;
use super::listen::is_addressed;
use super::names::object_name;
use super::ports;
use super::storage::is_of_the_system;
use super::storage::storage;
use crate::discover::compose::ComposeBuild;
use crate::discover::compose::Service;
use crate::discover::compose::Volume;
use crate::discover::proposal::Proposal;
use crate::discover::tree::join;
use crate::discover::tree::shown;
use crate::event::Code;
use crate::event::Finding;
use std::collections::BTreeSet;

/// The services that start, with their images.
pub(super) fn units<'a>(plan: &Plan<'a>, proposal: &mut Proposal) -> Vec<Unit<'a>> {
    let mut units: Vec<Unit<'a>> = Vec::new();
    for service in plan.compose.services.iter().filter(|service| !service.dormant) {
        let place = &service.place;
        let mut skip = |why: String, help: &str| {
            proposal.notes.push((format!("`{}` is left out: {why}", service.name), help.to_owned()));
        };
        if let Some((why, help)) = manages_containers(plan, service) {
            skip(why, help);
            continue;
        }
        if service.replicas == Some(0) {
            skip(format!("it has 0 replicas ({place})"), "write another number, if the application needs it");
            continue;
        }
        let name = object_name(&service.name);
        if let Some(other) = units.iter().find(|unit| unit.name == name) {
            let message = format!(
                "`{}` and `{}` would both be called `{name}` in a cluster",
                other.service.name, service.name
            );
            proposal
                .wrong
                .push(Code::ComposeInvalid.error(message).at(place.clone()).help("rename one of them"));
            continue;
        }
        let (build, adopted) = match &service.build {
            Some(build) => (Some(build.clone()), false),
            None => match adopted(plan, service) {
                Ok(build) => (build.clone(), build.is_some()),
                Err(finding) => {
                    proposal.wrong.push(*finding);
                    continue;
                }
            },
        };
        let mut stage = None;
        let image = match (build, &service.image) {
            (Some(build), image) => {
                let (read, target) = stage_of(plan, service, &build, proposal);
                stage = read;
                let image = image.as_deref().filter(|_| !adopted);
                built(plan, service, &name, &ComposeBuild { target, ..build }, image, adopted, proposal)
            }
            (None, Some(image)) => {
                let named = image.trim_end_matches(':');
                if named.is_empty() || named.starts_with(':') {
                    skip(
                        format!("its image is that of a variable without a value ({place})"),
                        "give it a value in `.env`, and `todo init --force`",
                    );
                    continue;
                }
                named.to_owned()
            }
            (None, None) => {
                let built_elsewhere = service.untaken.iter().find(|untaken| untaken.key == "build.context");
                match built_elsewhere {
                    Some(untaken) => {
                        skip(
                            format!("it is built from another repository ({})", untaken.place),
                            untaken.help,
                        );
                    }
                    None => {
                        skip(format!("it has neither `image` nor `build` ({place})"), "give it one of them");
                    }
                }
                continue;
            }
        };
        units.push(Unit {
            name,
            service,
            image,
            stage,
            ports: Vec::new(),
            reached: Vec::new(),
            named: false,
            job: false,
            adopted,
        });
    }
    units
}

/// A service that speaks with Docker, or looks at the machine itself.
fn manages_containers(plan: &Plan<'_>, service: &Service) -> Option<(String, &'static str)> {
    let binds = service.volumes.iter().filter_map(|volume| match volume {
        Volume::Bind(bind) => Some(bind),
        _ => None,
    });
    let others = plan.compose.services.iter().filter(|other| other.name != service.name);
    let values = others.flat_map(|other| &other.environment).filter_map(|value| value.value.as_ref());
    if values.into_iter().any(|value| is_addressed(&value.text(), &service.name)) {
        // The application needs it for something else; the mount is reported separately.
        return None;
    }
    for bind in binds {
        if bind.source.ends_with("docker.sock") || bind.at.ends_with("docker.sock") {
            return Some((
                format!(
                    "it speaks with Docker through its socket, which a cluster does not have ({})",
                    bind.place
                ),
                "what it does for containers, a cluster does by Services and Ingresses; people open the services behind it",
            ));
        }
        if bind.elsewhere && is_of_the_system(&bind.source) {
            return Some((
                format!("it looks at the machine itself: it mounts `{}` ({})", bind.source, bind.place),
                "install it as a DaemonSet by its own chart, if it is needed",
            ));
        }
    }
    None
}

/// The Dockerfile of the directory that is mounted over a stock image: the image that it makes has these sources.
fn adopted(plan: &Plan<'_>, service: &Service) -> Result<Option<ComposeBuild>, Box<Finding>> {
    const STOCK: [&str; 12] = [
        "node", "python", "php", "ruby", "golang", "rust", "maven", "gradle", "openjdk", "composer", "bun",
        "deno",
    ];
    let Some(image) = service.image.as_deref() else { return Ok(None) };
    let name = ports::short(image);
    if !STOCK.contains(&name) {
        return Ok(None);
    }
    let tree = &plan.survey.tree;
    let sources = service.volumes.iter().find_map(|volume| match volume {
        Volume::Bind(bind) if !bind.elsewhere && tree.has_folder(&bind.source) => Some(bind),
        _ => None,
    });
    let Some(bind) = sources else { return Ok(None) };
    let beside = plan.survey.dockerfiles.iter().find(|found| found.path == join(&bind.source, "Dockerfile"));
    if let Some(found) = beside {
        return Ok(Some(ComposeBuild {
            context: bind.source.clone(),
            dockerfile: found.path.clone(),
            ..ComposeBuild::default()
        }));
    }
    let message = format!(
        "`{}` runs `{image}` with the sources in `{}` mounted, and no Dockerfile copies them",
        service.name,
        shown(&bind.source)
    );
    Err(Box::new(Code::ComposeInvalid.error(message).at(bind.place.clone()).help(format!(
        "write `{}`: FROM {image}, COPY the sources to {}, and the command",
        join(&bind.source, "Dockerfile"),
        bind.at
    ))))
}

/// The claims that a unit would have.
pub(super) fn claims(plan: &Plan<'_>, unit: &Unit<'_>) -> Vec<String> {
    let names = Names::from_units(&[], plan.compose, &[]);
    let mut values = Values::new(plan, &[], &names);
    storage(plan, unit, &names, &mut values).claims
}

/// The claims that several units mount.
pub(super) fn shared(plan: &Plan<'_>, units: &[Unit<'_>]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for claim in units.iter().flat_map(|unit| claims(plan, unit)) {
        if !seen.insert(claim.clone()) {
            shared.insert(claim);
        }
    }
    shared
}
