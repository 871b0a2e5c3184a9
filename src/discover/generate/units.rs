//! Which services become something, with which image, and on which ports they listen.

use super::Plan;
use super::Unit;
use super::job::is_job;
use super::names::object_name;
use super::names::uses;
use super::ports;
use super::stage;
use super::stage::Stage;
use super::storage::is_of_the_system;
use crate::discover::compose::Build;
use crate::discover::compose::Protocol;
use crate::discover::compose::Service;
use crate::discover::compose::Source;
use crate::discover::compose::Volume;
use crate::discover::context;
use crate::discover::context::Attempt;
use crate::discover::proposal::Image;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::image_name;
use crate::discover::proposal::submodule;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::bind::repository;
use crate::project::BuildSecret;
use std::collections::BTreeMap;
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
            let told = format!(
                "`{}` and `{}` would both be called `{name}` in a cluster",
                other.service.name, service.name
            );
            proposal
                .wrong
                .push(Code::ComposeInvalid.error(told).at(place.clone()).help("rename one of them"));
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
                built(plan, service, &name, &Build { target, ..build }, image, adopted, proposal)
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
        // The application needs it for something else; the mount is told on its own.
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

/// The Dockerfile of the folder that is mounted over a stock image: the image that it makes has these sources.
fn adopted(plan: &Plan<'_>, service: &Service) -> Result<Option<Build>, Box<Finding>> {
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
        return Ok(Some(Build {
            context: bind.source.clone(),
            dockerfile: found.path.clone(),
            ..Build::default()
        }));
    }
    let told = format!(
        "`{}` runs `{image}` with the sources in `{}` mounted, and no Dockerfile copies them",
        service.name,
        shown(&bind.source)
    );
    Err(Box::new(Code::ComposeInvalid.error(told).at(bind.place.clone()).help(format!(
        "write `{}`: FROM {image}, COPY the sources to {}, and the command",
        join(&bind.source, "Dockerfile"),
        bind.at
    ))))
}

/// The stage that is built: the one that is asked for, unless it only has its sources by a mount.
fn stage_of(
    plan: &Plan<'_>,
    service: &Service,
    build: &Build,
    proposal: &mut Proposal,
) -> (Option<Stage>, Option<String>) {
    let target = build.target.clone();
    let Some(found) = plan.survey.dockerfiles.iter().find(|one| one.path == build.dockerfile) else {
        return (None, target);
    };
    let tree = &plan.survey.tree;
    let read = stage::read(tree, found, build, target.as_deref());
    let mounted = service.volumes.iter().any(|volume| match volume {
        Volume::Bind(bind) => {
            !bind.elsewhere
                && (tree.has_folder(&bind.source)
                    && (bind.source == build.context
                        || build.context.starts_with(&format!("{}/", bind.source))
                        || bind.source.is_empty()
                        || bind.source.starts_with(&format!("{}/", build.context))))
        }
        _ => false,
    });
    if !mounted || read.as_ref().is_none_or(|stage| stage.has_sources) {
        return (read, target);
    }
    let last = stage::read(tree, found, build, None);
    if target.is_some() && last.as_ref().is_some_and(|stage| stage.has_sources) {
        let told = format!(
            "the stage `{}` of `{}` has no sources, compose mounts them: the last stage is built ({})",
            target.as_deref().unwrap_or_default(),
            found.path,
            service.place
        );
        proposal.notes.push((told, "see that the last stage starts what is wanted".to_owned()));
        return (last, None);
    }
    let told = format!(
        "the image of `{}` has no sources: `{}` copies none, compose mounts them ({})",
        service.name, found.path, service.place
    );
    let help = format!("write a COPY of them into `{}`, before `todo up`", found.path);
    proposal.first.push(help.clone());
    proposal.notes.push((told, help));
    (read, target)
}

/// The image that is built, and its `[image]`.
fn built(
    plan: &Plan<'_>,
    service: &Service,
    name: &str,
    build: &Build,
    image: Option<&str>,
    adopted: bool,
    proposal: &mut Proposal,
) -> String {
    let said = image.and_then(|image| image_name(repository(image)));
    let mut dockerfile = build.dockerfile.clone();
    if let Some(text) = &build.inline {
        dockerfile = join(&build.context, &format!("{name}.Dockerfile"));
        if !proposal.files.iter().any(|(path, _)| *path == dockerfile) {
            proposal.files.push((dockerfile.clone(), text.clone()));
        }
    }
    let alike = |known: &&Image| {
        (&known.context, &known.dockerfile, &known.target, &known.args)
            == (&build.context, &dockerfile, &build.target, &build.args)
    };
    let same = proposal.images.iter().find(alike).map(|known| known.name.clone());
    // One name for several builds, told apart by their tags: here each has a name of its own.
    let said = said.filter(|said| !proposal.images.iter().any(|known| known.name == *said && !alike(&known)));
    let image = said.or(same).unwrap_or_else(|| own_name(&plan.project, name));
    if proposal.images.iter().any(|known| known.name == image) {
        return image;
    }
    let place = &service.place;
    let why = match (adopted, place.line) {
        (true, _) => format!(
            "{place} mounts the sources over a stock image; `{dockerfile}` copies them, and its own command runs."
        ),
        (false, 0) => format!("`{dockerfile}` builds it."),
        (false, _) => format!("{place} builds it for the service `{}`.", service.name),
    };
    before(plan, service, build, &dockerfile, proposal);
    // What is a secret stays out of deploy.toml.
    let args = arguments(build, place, proposal);
    let secrets = secrets(plan, build, place, proposal);
    proposal.images.push(Image {
        name: image.clone(),
        context: build.context.clone(),
        dockerfile,
        target: build.target.clone(),
        args,
        secrets,
        why: vec![why],
    });
    image
}

/// What is to be done before the image can be built.
fn before(plan: &Plan<'_>, service: &Service, build: &Build, dockerfile: &str, proposal: &mut Proposal) {
    let tree = &plan.survey.tree;
    if build.inline.is_none() && !tree.files.contains(dockerfile) && !tree.outside.contains(dockerfile) {
        let told = format!("{} builds from `{dockerfile}`, which is not there", service.place);
        let help = match submodule(tree, parent(dockerfile)) {
            Some(path) => format!("`git submodule update --init {path}`, then `todo init --force`"),
            None => "write it before `todo up`, or correct the path".to_owned(),
        };
        proposal.first.push(help.clone());
        proposal.notes.push((told, help));
    }
    let attempt =
        Attempt { dockerfile, context: &build.context, target: build.target.as_deref(), args: &build.args };
    for note in context::before(tree, attempt) {
        proposal.first.extend(note.first.then(|| note.help.clone()));
        proposal.notes.push((note.what, note.help));
    }
    // What the build cannot do without is said last, too.
    let text = tree.text(dockerfile).unwrap_or_default();
    let needed = |key: &str| match key {
        "build.ssh" => text.contains("type=ssh"),
        key => key == "build.additional_contexts",
    };
    let help = service.untaken.iter().filter(|one| needed(&one.key)).map(|one| one.help.to_owned());
    proposal.first.extend(help);
}

/// The secrets that a build reads, from where compose has them.
fn secrets(
    plan: &Plan<'_>,
    build: &Build,
    place: &Place,
    proposal: &mut Proposal,
) -> BTreeMap<String, BuildSecret> {
    let mut secrets = BTreeMap::new();
    for (id, name) in &build.secrets {
        match plan.compose.secrets.get(name).map(|shared| &shared.source) {
            Some(Source::File(path)) => drop(secrets.insert(id.clone(), BuildSecret::File(path.into()))),
            Some(Source::Variable(name)) => drop(secrets.insert(id.clone(), BuildSecret::Env(name.clone()))),
            _ => {
                let told =
                    format!("the build reads the secret `{id}`, which compose does not define ({place})");
                proposal.notes.push((told, "name it in `secrets` of the image in deploy.toml".to_owned()));
            }
        }
    }
    secrets
}

/// The build arguments that hold no secret.
fn arguments(build: &Build, place: &Place, proposal: &mut Proposal) -> BTreeMap<String, String> {
    use crate::discover::keys::is_secret;
    use crate::discover::secrecy::looks_secret;
    let secret = |key: &str, value: &str| is_secret(key) || looks_secret(key, value);
    let (kept, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
        build.args.clone().into_iter().partition(|(key, value)| !secret(key, value));
    for key in left.keys() {
        let told = format!("the build argument `{key}` is a secret and is not taken over ({place})");
        proposal.notes.push((
            told,
            "take it by `RUN --mount=type=secret` in the Dockerfile, and `secrets` in deploy.toml".to_owned(),
        ));
    }
    kept
}

/// `shop` and `web` → `shop-web`; `shop` and `shop` → `shop`.
fn own_name(project: &str, service: &str) -> String {
    if project == service || service.starts_with(&format!("{project}-")) {
        service.to_owned()
    } else {
        format!("{project}-{service}")
    }
}

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

/// Whether a text addresses a host: a word that is also its name is none.
fn is_addressed(text: &str, name: &str) -> bool {
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

/// The claims that a unit would have.
pub(super) fn claims(plan: &Plan<'_>, unit: &Unit<'_>) -> Vec<String> {
    let names = super::Names::of(&[], plan.compose, &[]);
    let mut values = super::Values::new(plan, &[], &names);
    super::storage::storage(plan, unit, &names, &mut values).claims
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
