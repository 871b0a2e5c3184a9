//! The images that services are built into: stage, arguments, secrets, and their prerequisites.

use super::Plan;
use super::stage;
use super::stage::Stage;
use crate::discover::compose::ComposeBuild;
use crate::discover::compose::MountSource;
use crate::discover::compose::Service;
use crate::discover::compose::Volume;
use crate::discover::context;
use crate::discover::context::Attempt;
use crate::discover::keys::is_secret;
use crate::discover::proposal::Image;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::image_name;
use crate::discover::secrecy::looks_secret;
use crate::discover::submodules::submodule;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use crate::event::Place;
use crate::manifest::bind::repository;
use crate::project::BuildSecret;
use std::collections::BTreeMap;

/// The stage that is built: the requested one, unless it only has its sources by a mount.
pub(super) fn stage_of(
    plan: &Plan<'_>,
    service: &Service,
    build: &ComposeBuild,
    proposal: &mut Proposal,
) -> (Option<Stage>, Option<String>) {
    let target = build.target.clone();
    let Some(found) = plan.survey.dockerfiles.iter().find(|dockerfile| dockerfile.path == build.dockerfile)
    else {
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
        let message = format!(
            "the stage `{}` of `{}` has no sources, compose mounts them: the last stage is built ({})",
            target.as_deref().unwrap_or_default(),
            found.path,
            service.place
        );
        proposal.notes.push((message, "make sure that the last stage starts the right program".to_owned()));
        return (last, None);
    }
    let message = format!(
        "the image of `{}` has no sources: `{}` copies none, compose mounts them ({})",
        service.name, found.path, service.place
    );
    let help = format!("write a COPY of them into `{}`, before `todo up`", found.path);
    proposal.first.push(help.clone());
    proposal.notes.push((message, help));
    (read, target)
}

/// The image that is built, and its `[image]`.
pub(super) fn built(
    plan: &Plan<'_>,
    service: &Service,
    name: &str,
    build: &ComposeBuild,
    image: Option<&str>,
    adopted: bool,
    proposal: &mut Proposal,
) -> String {
    let given = image.and_then(|image| image_name(repository(image)));
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
    // One name for several builds, distinguished by their tags: here each has a name of its own.
    let given =
        given.filter(|given| !proposal.images.iter().any(|known| known.name == *given && !alike(&known)));
    let image = given.or(same).unwrap_or_else(|| own_name(&plan.project, name));
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
    // Secrets are kept out of deploy.toml.
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

/// Steps to do before the image can be built.
fn before(
    plan: &Plan<'_>,
    service: &Service,
    build: &ComposeBuild,
    dockerfile: &str,
    proposal: &mut Proposal,
) {
    let tree = &plan.survey.tree;
    if build.inline.is_none() && !tree.files.contains(dockerfile) && !tree.outside.contains(dockerfile) {
        let message = format!("{} builds from `{dockerfile}`, which is not there", service.place);
        let help = match submodule(tree, parent(dockerfile)) {
            Some(path) => format!("`git submodule update --init {path}`, then `todo init --force`"),
            None => "write it before `todo up`, or correct the path".to_owned(),
        };
        proposal.first.push(help.clone());
        proposal.notes.push((message, help));
    }
    let attempt =
        Attempt { dockerfile, context: &build.context, target: build.target.as_deref(), args: &build.args };
    for note in context::before(tree, attempt) {
        proposal.first.extend(note.first.then(|| note.help.clone()));
        proposal.notes.push((note.what, note.help));
    }
    // Files that the build requires are reported last, too.
    let text = tree.text(dockerfile).unwrap_or_default();
    let needed = |key: &str| match key {
        "build.ssh" => text.contains("type=ssh"),
        key => key == "build.additional_contexts",
    };
    let help = service.untaken.iter().filter(|item| needed(&item.key)).map(|finding| finding.help.to_owned());
    proposal.first.extend(help);
}

/// The secrets that a build reads, from where compose has them.
fn secrets(
    plan: &Plan<'_>,
    build: &ComposeBuild,
    place: &Place,
    proposal: &mut Proposal,
) -> BTreeMap<String, BuildSecret> {
    let mut secrets = BTreeMap::new();
    for (id, name) in &build.secrets {
        match plan.compose.secrets.get(name).map(|shared| &shared.source) {
            Some(MountSource::File(path)) => drop(secrets.insert(id.clone(), BuildSecret::File(path.into()))),
            Some(MountSource::Variable(name)) => {
                drop(secrets.insert(id.clone(), BuildSecret::Env(name.clone())));
            }
            _ => {
                let message =
                    format!("the build reads the secret `{id}`, which compose does not define ({place})");
                proposal.notes.push((message, "name it in `secrets` of the image in deploy.toml".to_owned()));
            }
        }
    }
    secrets
}

/// The build arguments that hold no secret.
fn arguments(build: &ComposeBuild, place: &Place, proposal: &mut Proposal) -> BTreeMap<String, String> {
    let secret = |key: &str, value: &str| is_secret(key) || looks_secret(key, value);
    let (kept, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
        build.args.clone().into_iter().partition(|(key, value)| !secret(key, value));
    for key in left.keys() {
        let message = format!("the build argument `{key}` is a secret and is not taken over ({place})");
        proposal.notes.push((
            message,
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
