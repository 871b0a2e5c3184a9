//! A tree and a method to deploy it → the proposed deploy.toml, each part with its reason.

mod before;
mod chart_data;
mod data;
mod namespace;
mod notes;
mod removed;

use super::compose;
use super::context;
use super::copies::copy_of;
use super::dockerfile;
use super::dockerfile::FoundDockerfile;
use super::evidence::Evidence;
use super::generate;
use super::keys;
use super::manifest_files;
use super::method;
use super::method::Method;
use super::method::MethodKind;
use super::method::Programs;
use super::method::Source;
use super::naming;
use super::naming::Match;
use super::naming::NamingInputs;
use super::naming::Use;
use super::opened::Opened;
use super::opened::opened;
use super::opened::promised;
use super::proposal::Image;
use super::proposal::Proposal;
use super::proposal::Survey;
use super::proposal::image_name;
use super::readers;
use super::tree::Tree;
use super::tree::shown;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::read::parse;
pub use chart_data::variable_of;
use data::data;
use namespace::namespace;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads everything in a tree.
#[must_use]
pub fn survey(tree: Tree, has: Programs) -> Survey {
    let mut dockerfiles = dockerfile::all(&tree);
    let mut evidence = readers::read(&tree);
    let composes = compose::all(&tree, &evidence.composed);
    for build in &mut evidence.builds {
        build.fails = context::fails(&tree, build);
    }
    for found in &mut dockerfiles {
        found.context = context::choose(&tree, found, &evidence, &composes, None).context;
    }
    let (methods, clear) = method::all(&tree, &evidence, &composes, &dockerfiles, has);
    let env_files = keys::files(&tree);
    let templates = manifest_files::templates(&tree);
    Survey { tree, dockerfiles, composes, evidence, env_files, methods, clear, templates }
}

/// The proposed deploy.toml for `method`. `rendered` are its objects, where it was rendered; `settled` are answers to
/// doubts.
#[must_use]
pub fn propose(
    survey: &Survey,
    method: &Method,
    rendered: Option<&[Object]>,
    settled: &BTreeMap<String, usize>,
) -> Proposal {
    let addons = survey
        .evidence
        .addons
        .iter()
        .filter(|(_, provenance)| provenance.distance <= super::variant::distance(""));
    let mut addons: Vec<(String, Place)> =
        addons.map(|(name, provenance)| (name.clone(), provenance.place.clone())).collect();
    addons.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    addons.dedup_by(|one, other| one.0 == other.0);
    let mut proposal = Proposal { start: survey.evidence.start.clone(), addons, ..Proposal::default() };
    let others =
        survey.methods.iter().filter(|other| other.path != method.path && other.kind < MethodKind::Compose);
    for other in others.filter(|other| other.broken.is_empty()) {
        proposal.instead.push((other.path.clone(), other.title.clone()));
    }
    notes::unread(survey, method, &mut proposal);
    if method.kind >= MethodKind::Compose {
        generate::generate(survey, method, &mut proposal);
        let parsed =
            proposal.files.iter().flat_map(|(path, text)| parse(text, Path::new(path)).0).collect::<Vec<_>>();
        proposal.opened = opened(&parsed, &Evidence::default());
        proposal.promised = local(survey, &proposal, &parsed);
        notes::besides(survey, method, &mut proposal);
        return proposal;
    }
    proposal.sources.clone_from(&method.sources);
    proposal.why_sources = match &method.provenance {
        Some(provenance) => format!("{} deploys it", provenance.place),
        None => String::new(),
    };
    let objects = rendered.unwrap_or(&method.objects);
    let mut uses = if rendered.is_some() { naming::uses(objects) } else { method.uses.clone() };
    if rendered.is_some() {
        // Rendered objects have places of templates; the values show better where a name is set.
        for item in &mut uses {
            if let Some(known) = method.uses.iter().find(|known| known.repository == item.repository) {
                item.place = known.place.clone();
                item.hints.extend(known.hints.clone());
            }
        }
    }
    if uses.is_empty() {
        let builds = survey.evidence.builds.iter();
        uses.extend(
            builds.flat_map(|build| {
                build.names.iter().map(|name| Use::new(name, build.provenance.place.clone()))
            }),
        );
    }
    images(survey, &uses, settled, &mut proposal);
    proposal.namespace = namespace(&survey.evidence, method, objects);
    let main = proposal.namespace.as_ref().map(|(name, _)| name.clone());
    for source in &mut proposal.sources {
        if let Source::Chart { namespace, .. } = source
            && (*namespace == main || main.is_none() && namespace.as_deref() == Some("default"))
        {
            *namespace = None;
        }
    }
    data(survey, objects, &mut proposal);
    proposal.opened = opened(objects, &survey.evidence).map(|opened| {
        let affixed = rendered.is_none() && method.affix != Default::default();
        let name = if affixed {
            format!("{}{}{}", method.affix.0, opened.name, method.affix.1)
        } else {
            opened.name
        };
        Opened { name, why: opened.why }
    });
    proposal.promised = local(survey, &proposal, objects);
    for (path, why) in &method.left_out {
        proposal
            .besides
            .push((format!("{path}: {why}"), "name it in [[manifests]], if it is needed".to_owned()));
    }
    removed::propose(objects, &mut proposal);
    notes::add(survey, method, objects, &uses, rendered.is_some(), &mut proposal);
    before::add(survey, method, objects, &mut proposal);
    proposal
}

fn local(survey: &Survey, proposal: &Proposal, objects: &[Object]) -> Option<(u16, Place)> {
    let opened = proposal.opened.as_ref()?;
    promised(&opened.name, objects, &survey.evidence, &survey.composes)
}

fn images(survey: &Survey, uses: &[Use], settled: &BTreeMap<String, usize>, proposal: &mut Proposal) {
    let matched = naming::matched(NamingInputs {
        dockerfiles: &survey.dockerfiles,
        uses,
        evidence: &survey.evidence,
        composes: &survey.composes,
        project: &survey.tree.name,
        settled,
    });
    for one in &matched.images {
        match image(survey, one) {
            Ok((image, notes)) => {
                proposal.images.push(image);
                for note in notes {
                    proposal.first.extend(note.first.then(|| note.help.clone()));
                    proposal.notes.push((note.what, note.help));
                }
            }
            Err(later) => {
                let Later { image, message, help, first } = *later;
                proposal.first.extend(first.then(|| help.clone()));
                proposal.later.push(image);
                proposal.notes.push((message, help));
            }
        }
    }
    for shared in matched.shared {
        let (name, place) = (&shared.repository, at(&shared.place));
        let tags = shared.tags.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "`{name}` ({place}) is the name of several images that differ by their tags ({tags}); deploy.toml tells images apart by their names"
        );
        let tag = shared.tags.first().map_or("", String::as_str);
        let help =
            format!("give each its own name in the manifests, as `{name}-{tag}`, then `todo init --force`");
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
    proposal.doubts = matched.doubts;
    // Another Dockerfile for the same thing: `Dockerfile.dev` next to `Dockerfile`.
    let words = |item: &FoundDockerfile| (item.context.clone(), dockerfile::words(item, &survey.tree.name));
    let built: Vec<&FoundDockerfile> =
        matched.images.iter().map(|image| &survey.dockerfiles[image.dockerfile]).collect();
    let beside = |item: &FoundDockerfile| built.iter().any(|known| words(known) == words(item));
    let unused = matched.unused.iter().map(|at| &survey.dockerfiles[*at]);
    // Those of another copy of the application are that copy's.
    let copy = built.first().and_then(|image| copy_of(&image.path));
    let other = |item: &FoundDockerfile| copy_of(&item.path).is_some() && copy_of(&item.path) != copy;
    let unused = unused
        .filter(|item| !item.aside && !item.outside && !beside(item) && !other(item))
        .map(|item| item.path.clone());
    proposal.unused = unused.collect();
}

/// An image with its notes.
type Built = (Image, Vec<context::Note>);

/// An image that a person has to decide on, with why and what to do.
struct Later {
    image: Image,
    message: String,
    help: String,
    /// Whether nothing can be deployed before.
    first: bool,
}

/// An image; or its alternatives, until the user has chosen.
fn image(survey: &Survey, one: &Match) -> Result<Built, Box<Later>> {
    let found = &survey.dockerfiles[one.dockerfile];
    let chosen =
        context::choose(&survey.tree, found, &survey.evidence, &survey.composes, Some(&one.repository));
    let mut why = vec![format!("{} names it; `{}` builds it: {}.", at(&one.place), found.path, one.why)];
    if !chosen.why.is_empty() {
        why.push(format!("The context is `{}`: {}.", shown(&chosen.context), chosen.why));
    }
    let image = |name: String| Image {
        name,
        context: chosen.context.clone(),
        dockerfile: found.path.clone(),
        target: chosen.target.clone(),
        args: chosen.args.clone(),
        secrets: BTreeMap::new(),
        why,
    };
    let place = at(&one.place);
    if let Some(name) = image_name(&one.repository) {
        if !one.alone || !name.contains('/') || needs_a_login(&name) {
            return Ok((image(name), chosen.notes));
        }
        // It has an owner, whose registry may have it.
        let message =
            format!("nothing says whether `{}` builds `{name}` ({place}), or a registry has it", found.path);
        let help = format!("uncomment [image.\"{name}\"] if it is built here");
        return Err(Box::new(Later { image: image(name), message, help, first: false }));
    }
    let short = one.repository.rsplit('/').next().unwrap_or_default().to_lowercase();
    let short = short.trim_matches(['<', '>', '$', '{', '}', '_', '-']).to_owned();
    let message = format!("`{}` ({place}) is a placeholder: no image may have that name", one.repository);
    let help = format!("write `{short}` at {place}, and uncomment [image.{short}]");
    Err(Box::new(Later { image: image(short), message, help, first: true }))
}

/// Whether an image is in the private registry of a cloud account: AWS' and Azure's.
fn needs_a_login(image: &str) -> bool {
    let host = image.split('/').next().unwrap_or_default();
    host.contains(".dkr.ecr.") || host.ends_with(".azurecr.io")
}

/// A place without its column: this is for people who read a file from its top.
fn at(place: &Place) -> Place {
    Place { column: 0, ..place.clone() }
}

#[cfg(test)]
mod tests;
