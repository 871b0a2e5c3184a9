//! How an image is built: its context, stage and arguments, out of what builds it, checked against what the Dockerfile copies.
//!
//! Of several statements the first that holds is taken; one that cannot work is reported, and one that can is
//! preferred.

mod artifact;
mod contents;

use super::compose::Compose;
use super::compose::Volume;
use super::dockerfile::FoundDockerfile;
use super::evidence::BuildEvidence;
use super::evidence::Evidence;
use super::evidence::Rank;
use super::tree::Tree;
use super::tree::parent;
use super::tree::shown;
use crate::event::Place;
pub use contents::Attempt;
pub use contents::before;
pub use contents::lacking;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// How an image is built, and why so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The context.
    pub context: String,
    /// The stage.
    pub target: Option<String>,
    /// The arguments.
    pub args: BTreeMap<String, String>,
    /// Why that context; empty where it is the Dockerfile's own directory.
    pub why: String,
    /// Problems, and steps to do before the build.
    pub notes: Vec<Note>,
}

/// Something worth knowing about a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub what: String,
    /// What to do.
    pub help: String,
    /// Whether the build fails without it.
    pub first: bool,
}

/// A way to build it that something states.
struct Candidate {
    context: String,
    target: Option<String>,
    args: BTreeMap<String, String>,
    place: Option<Place>,
    stage_left: Option<String>,
}

/// The way in which `found` is built as `repository`, or as whatever it is.
#[must_use]
pub fn choose(
    tree: &Tree,
    found: &FoundDockerfile,
    evidence: &Evidence,
    composes: &[Compose],
    repository: Option<&str>,
) -> Chosen {
    let candidates = candidates(found, evidence, composes, repository);
    let lacks = |item| lacking(tree, one_of(found, item));
    let mut notes: Vec<Note> = Vec::new();
    let mut taken: Option<&Candidate> = None;
    let mut failed: BTreeSet<&str> = BTreeSet::new();
    for candidate in &candidates {
        let lacking = lacks(candidate);
        let wrong = match (&candidate.place, lacking.iter().find(|lack| lack.command.is_none())) {
            (_, None) if tree.has_folder(&candidate.context) => {
                taken = Some(candidate);
                break;
            }
            (Some(place), _) if !tree.has_folder(&candidate.context) => {
                format!(
                    "{place} builds `{}` from `{}`, which is not there",
                    found.path,
                    shown(&candidate.context)
                )
            }
            (Some(place), Some(lack)) => format!(
                "{place} builds `{}` from `{}`, where `{}` is not, which its line {} copies",
                found.path,
                shown(&candidate.context),
                lack.source,
                lack.line
            ),
            _ => continue,
        };
        // Documents repeat one another: a context that fails is reported once.
        if !failed.insert(&candidate.context) {
            continue;
        }
        notes.push(Note { what: wrong, help: String::new(), first: false });
    }
    let layout = Candidate { context: found.layout.clone(), ..Candidate::blank() };
    let whole = lacks(&layout).iter().all(|lack| lack.command.is_some());
    let chosen = match (taken, candidates.first()) {
        (Some(one), _) => one,
        (None, Some(first)) if !whole && tree.has_folder(&first.context) => first,
        (None, _) => &layout,
    };
    let help = format!("the context is `{}`: see that it is the right one", shown(&chosen.context));
    for note in &mut notes {
        note.help.clone_from(&help);
    }
    notes.extend(before(tree, one_of(found, chosen)));
    if let Some(stage) = &chosen.stage_left {
        let place = chosen.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let what = format!("{place} builds the stage `{stage}` of `{}`, to develop in", found.path);
        let help = "write `target` into its [image] if the manifests mean that stage".to_owned();
        notes.push(Note { what, help, first: false });
    }
    let why = match &chosen.place {
        _ if chosen.context == parent(&found.path) => String::new(),
        Some(place) => format!("{place} builds it from there"),
        None => found.why_layout.clone(),
    };
    Chosen {
        context: chosen.context.clone(),
        target: chosen.target.clone(),
        args: chosen.args.clone(),
        why,
        notes,
    }
}

fn one_of<'a>(found: &'a FoundDockerfile, candidate: &'a Candidate) -> Attempt<'a> {
    Attempt {
        dockerfile: &found.path,
        context: &candidate.context,
        target: candidate.target.as_deref(),
        args: &candidate.args,
    }
}

impl Candidate {
    fn blank() -> Candidate {
        Candidate {
            context: String::new(),
            target: None,
            args: BTreeMap::new(),
            place: None,
            stage_left: None,
        }
    }
}

/// What builds it, the best first: what builds it under this name, before what builds it at all; compose before tests.
fn candidates(
    found: &FoundDockerfile,
    evidence: &Evidence,
    composes: &[Compose],
    repository: Option<&str>,
) -> Vec<Candidate> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let mut ranked: Vec<((Rank, usize, bool), Candidate)> = Vec::new();
    for build in evidence.builds.iter().filter(|build| build.dockerfile == found.path) {
        let named =
            repository.is_some_and(|wanted| build.names.iter().any(|name| last(name) == last(wanted)));
        let one = Candidate {
            context: build.context.clone(),
            target: build.target.clone(),
            args: build.args.clone(),
            place: Some(build.provenance.place.clone()),
            stage_left: None,
        };
        ranked.push(((build.provenance.rank, build.provenance.distance, !named), one));
    }
    for service in composes.iter().flat_map(|compose| &compose.services) {
        let Some(build) = service.build.as_ref().filter(|build| build.dockerfile == found.path) else {
            continue;
        };
        let develops = is_for_developing(&service.volumes, &build.context, build.target.as_deref());
        let one = Candidate {
            context: build.context.clone(),
            target: build.target.clone().filter(|_| !develops),
            args: build.args.clone(),
            place: Some(service.place.clone()),
            stage_left: build.target.clone().filter(|_| develops),
        };
        ranked.push(((Rank::Docs, 9, true), one));
    }
    ranked.sort_by_key(|(key, _)| *key);
    ranked.into_iter().map(|(_, one)| one).collect()
}

/// Whether a service of a compose file is how people develop: it mounts its sources, or names a stage for that.
#[must_use]
pub fn is_for_developing(volumes: &[Volume], context: &str, target: Option<&str>) -> bool {
    let stage = target.is_some_and(|stage| {
        let words = ["dev", "development", "builder", "build", "debug", "test"];
        stage.split(['-', '_', '.']).any(|word| words.contains(&word))
    });
    stage || target.is_some() && mounts_sources(volumes, context)
}

/// Whether a service mounts its sources.
#[must_use]
pub fn mounts_sources(volumes: &[Volume], context: &str) -> bool {
    let inside =
        |source: &str| source == context || source.starts_with(&format!("{context}/")) || context.is_empty();
    volumes.iter().any(|volume| matches!(volume, Volume::Bind(bind) if inside(&bind.source)))
}

/// Whether a build of a Dockerfile of the tree cannot work.
#[must_use]
pub fn fails(tree: &Tree, build: &BuildEvidence) -> bool {
    let attempt = Attempt {
        dockerfile: &build.dockerfile,
        context: &build.context,
        target: build.target.as_deref(),
        args: &build.args,
    };
    let lacking = || lacking(tree, attempt);
    tree.files.contains(&build.dockerfile)
        && (!tree.has_folder(&build.context) || lacking().iter().any(|lack| lack.command.is_none()))
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::discover::compose;
    use crate::discover::dockerfile;
    use crate::discover::readers;
    use crate::discover::tree::Tree;

    #[test]
    fn what_cannot_work_loses_to_what_can_and_is_told() {
        let base =
            [("docker/web.Dockerfile", "FROM a\nCOPY web/package.json .\n"), ("web/package.json", "{}")];
        for (script, context, notes) in [
            (
                "docker build -f docker/web.Dockerfile -t w web\ndocker build -f docker/web.Dockerfile -t w .\n",
                "",
                1,
            ),
            ("docker build -f docker/web.Dockerfile -t w gone\n", "", 1),
            ("docker build -f docker/web.Dockerfile -t w .\n", "", 0),
            ("", "", 0),
        ] {
            let tree = Tree::from_texts("x", &[&base[..], &[("up.sh", script)]].concat());
            let found = &dockerfile::all(&tree)[0];
            let chosen = choose(&tree, found, &readers::read(&tree), &[], Some("w"));
            assert_eq!(
                (chosen.context.as_str(), chosen.notes.len()),
                (context, notes),
                "{script}: {chosen:?}"
            );
        }
    }

    #[test]
    fn a_context_that_fails_is_told_once_however_many_files_name_it() {
        let line = "docker build -f docker/Dockerfile -t w gone\n";
        let files =
            [("docker/Dockerfile", "FROM a\nCOPY a.py .\n"), ("a.py", ""), ("a.sh", line), ("b.sh", line)];
        let tree = Tree::from_texts("x", &files);
        let chosen = choose(&tree, &dockerfile::all(&tree)[0], &readers::read(&tree), &[], Some("w"));
        assert_eq!((chosen.context.as_str(), chosen.notes.len()), ("", 1), "{chosen:?}");
    }

    #[test]
    fn where_nothing_holds_the_lack_is_told() {
        let tree = Tree::from_texts("x", &[("Dockerfile", "FROM a\nCOPY gone.txt .\n"), ("a.py", "")]);
        let chosen = choose(&tree, &dockerfile::all(&tree)[0], &readers::read(&tree), &[], None);
        assert!(chosen.notes[0].what.starts_with("Dockerfile:2 copies `gone.txt`"), "{chosen:?}");
    }

    #[test]
    fn a_stage_to_develop_in_is_not_for_manifests() {
        let text =
            "services:\n  web:\n    build: {context: ./web, target: STAGE}\n    volumes: ['./web:/app']\n";
        for (stage, mounted, target) in
            [("dev", true, None), ("run", true, None), ("run", false, Some("run")), ("builder", false, None)]
        {
            let text = text.replace("STAGE", stage);
            let text = if mounted { text } else { text.split("    volumes").next().unwrap().to_owned() };
            let tree = Tree::from_texts(
                "x",
                &[
                    ("compose.yaml", &text),
                    ("web/Dockerfile", "FROM a AS dev\nFROM a AS builder\nFROM a AS run\n"),
                ],
            );
            let chosen = choose(
                &tree,
                &dockerfile::all(&tree)[0],
                &readers::read(&tree),
                &compose::all(&tree, &[]),
                None,
            );
            assert_eq!(chosen.target.as_deref(), target, "{stage} {mounted}");
        }
    }
}
