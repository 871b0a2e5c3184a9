//! What deploy.toml would say, each part with its reason.

mod data;

use super::compose;
use super::compose::Compose;
use super::dockerfile;
use super::dockerfile::Found;
use super::generate;
use super::keys;
use super::keys::EnvFile;
use super::naming;
use super::naming::Doubt;
use super::naming::Evidence;
use super::naming::Match;
use super::naming::Use;
use super::opened::Opened;
use super::opened::opened;
use super::opened::promised;
use super::script;
use super::script::Scripts;
use super::tree::Tree;
use super::tree::join;
use super::tree::shown;
use super::way;
use super::way::Kind;
use super::way::Programs;
use super::way::Source;
use super::way::Way;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::read::parse;
use crate::project::name::ImageName;
use data::data;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

/// What a tree holds.
#[derive(Debug)]
pub struct Survey {
    /// The tree.
    pub tree: Tree,
    /// Its Dockerfiles.
    pub dockerfiles: Vec<Found>,
    /// Its compose files.
    pub composes: Vec<Compose>,
    /// Its scripts.
    pub scripts: Scripts,
    /// Its `.env` files.
    pub env_files: Vec<EnvFile>,
    /// The ways to deploy it, the best first.
    pub ways: Vec<Way>,
    /// Whether the first is better than the second by more than habit.
    pub clear: bool,
}

/// Reads everything in a tree.
#[must_use]
pub fn survey(tree: Tree, has: Programs) -> Survey {
    let mut dockerfiles = dockerfile::all(&tree);
    let composes = compose::all(&tree);
    let scripts = script::read(&tree);
    for found in &mut dockerfiles {
        contexts(found, &scripts, &composes);
    }
    let (ways, clear) = way::all(&tree, &scripts, &composes, &dockerfiles, has);
    let env_files = keys::files(&tree);
    Survey { tree, dockerfiles, composes, scripts, env_files, ways, clear }
}

/// Who has built it knows its context better than its `COPY`s.
fn contexts(found: &mut Found, scripts: &Scripts, composes: &[Compose]) {
    let services = composes.iter().flat_map(|compose| &compose.services);
    let build = services
        .filter_map(|service| Some((service.build.as_ref()?, &service.place)))
        .find(|(build, _)| build.dockerfile == found.path);
    if let Some(build) = script::builds_of(scripts, &found.path) {
        found.context.clone_from(&build.context);
        found.why_context = format!("{} builds it from there", build.place);
    } else if let Some((build, place)) = build {
        found.context.clone_from(&build.context);
        found.why_context = format!("{place} builds it from there");
    }
}

/// `[image.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The name.
    pub name: String,
    /// The context.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The stage.
    pub target: Option<String>,
    /// The arguments.
    pub args: BTreeMap<String, String>,
    /// Why, a sentence each.
    pub why: Vec<String>,
}

/// `[secret.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// The file that its values come from.
    pub env_file: Option<String>,
    /// Whether the environment may give them, too.
    pub from_env: bool,
    /// What has to be there.
    pub keys: Vec<String>,
    /// What may be absent.
    pub optional: Vec<String>,
    /// What is made at random.
    pub generate: Vec<String>,
    /// Why.
    pub why: String,
}

/// `[config.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The name.
    pub name: String,
    /// Its values: those of an example where there is one, else empty.
    pub values: BTreeMap<String, String>,
    /// Why.
    pub why: String,
}

/// What deploy.toml would say.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// `namespace`, and why.
    pub namespace: Option<(String, String)>,
    /// The flags with which a script starts minikube.
    pub start: Option<(Vec<String>, Place)>,
    /// The images.
    pub images: Vec<Image>,
    /// Dockerfiles of nothing that is deployed.
    pub unused: Vec<String>,
    /// The sources.
    pub sources: Vec<Source>,
    /// Why these.
    pub why_sources: String,
    /// What could be deployed instead: what `--from` calls it, and what it is.
    pub instead: Vec<(String, String)>,
    /// The Secrets.
    pub secrets: Vec<Secret>,
    /// The ConfigMaps.
    pub configs: Vec<Config>,
    /// The Service to open.
    pub opened: Option<Opened>,
    /// The port of localhost at which it is promised, and where that stands.
    pub promised: Option<(u16, Place)>,
    /// Manifests to be written.
    pub files: Vec<(String, String)>,
    /// What is worth knowing, and what to do about it.
    pub notes: Vec<(String, String)>,
    /// What a person could settle.
    pub doubts: Vec<Doubt>,
}

/// What deploy.toml would say for `way`. `rendered` are its objects, where it was rendered; `settled` are answers to doubts.
#[must_use]
pub fn propose(
    survey: &Survey,
    way: &Way,
    rendered: Option<&[Object]>,
    settled: &BTreeMap<String, usize>,
) -> Proposal {
    let mut proposal = Proposal { start: survey.scripts.start.clone(), ..Proposal::default() };
    for other in survey.ways.iter().filter(|other| other.path != way.path && other.kind < Kind::Compose) {
        proposal.instead.push((other.path.clone(), other.title.clone()));
    }
    if way.kind >= Kind::Compose {
        generate::generate(survey, way, &mut proposal);
        let parsed =
            proposal.files.iter().flat_map(|(path, text)| parse(text, Path::new(path)).0).collect::<Vec<_>>();
        proposal.opened = opened(&parsed, &Scripts::default());
        proposal.promised = local(survey, &proposal, &parsed);
        return proposal;
    }
    proposal.sources.clone_from(&way.sources);
    proposal.why_sources = match &way.script {
        Some(place) => format!("{place} deploys it"),
        None => String::new(),
    };
    let objects = rendered.unwrap_or(&way.objects);
    let mut uses = if rendered.is_some() { naming::uses(objects) } else { way.uses.clone() };
    if rendered.is_some() {
        // What is rendered has places of templates; the values say better where a name stands.
        for one in &mut uses {
            if let Some(known) = way.uses.iter().find(|known| known.repository == one.repository) {
                one.place = known.place.clone();
                one.hints.extend(known.hints.clone());
            }
        }
    }
    if uses.is_empty() {
        let builds = survey.scripts.builds.iter();
        uses.extend(
            builds.flat_map(|build| build.names.iter().map(|name| Use::of(name, build.place.clone()))),
        );
    }
    images(survey, &uses, settled, &mut proposal);
    proposal.namespace = namespace(survey, way, objects);
    data(survey, objects, &mut proposal);
    proposal.opened = opened(objects, &survey.scripts).map(|opened| {
        let affixed = rendered.is_none() && way.affix != Default::default();
        let name =
            if affixed { format!("{}{}{}", way.affix.0, opened.name, way.affix.1) } else { opened.name };
        Opened { name, why: opened.why }
    });
    proposal.promised = local(survey, &proposal, objects);
    for (path, why) in &way.left_out {
        proposal.notes.push((
            format!("`{path}` is left out: {why}"),
            "name it in [[manifests]] instead of the other, if it is the one".to_owned(),
        ));
    }
    proposal
}

fn local(survey: &Survey, proposal: &Proposal, objects: &[Object]) -> Option<(u16, Place)> {
    let opened = proposal.opened.as_ref()?;
    promised(&opened.name, objects, &survey.scripts, &survey.composes)
}

fn images(survey: &Survey, uses: &[Use], settled: &BTreeMap<String, usize>, proposal: &mut Proposal) {
    let matched = naming::matched(Evidence {
        dockerfiles: &survey.dockerfiles,
        uses,
        scripts: &survey.scripts,
        composes: &survey.composes,
        project: &survey.tree.name,
        settled,
    });
    for one in &matched.images {
        proposal.images.extend(image(survey, one));
    }
    proposal.doubts = matched.doubts;
    // Another Dockerfile for the same thing: `Dockerfile.dev` beside `Dockerfile`.
    let words = |one: &Found| (one.context.clone(), dockerfile::words(one, &survey.tree.name));
    let built: Vec<&Found> = matched.images.iter().map(|one| &survey.dockerfiles[one.dockerfile]).collect();
    let beside = |one: &Found| built.iter().any(|known| words(known) == words(one));
    let unused = matched.unused.iter().map(|at| &survey.dockerfiles[*at]);
    let unused = unused.filter(|one| !one.aside && !one.outside && !beside(one)).map(|one| one.path.clone());
    proposal.unused = unused.collect();
}

fn image(survey: &Survey, one: &Match) -> Option<Image> {
    let found = &survey.dockerfiles[one.dockerfile];
    let name = image_name(&one.repository)?;
    let build = script::builds_of(&survey.scripts, &found.path);
    let services = survey.composes.iter().flat_map(|compose| &compose.services);
    let composed =
        services.filter_map(|service| service.build.as_ref()).find(|build| build.dockerfile == found.path);
    let (target, args) = match (build, composed) {
        (Some(build), _) => (build.target.clone(), build.args.clone()),
        (None, Some(build)) => (build.target.clone(), build.args.clone()),
        (None, None) => (None, BTreeMap::new()),
    };
    let mut why = vec![format!("{} names it; `{}` builds it: {}.", at(&one.place), found.path, one.why)];
    if !found.why_context.is_empty() && found.context != super::tree::parent(&found.path) {
        why.push(format!("The context is `{}`: {}.", shown(&found.context), found.why_context));
    }
    let dockerfile = found.path.clone();
    Some(Image { name, context: found.context.clone(), dockerfile, target, args, why })
}

/// A repository as `[image.NAME]` may have it.
#[must_use]
pub fn image_name(repository: &str) -> Option<String> {
    let name = ["docker.io/library/", "docker.io/", "index.docker.io/", "localhost/"]
        .iter()
        .find_map(|host| repository.strip_prefix(host))
        .unwrap_or(repository);
    let name = match name.split_once('/') {
        Some((host, rest)) if host.contains(':') => rest,
        _ => name,
    };
    ImageName::parse(name).is_ok().then(|| name.to_owned())
}

/// A place without its column: this is for people who read a file from its top.
fn at(place: &Place) -> Place {
    Place { column: 0, ..place.clone() }
}

fn namespace(survey: &Survey, way: &Way, objects: &[Object]) -> Option<(String, String)> {
    if let Some(named) = &way.namespace {
        return Some(named.clone());
    }
    let written: BTreeSet<&str> = objects.iter().filter_map(Object::namespace).collect();
    let mut written = written.into_iter();
    if let (Some(name), None) = (written.next(), written.next()) {
        let place = objects.iter().find(|one| one.namespace() == Some(name)).map(|one| at(&one.place))?;
        return Some((name.to_owned(), format!("{place} names it")));
    }
    if let Some(object) = objects.iter().find(|one| one.kind() == "Namespace") {
        return Some((object.name().to_owned(), format!("{} makes it", at(&object.place))));
    }
    let mut counts: BTreeMap<&str, (usize, &Place)> = BTreeMap::new();
    for (name, place) in &survey.scripts.namespaces {
        counts.entry(name).or_insert((0, place)).0 += 1;
    }
    let (name, (_, place)) = counts.into_iter().max_by_key(|(_, (count, _))| *count)?;
    Some((name.to_owned(), format!("{place} deploys into it")))
}

/// A path of a generated manifest.
#[must_use]
pub fn manifest_path(folder: &str, name: &str) -> String {
    join(folder, &format!("{name}.yaml"))
}
