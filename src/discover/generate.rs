//! Manifests for a tree that has none, after its compose file or its Dockerfiles: plain ones, a file a service, that
//! a person would be glad to own.
//!
//! Not compose in a cluster: what has no counterpart there is told and left out. No value that guards something is written;
//! it becomes a key of a Secret, made at random where nobody has to know it.

mod pod;
mod values;

use super::compose::Service;
use super::compose::Volume;
use super::dockerfile::Found;
use super::dockerfile::rank;
use super::dockerfile::words;
use super::naming::is_public;
use super::opened::looked_at;
use super::proposal::Image;
use super::proposal::Proposal;
use super::proposal::Survey;
use super::proposal::image_name;
use super::proposal::manifest_path;
use super::tree::join;
use super::tree::shown;
use super::way::Kind;
use super::way::Source;
use super::way::Way;
use crate::event::Place;
use crate::manifest::bind::repository;
use std::collections::BTreeMap;
use values::Values;

/// Where the manifests go, unless something else is there.
const FOLDERS: [&str; 3] = ["k8s", "manifests", "kubernetes"];

/// A service on its way into the cluster.
struct Unit<'a> {
    /// Its name there.
    name: String,
    /// What it is.
    service: &'a Service,
    /// The image that its pods name.
    image: String,
    /// What it is built from.
    built: Option<&'a Found>,
    /// The ports that it listens on.
    ports: Vec<u16>,
}

/// Fills in manifests, images, Secrets and notes.
pub(super) fn generate(survey: &Survey, way: &Way, proposal: &mut Proposal) {
    let made;
    let (services, project, what): (&[Service], String, String) = match way.kind {
        Kind::Compose => {
            let Some(compose) = survey.composes.iter().find(|compose| compose.path == way.path) else {
                return;
            };
            (
                &compose.services,
                object_name(&compose.project(&survey.tree.name)),
                format!("`{}`", compose.path),
            )
        }
        _ => {
            made = of_dockerfiles(survey);
            (&made, object_name(&survey.tree.name), "the Dockerfiles".to_owned())
        }
    };
    let project = if project.is_empty() { "app".to_owned() } else { project };
    let folder = FOLDERS.into_iter().find(|folder| is_free(survey, folder)).unwrap_or("todo-manifests");
    let units = units(survey, folder, services, &project, proposal);
    let main = main_of(&units);
    let mut values = Values::new(survey, &project, &units);
    let folder_note = format!("written after {what}");
    for unit in &units {
        let text = pod::write(survey, unit, &units, main == Some(unit.name.as_str()), &mut values, proposal);
        proposal.files.push((manifest_path(folder, &unit.name), text));
    }
    proposal.secrets = values.secrets(proposal);
    for service in services.iter().filter(|service| service.dormant) {
        let told =
            format!("`{}` is left out: it starts only with a profile ({})", service.name, service.place);
        proposal.notes.push((
            told,
            "remove its `profiles` and write the manifests again, if the application needs it".to_owned(),
        ));
    }
    proposal.sources = vec![Source::Path(folder.to_owned())];
    proposal.why_sources = format!("these were {folder_note}");
    proposal.namespace =
        Some((project, "everything lives in a namespace of its own, made if it is not there".to_owned()));
}

/// Whether nothing is in the folder but what an earlier run wrote.
fn is_free(survey: &Survey, folder: &str) -> bool {
    let ours =
        |path: &str| survey.tree.text(path).is_some_and(|text| text.contains("written by `todo init`"));
    survey.tree.below(folder).all(ours)
}

/// The services that start, with their images.
fn units<'a>(
    survey: &'a Survey,
    folder: &str,
    services: &'a [Service],
    project: &str,
    proposal: &mut Proposal,
) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for service in services.iter().filter(|service| !service.dormant) {
        let built = service
            .build
            .as_ref()
            .and_then(|from| survey.dockerfiles.iter().find(|one| one.path == from.dockerfile));
        let name = object_name(&service.name);
        let image = match (&service.build, &service.image) {
            (Some(from), image) => {
                let said = image.as_deref().and_then(|image| image_name(repository(image)));
                let alike = |known: &&Image| {
                    (&known.context, &known.dockerfile, &known.target, &known.args)
                        == (&from.context, &from.dockerfile, &from.target, &from.args)
                };
                let same = proposal.images.iter().find(alike).map(|known| known.name.clone());
                let image = said.or(same).unwrap_or_else(|| own_name(project, &name));
                let known = proposal.images.iter().any(|known| known.name == image);
                if !known {
                    proposal.images.push(Image {
                        name: image.clone(),
                        context: from.context.clone(),
                        dockerfile: from.dockerfile.clone(),
                        target: from.target.clone(),
                        args: from.args.clone(),
                        why: vec![match service.place.line {
                            0 => format!("`{}` builds it.", from.dockerfile),
                            _ => format!("{} builds it for the service `{}`.", service.place, service.name),
                        }],
                    });
                }
                if built.is_none() {
                    let told =
                        format!("{} builds from `{}`, which is not there", service.place, from.dockerfile);
                    proposal.notes.push((told, "write it before `todo up`, or correct the path".to_owned()));
                }
                image
            }
            (None, Some(image)) if image.contains('$') => {
                let told = format!("the tag of `{image}` is a variable's ({})", service.place);
                proposal.notes.push((told, format!("write it into {folder}/{name}.yaml")));
                repository(image.split('$').next().unwrap_or_default()).trim_end_matches(':').to_owned()
            }
            (None, Some(image)) => image.clone(),
            (None, None) => {
                let told = format!(
                    "`{}` is left out: it has neither `image` nor `build` ({})",
                    service.name, service.place
                );
                proposal.notes.push((told, "give it one of them".to_owned()));
                continue;
            }
        };
        let ports = ports(service, built, &image);
        units.push(Unit { name, service, image, built, ports });
    }
    units
}

/// What compose says, else the Dockerfile, else what everybody knows about the image.
fn ports(service: &Service, built: Option<&Found>, image: &str) -> Vec<u16> {
    let mut ports: Vec<u16> = service.ports.iter().map(|(_, port)| *port).collect();
    // A worker out of the server's image does not listen where the server does.
    let another = service.command.is_some() || service.entrypoint.is_some();
    if ports.is_empty() && !another {
        ports.extend(built.into_iter().flat_map(|built| built.ports.clone()));
    }
    if ports.is_empty() && built.is_none() {
        ports.extend(known_port(image));
    }
    let mut seen = std::collections::BTreeSet::new();
    ports.retain(|port| seen.insert(*port));
    ports
}

/// The port of programs that listen on one by nature.
fn known_port(image: &str) -> Option<u16> {
    const KNOWN: [(&str, u16); 13] = [
        ("postgres", 5432),
        ("postgis", 5432),
        ("pgvector", 5432),
        ("redis", 6379),
        ("valkey", 6379),
        ("mysql", 3306),
        ("mariadb", 3306),
        ("mongo", 27017),
        ("rabbitmq", 5672),
        ("memcached", 11211),
        ("nginx", 80),
        ("httpd", 80),
        ("caddy", 80),
    ];
    let name = short(image);
    KNOWN.iter().find(|(known, _)| name.starts_with(known)).map(|(_, port)| *port)
}

/// Whether only programs of the application speak with it.
fn is_store(image: &str) -> bool {
    known_port(image).is_some_and(|port| port != 80)
}

fn short(image: &str) -> &str {
    let repository = repository(image);
    repository.rsplit('/').next().unwrap_or(repository)
}

/// The service that people open: published, looked at, not a database.
fn main_of<'u>(units: &'u [Unit<'_>]) -> Option<&'u str> {
    let open = units.iter().filter(|unit| !unit.ports.is_empty() && !is_store(&unit.image));
    let published = |unit: &Unit<'_>| unit.service.ports.iter().any(|(published, _)| published.is_some());
    let best = open.min_by_key(|unit| (!published(unit), looked_at(&unit.name), is_public(&unit.image)));
    best.map(|unit| unit.name.as_str())
}

/// A service for each Dockerfile that is meant for running.
fn of_dockerfiles(survey: &Survey) -> Vec<Service> {
    let mut best: BTreeMap<String, &Found> = BTreeMap::new();
    for found in &survey.dockerfiles {
        if found.aside || found.outside {
            continue;
        }
        let name = words(found, &survey.tree.name).into_iter().next().unwrap_or_default();
        let known = best.entry(name).or_insert(found);
        if rank(&found.path) < rank(&known.path) {
            *known = found;
        }
    }
    let service = |(name, found): (String, &Found)| {
        let mut service = Service::blank(&name, Place::file(&found.path));
        service.build = Some(super::compose::Build {
            context: found.context.clone(),
            dockerfile: found.path.clone(),
            ..Default::default()
        });
        let env = join(&found.context, ".env");
        service.env_files =
            survey.env_files.iter().filter(|file| file.path == env).map(|file| file.path.clone()).collect();
        service
    };
    best.into_iter().map(service).collect()
}

/// `my_App` → `my-app`: a name that a Service may have.
fn object_name(name: &str) -> String {
    let name: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    name.chars().take(50).collect::<String>().trim_end_matches('-').to_owned()
}

/// `shop` and `web` → `shop-web`; `shop` and `shop` → `shop`.
fn own_name(project: &str, service: &str) -> String {
    if project == service || service.starts_with(&format!("{project}-")) {
        service.to_owned()
    } else {
        format!("{project}-{service}")
    }
}

/// A mount of this machine that a cluster can have as a volume: a folder for data, not for sources.
fn is_data(survey: &Survey, source: &str) -> bool {
    const DATA: [&str; 8] = ["data", "db", "database", "storage", "uploads", "media", "pgdata", "volumes"];
    let outside = source.starts_with('~') || source.starts_with("..") || source.starts_with('$');
    !outside
        && !survey.tree.files.contains(source)
        && (!survey.tree.has_folder(source) || source.split('/').any(|part| DATA.contains(&part)))
}

/// What a mount of this machine becomes, in words, where it becomes nothing.
fn left_behind(unit: &Unit<'_>, source: &str, at: &str) -> Option<(String, String)> {
    let sources = unit.service.build.as_ref().is_some_and(|build| {
        build.context.is_empty()
            || source == build.context
            || source.starts_with(&format!("{}/", build.context))
            || build.context.starts_with(source)
    });
    if sources {
        // The image has them: compose mounts them over it while people develop.
        return None;
    }
    let told = format!(
        "`{}` mounts `{}` at `{at}`, which no cluster can ({})",
        unit.service.name,
        shown(source),
        unit.service.place
    );
    Some((told, "copy it into the image, or put it into a ConfigMap".to_owned()))
}

/// Every mount of data, with the name of its claim.
fn claims(survey: &Survey, unit: &Unit<'_>) -> Vec<(String, String)> {
    let mut claims: Vec<(String, String)> = Vec::new();
    for volume in &unit.service.volumes {
        let (name, at) = match volume {
            Volume::Data { name, at } if name.is_empty() => {
                // `/app/node_modules` keeps a development mount from hiding what the image has.
                if at.contains("node_modules") || at.contains(".next") || at.contains("venv") {
                    continue;
                }
                (format!("{}-data", unit.name), at)
            }
            Volume::Data { name, at } => (object_name(name), at),
            Volume::Bind { source, at } if is_data(survey, source) => {
                (object_name(&format!("{}-{}", unit.name, super::tree::file_name(source))), at)
            }
            Volume::Bind { .. } => continue,
        };
        claims.push((name, at.clone()));
    }
    claims
}

/// Small files that are mounted, with their texts, to become a ConfigMap.
fn mounted<'s>(survey: &'s Survey, unit: &Unit<'_>) -> Vec<(&'s str, String, String)> {
    let binds = unit.service.volumes.iter().filter_map(|volume| match volume {
        Volume::Bind { source, at } => Some((source, at)),
        Volume::Data { .. } => None,
    });
    binds
        .filter_map(|(source, at)| {
            let text = survey.tree.text(source).filter(|text| text.len() < 100_000)?;
            Some((text, super::tree::file_name(source).to_owned(), at.clone()))
        })
        .collect()
}
