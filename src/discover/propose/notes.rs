//! Statements that are not taken over, each with its line and what to do: the last part of the answer.

use super::Proposal;
use super::Survey;
use super::at;
use super::image_name;
use crate::discover::evidence::Besides;
use crate::discover::evidence::Rank;
use crate::discover::evidence::Sort;
use crate::discover::manifest_files;
use crate::discover::method::Method;
use crate::discover::method::Source;
use crate::discover::naming::Use;
use crate::discover::published::is_public;
use crate::discover::submodules::submodule;
use crate::discover::tree::Tree;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::variant::distance;
use crate::manifest::Object;
use std::collections::BTreeSet;

/// The maximum of reported additional steps.
const MOST: usize = 12;

/// An unreadable packaging is chosen only if there is no other; it may be the application's, so it is reported.
pub(super) fn unread(survey: &Survey, method: &Method, proposal: &mut Proposal) {
    let runs_ours = !method.is_of_others() || survey.dockerfiles.iter().all(|dockerfile| dockerfile.outside);
    for other in survey.methods.iter().filter(|other| other.path != method.path && !other.is_aside()) {
        let Some(wrong) = other.broken.first() else { continue };
        let place = wrong.place.as_ref().map(|place| format!("{}: ", at(place))).unwrap_or_default();
        let file = wrong.place.as_ref().map_or(other.path.clone(), |place| place.file.display().to_string());
        let help = format!("correct `{file}`, then `todo init --force --from {}`", other.path);
        // Nothing of this repository would run.
        proposal.first.extend((!runs_ours).then(|| help.clone()));
        proposal.besides.push((format!("{} cannot be read: {place}{}", other.title, wrong.message), help));
    }
}

pub(super) fn add(
    survey: &Survey,
    method: &Method,
    objects: &[Object],
    uses: &[Use],
    rendered: bool,
    proposal: &mut Proposal,
) {
    builds(survey, uses, proposal);
    unbuilt(survey, uses, proposal);
    besides(survey, method, proposal);
    for source in &method.sources {
        if let Source::Chart { left, .. } = source {
            let help = "name it under `values`, if it is needed";
            proposal.besides.extend(left.iter().map(|left| (left.clone(), help.to_owned())));
        }
    }
    if rendered && method.sources.iter().any(|source| matches!(source, Source::Chart { .. })) {
        super::chart_data::chart_secrets(survey, method, objects, proposal);
    }
    super::chart_data::propose(survey, proposal);
}

/// Builds of images that are deployed, from where no Dockerfile is.
fn builds(survey: &Survey, uses: &[Use], proposal: &mut Proposal) {
    let tree = &survey.tree;
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let deployed = |name: &String| uses.iter().any(|item| last(&item.repository) == last(name));
    let mut seen = BTreeSet::new();
    for build in &survey.evidence.builds {
        let Some(name) = build.names.iter().find(|name| deployed(name)) else { continue };
        let built = proposal.images.iter().any(|image| last(&image.name) == last(name));
        if tree.files.contains(&build.dockerfile) || built || !seen.insert(name.clone()) {
            continue;
        }
        let folder = parent(&build.dockerfile);
        let place = &build.provenance.place;
        let (what, help) = match submodule(tree, folder) {
            Some(path) => (
                format!("{place} builds `{name}` from `{folder}`, a git submodule that is not there"),
                format!("`git submodule update --init {path}`, then `todo init --force`"),
            ),
            None if !tree.has_folder(folder) => (
                format!("{place} builds `{name}` from `{folder}`, which is empty or not there"),
                format!(
                    "get `{folder}`, or correct the path; `git submodule update --init` if it is a submodule"
                ),
            ),
            None => (
                format!("{place} builds `{name}` with `{}`, which is not there", build.dockerfile),
                format!("write `{}`, then `todo init --force`", build.dockerfile),
            ),
        };
        proposal.first.push(help.clone());
        proposal.notes.push((what, help));
    }
}

/// Images that nothing here builds and that do not have the name of a published image.
fn unbuilt(survey: &Survey, uses: &[Use], proposal: &mut Proposal) {
    let mut seen = BTreeSet::new();
    for item in uses {
        let name = &item.repository;
        let is_noted =
            |list: &[(String, String)]| list.iter().any(|(what, _)| what.contains(&format!("`{name}`")));
        let built = proposal.images.iter().any(|image| Some(&image.name) == image_name(name).as_ref());
        if built || is_public(name) || is_noted(&proposal.notes) || !seen.insert(name.clone()) {
            continue;
        }
        let place = at(&item.place);
        if image_name(name).is_none() {
            let what = format!("`{name}` ({place}) is a placeholder: no image may have that name");
            proposal.first.push(format!("write the image's name at {place}"));
            proposal.notes.push((what, "write the name of an image there".to_owned()));
        } else if !name.contains('/') {
            let what = format!("nothing here builds `{name}` ({place})");
            let help = without_dockerfile(&survey.tree, name);
            proposal.first.push(help.clone());
            proposal.notes.push((what, help));
        }
    }
}

/// How an image could come about for which there is no Dockerfile, by the files of the program.
fn without_dockerfile(tree: &Tree, name: &str) -> String {
    let has = |file: &str| tree.files.iter().chain(&tree.outside).find(|path| file_name(path) == file);
    let spring = |file: &str| has(file).filter(|path| tree.files.contains(*path));
    let command = match () {
        () if spring("gradlew").is_some() => format!("./gradlew bootBuildImage --imageName={name}"),
        () if spring("mvnw").is_some() => {
            format!("./mvnw spring-boot:build-image -Dspring-boot.build-image.imageName={name}")
        }
        () => {
            return format!(
                "write a Dockerfile for `{name}`, then `todo init --force`; or put it on the node before `todo up`"
            );
        }
    };
    format!(
        "write a Dockerfile for it, then `todo init --force`; or perhaps `{command}` builds it, into the node's engine"
    )
}

/// Additional steps of the files that deploy it, which `todo up` does not perform.
pub(super) fn besides(survey: &Survey, method: &Method, proposal: &mut Proposal) {
    proposal.besides.extend(manifest_files::describe(&survey.templates));
    let secrets: BTreeSet<String> =
        proposal.secrets.iter().filter_map(|secret| secret.env_file.clone()).collect();
    let tells = |item: &Besides| {
        let provenance = &item.provenance;
        let same = method.provenance.as_ref().is_some_and(|by| by.entry == provenance.entry);
        // Where nothing deploys it, the root README describes what it needs.
        let at_root = provenance.place.file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
        let installs = item.sort == Sort::Install && method.provenance.is_none();
        let documented = at_root && provenance.rank == Rank::Docs && (installs || item.sort == Sort::Copy);
        // The files of Secrets are requested with their keys.
        let asked = |file: &String| secrets.contains(file) || file_name(file).starts_with(".env");
        if item.sort == Sort::Copy && item.names.iter().any(asked) {
            return false;
        }
        let stated = provenance.rank <= Rank::Script && item.sort != Sort::Change;
        (same || documented || stated) && provenance.distance <= distance("")
    };
    let all: Vec<_> = survey.evidence.besides.iter().filter(|item| tells(item)).collect();
    for item in all.iter().take(MOST) {
        proposal.besides.push((format!("{} {}", item.provenance.place, item.what), item.help.clone()));
    }
    if all.len() > MOST {
        let more = format!("{} more lines of scripts do what `todo up` does not", all.len() - MOST);
        proposal.besides.push((more, format!("read them from {} on", all[MOST].provenance.place)));
    }
}
