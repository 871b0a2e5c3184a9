//! Whether a method can be rendered by its own program, and which one is taken if it cannot.

use super::note;
use crate::cli::Init;
use crate::discover::kustomization;
use crate::discover::method::Method;
use crate::discover::method::MethodKind as WayKind;
use crate::discover::method::Source;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::Survey;
use crate::discover::propose::propose;
use crate::discover::toml;
use crate::discover::tree::shown;
use crate::discover::variant::is_far;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::exec;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::manifest;
use crate::manifest::LoadedManifests;
use crate::project::SourceKind;
use crate::project::check::check;
use crate::run::Run;
use std::collections::BTreeMap;
use std::path::Path;

/// The largest input of a kustomization, in bytes. kustomize takes about a second for 2 MB, mostly CRDs, which are
/// irrelevant to images, Secrets and Services.
const MOST_BUILT: usize = 512 << 10;
/// How many methods are rendered until one succeeds: if the first ones fail for one reason, the others do, too.
const MOST_TRIED: usize = 4;

/// The method with its rendered objects: one that cannot be rendered is replaced by the next that can, unless it was
/// requested, or lacks only charts of others, which this machine can get. With it comes what must be done for each that
/// failed, by its path.
pub(super) async fn holds<'s>(
    run: &Run,
    flags: &Init,
    survey: &'s Survey,
    first: &'s Method,
    path: &Path,
) -> Result<(&'s Method, Option<LoadedManifests>, BTreeMap<String, String>)> {
    let next = survey.methods.iter().filter(|method| {
        let other = method.path != first.path && method.kind < WayKind::Compose && method.broken.is_empty();
        // A method for another machine does not replace the intended one.
        other && flags.from.is_none() && !method.is_aside() && !is_far(&method.path)
    });
    let (mut failed, mut helps) = (None, BTreeMap::new());
    for method in std::iter::once(first).chain(next).take(MOST_TRIED) {
        let proposal = propose(survey, method, None, &BTreeMap::new());
        match rendered(run, survey, method, flags.from.is_some(), path, &proposal).await? {
            Ok(written) => {
                if let Some((title, findings)) = failed {
                    warn(run, findings);
                    let words = format!("{title} cannot be rendered; taken instead: {}", method.title);
                    note(run, words, "correct it, then `todo init --force` looks again".to_owned());
                }
                return Ok((method, written, helps));
            }
            Err(findings) => {
                let lacking = findings.iter().find(|finding| finding.code == Code::ChartDependencyMissing);
                let help = match lacking.and_then(|finding| finding.help.clone()) {
                    Some(help) => help,
                    None => format!("correct {}", method.title),
                };
                helps.insert(method.path.clone(), format!("{help}, then `todo init --force`"));
                let stays = method.path == first.path && lacking.is_some();
                failed = failed.or(Some((method.title.clone(), findings)));
                if stays {
                    break;
                }
            }
        }
    }
    warn(run, failed.map(|(_, findings)| findings).unwrap_or_default());
    Ok((first, None, helps))
}

/// The objects of a chart or kustomization as its own program renders them; `None` where that cannot be tried.
async fn rendered(
    run: &Run,
    survey: &Survey,
    method: &Method,
    asked: bool,
    path: &Path,
    proposal: &Proposal,
) -> Result<std::result::Result<Option<LoadedManifests>, Vec<Finding>>> {
    if !matches!(method.kind, WayKind::Charts | WayKind::Kustomize) {
        return Ok(Ok(None));
    }
    if let Some(program) = lacking(run, method) {
        let message =
            format!("{}: `{program}` is not installed, so what it renders is not known yet", method.title);
        note(
            run,
            message,
            format!("install it before `todo up`; then `todo init --force` knows more about {}", method.path),
        );
        return Ok(Ok(None));
    }
    if let Some(folder) = too_large(survey, method).filter(|_| !asked) {
        let message =
            format!("{} is large and was not built: its patches are not in what is said here", method.title);
        let folder = shown(folder);
        note(run, message, format!("`todo plan` builds it; so does `todo init --force --from {folder}`"));
        return Ok(Ok(None));
    }
    let Ok(mut project) = check(path, &toml::write(proposal)) else { return Ok(Ok(None)) };
    for source in &mut project.sources {
        // The user has not supplied the secrets of the chart yet; rendering it without them shows which there are.
        if let SourceKind::Chart(chart) = &mut source.kind {
            chart.set_env.clear();
        }
    }
    match manifest::load(run, &project.root, &project.namespace, &project.sources).await {
        Ok(written) => {
            warn(run, written.warnings.clone());
            Ok(Ok(Some(written)))
        }
        Err(fault) if matches!(fault.kind, FaultKind::Interrupted | FaultKind::Terminated) => Err(fault),
        Err(fault) => Ok(Err(fault.findings)),
    }
}

/// The first kustomization of a method that takes long to build.
fn too_large<'w>(survey: &Survey, method: &'w Method) -> Option<&'w str> {
    let folders = method.sources.iter().filter_map(|source| match source {
        Source::Kustomize(folder) => Some(folder.as_str()),
        Source::Path(_) | Source::Chart { .. } => None,
    });
    let mut folders = folders
        .filter(|folder| kustomization::size(&survey.tree, folder).is_none_or(|size| size > MOST_BUILT));
    folders.next()
}

/// The program that the sources of a method need and this machine does not have.
pub(super) fn lacking(run: &Run, method: &Method) -> Option<&'static str> {
    let needed = |source: &Source| -> &[&'static str] {
        match source {
            Source::Chart { .. } => &["helm"],
            Source::Kustomize(_) => &["kustomize", "kubectl"],
            Source::Path(_) => &[],
        }
    };
    let lacks = |programs: &&[&'static str]| {
        !programs.is_empty() && programs.iter().all(|name| exec::find(&run.world, name).is_none())
    };
    method.sources.iter().map(needed).find(lacks).map(|programs| programs[0])
}

/// Why a method cannot be rendered, as warnings.
fn warn(run: &Run, findings: Vec<Finding>) {
    for finding in findings {
        run.sink.warn(Finding { severity: Severity::Warning, ..finding });
    }
}
