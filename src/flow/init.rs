//! `todo init`: a deploy.toml for a directory without one, and manifests where it has none.
//!
//! Changes nothing but the files it writes, and those last: the run ends earlier if anything cannot be understood.
//! `discover` makes the proposal; here the user is asked, the proposal is rendered where Helm or kustomize can,
//! checked and written.

mod answer;
mod holds;
mod refused;

use crate::cli::Init;
use crate::discover::collection;
use crate::discover::method::Method;
use crate::discover::method::MethodKind as WayKind;
use crate::discover::method::Programs;
use crate::discover::method::Source;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::Survey;
use crate::discover::propose::propose;
use crate::discover::propose::survey;
use crate::discover::toml;
use crate::discover::tree;
use crate::discover::walk;
use crate::event::Code;
use crate::exec;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::ask;
use crate::manifest::Object;
use crate::manifest::read::parse;
use crate::project::check::check;
use crate::project::locate::NAME;
use crate::run::Run;
use answer::describe;
use answer::list;
use holds::holds;
use holds::lacking;
use refused::refused;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Writes the project file, by default into the current directory.
pub async fn init(run: &Run, flags: &Init, asked: Option<&Path>) -> Result<Answer> {
    let path = target(run, asked);
    let root = path.parent().unwrap_or(Path::new("/")).to_owned();
    if path.exists() && !flags.force && !flags.list {
        return Err(Code::FileExists
            .fault(FaultKind::Usage, format!("{} is there already", path.display()))
            .hint("`todo plan` shows what it does")
            .hint("`todo init --force` writes it again, and your changes in it are lost"));
    }
    let survey = survey_tree(run, &root).await?;
    if flags.list {
        return Ok(list(&survey));
    }
    let (method, rivals) = pick(run, flags, &survey).await?;
    if !method.broken.is_empty() {
        let fault = Code::ManifestInvalid
            .fault(FaultKind::Usage, format!("{} cannot be read", method.title))
            .findings(method.broken.clone());
        return Err(others(
            fault.hint("nothing was written: fix them, then `todo init` again"),
            &survey,
            method,
        ));
    }
    agree(run, flags, method).await?;

    let mut settled = BTreeMap::new();
    let (method, written, failed) = holds(run, flags, &survey, method, &path).await?;
    let rendered = written.as_ref().map(|written| written.objects.clone());
    let rivals: Vec<&Method> = rivals
        .into_iter()
        .filter(|other| other.path != method.path && !failed.contains_key(&other.path))
        .collect();
    if !rivals.is_empty() {
        let left = rivals.iter().take(MOST);
        let left: Vec<String> =
            left.map(|method| format!("`--from {}` ({})", method.path, method.title)).collect();
        let more = if rivals.len() > MOST { "; `todo init --list` has all" } else { "" };
        note(
            run,
            format!("of several ways that are equally good, one is taken: {}", method.title),
            format!("`todo init --force` with {}{more}", left.join(" or ")),
        );
    }
    let mut proposal = propose(&survey, method, rendered.as_deref(), &settled);
    if !proposal.wrong.is_empty() {
        let fault = Code::ComposeInvalid
            .fault(FaultKind::Usage, format!("there can be no {}", method.title))
            .findings(proposal.wrong);
        return Err(others(fault.hint("nothing was written"), &survey, method));
    }
    if interactive(run, flags) && !proposal.doubts.is_empty() {
        for doubt in &proposal.doubts {
            settled.insert(doubt.question.clone(), ask::choose(run, &doubt.question, &doubt.answers).await?);
        }
        proposal = propose(&survey, method, rendered.as_deref(), &settled);
    }
    proposal.instead.retain(|(path, _)| !failed.contains_key(path));
    proposal.first.extend(failed.get(&method.path).cloned());
    if let Some(program) = lacking(run, method) {
        proposal.first.insert(0, format!("install `{program}`, then `todo init --force`"));
    }
    for doubt in &proposal.doubts {
        let others =
            doubt.answers[1..].iter().map(|answer| format!("`{answer}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "{} {} would do as well as `{}`, which is taken",
            doubt.question, others, doubt.answers[0]
        );
        note(run, message, format!("correct `dockerfile` in {NAME} if it is another one"));
    }

    let text = toml::write(&proposal);
    let project = check(&path, &text).map_err(|findings| {
        Code::InternalError
            .fault(FaultKind::Internal, format!("the {NAME} that would be written is wrong"))
            .findings(findings)
    })?;
    write(run, flags, &root, &path, &text, &proposal)?;
    for (message, help) in &proposal.notes {
        note(run, message.clone(), help.clone());
    }
    let objects = rendered.unwrap_or_else(|| objects(method, &proposal));
    let project = Arc::new(project);
    // Manifests that could not be rendered are not judged.
    if written.is_some() || method.kind > WayKind::Kustomize {
        refused(run, &project, written, &proposal.notes, &mut proposal.first).await?;
    }
    Ok(describe(&path, method, &proposal, &project, &objects))
}

fn target(run: &Run, asked: Option<&Path>) -> PathBuf {
    let path = asked.map_or_else(|| run.world.folder.clone(), |asked| run.world.absolute(asked));
    if path.is_dir() { path.join(NAME) } else { path }
}

async fn survey_tree(run: &Run, root: &Path) -> Result<Survey> {
    let (of, folder) = (run.clone(), root.to_owned());
    let walk = tokio::task::spawn_blocking(move || walk::walk(&of, &folder));
    let broke = || "the search of the directory failed (internal error)".to_owned();
    let tree = walk.await.or_fault(Code::InternalError, FaultKind::Internal, broke)?;
    let tree = tree.or_fault(Code::FileUnreadable, FaultKind::Usage, || {
        format!("cannot read the directory {}", root.display())
    })?;
    if let Some(fault) = run.stopped() {
        return Err(fault);
    }
    if tree.capped {
        let message =
            format!("only the {} files nearest to {} were looked at", walk::MOST_FILES, root.display());
        note(run, message, "go to the application's own directory, and `todo init` there".to_owned());
    }
    let there = |name: &str| exec::find(&run.world, name).is_some();
    let has = Programs { helm: there("helm"), kustomize: there("kustomize") || there("kubectl") };
    Ok(survey(tree, has))
}

/// How many other methods are named.
const MOST: usize = 5;

/// The requested method; else the best one, about which the user is asked if it is only preferred by convention. In
/// addition, without an interactive user, the others that are equally good.
async fn pick<'s>(run: &Run, flags: &Init, survey: &'s Survey) -> Result<(&'s Method, Vec<&'s Method>)> {
    let Some(first) = survey.methods.first() else {
        let looked = survey.tree.files.len();
        return Err(Code::NothingToDeploy.fault(
            FaultKind::Usage,
            format!("nothing here says how it is deployed: {looked} files, and neither a Dockerfile nor a compose file, a chart, a kustomization or a manifest"),
        )
        .hint("go to the application's directory, or write a Dockerfile first"));
    };
    if let Some(from) = &flags.from {
        let from = tree::join("", from);
        let found = survey.methods.iter().find(|method| method.path == tree::shown(&from));
        let found = found.or_else(|| {
            survey.methods.iter().find(|method| method.sources.iter().any(|source| path_of(source) == from))
        });
        return found.map(|method| (method, Vec::new())).ok_or_else(|| {
            let fault = Code::NothingToDeploy
                .fault(FaultKind::Usage, format!("`{from}` is nothing that could be deployed"));
            survey.methods.iter().fold(fault, |fault, method| {
                fault.hint(format!("`--from {}`: {}", method.path, method.title))
            })
        });
    }
    if flags.manifests {
        let bare = survey.methods.iter().find(|method| method.kind >= WayKind::Compose);
        return bare.map(|method| (method, Vec::new())).ok_or_else(|| {
            Code::NothingToDeploy
                .fault(
                    FaultKind::Usage,
                    "there is neither a compose file nor a Dockerfile to write manifests after",
                )
                .hint("`todo init` uses the manifests that are there")
        });
    }
    let applications = collection::applications(&survey.methods);
    if !applications.is_empty() {
        let count = applications.len();
        let words = format!(
            "{count} directories here hold an application each, and nothing in this directory deploys them together"
        );
        let fault = Code::OtherSourcesFound.fault(FaultKind::Usage, words);
        let fault = applications
            .iter()
            .take(12)
            .fold(fault, |fault, folder| fault.hint(format!("`cd {folder}`, then `todo init`")));
        let more = format!("and {} more: `todo init --list`", count.saturating_sub(12));
        return Err(if count > 12 { fault.hint(more) } else { fault });
    }
    if first.is_aside() || collection::is_of_examples(&survey.methods) {
        let words = if first.is_aside() {
            "all that could be deployed here lies where tests, examples and documentation do".to_owned()
        } else {
            format!("this looks like a tool with its examples: nothing here deploys {}", first.title)
        };
        let fault = Code::OtherSourcesFound.fault(FaultKind::Usage, words);
        let methods = survey.methods.iter().filter(|method| method.is_aside()).take(5);
        let methods = Some(first).filter(|first| !first.is_aside()).into_iter().chain(methods);
        return Err(methods.fold(fault, |fault, method| {
            fault.hint(format!("`todo init --from {}`: {}", method.path, method.title))
        }));
    }
    if survey.clear {
        return Ok((first, Vec::new()));
    }
    let written: Vec<&Method> = survey
        .methods
        .iter()
        .filter(|method| method.kind < WayKind::Compose && method.broken.is_empty())
        .collect();
    if interactive(run, flags) && written.len() > 1 {
        let titles: Vec<String> = written.iter().take(12).map(|method| method.title.clone()).collect();
        let at = ask::choose(
            run,
            "There are several ways to deploy this. Which one shall `todo up` take?",
            &titles,
        )
        .await?;
        return Ok((written[at], Vec::new()));
    }
    let provenance = |method: &Method| method.provenance.as_ref().map(|provenance| provenance.rank);
    let equal = |other: &&Method| other.path != first.path && provenance(other) == provenance(first);
    Ok((first, written.into_iter().filter(equal).collect()))
}

fn path_of(source: &Source) -> &str {
    match source {
        Source::Path(path) | Source::Kustomize(path) | Source::Chart { chart: path, .. } => path,
    }
}

fn interactive(run: &Run, flags: &Init) -> bool {
    run.world.can_ask() && !flags.yes
}

/// Manifests are written only with the user's agreement.
async fn agree(run: &Run, flags: &Init, method: &Method) -> Result<()> {
    if method.kind < WayKind::Compose || flags.manifests || flags.yes || flags.from.is_some() {
        return Ok(());
    }
    let no = || {
        Code::NothingToDeploy
            .fault(FaultKind::Usage, "there are no Kubernetes manifests here, and no chart")
            .hint(format!("`todo init --manifests` writes {}", method.title.replace("written ", "")))
    };
    if interactive(run, flags)
        && ask::agree(
            run,
            &format!(
                "There are no Kubernetes manifests here. Write {}?",
                method.title.replace("written ", "")
            ),
        )
        .await?
    {
        return Ok(());
    }
    Err(no())
}

fn objects(method: &Method, proposal: &Proposal) -> Vec<Object> {
    if proposal.files.is_empty() {
        return method.objects.clone();
    }
    proposal.files.iter().flat_map(|(path, text)| parse(text, Path::new(path)).0).collect()
}

fn write(run: &Run, flags: &Init, root: &Path, path: &Path, text: &str, proposal: &Proposal) -> Result<()> {
    let taken = proposal.files.iter().find(|(file, _)| root.join(file).exists() && !flags.force);
    if let Some((file, _)) = taken {
        return Err(Code::FileExists
            .fault(FaultKind::Usage, format!("`{file}` is there already"))
            .hint("`todo init --manifests --force` writes it again"));
    }
    let files = proposal.files.iter().map(|(file, text)| (root.join(file), text.as_str()));
    let files: Vec<(PathBuf, &str)> = files.chain(std::iter::once((path.to_owned(), text))).collect();
    if let Some(link) = files.iter().find_map(|(path, _)| link_on_the_way(root, path)) {
        let link = link.display();
        return Err(Code::FileNotWritable
            .fault(FaultKind::Usage, format!("{link} is a link, and nothing is written through one"))
            .hint("the tree may belong to another user: check where it points to, and remove it"));
    }
    if let Some(fault) = run.stopped() {
        return Err(fault);
    }
    for (path, text) in files {
        let folder = path.parent().unwrap_or(root);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.or_fault(Code::FileNotWritable, FaultKind::Usage, || {
            format!("cannot write {}", path.display())
        })?;
    }
    Ok(())
}

/// A link at `path` or above it, below `root`: a link in a foreign directory may point to any file of the user.
fn link_on_the_way<'p>(root: &Path, path: &'p Path) -> Option<&'p Path> {
    path.ancestors().take_while(|above| *above != root).find(|above| above.is_symlink())
}

fn others(fault: Fault, survey: &Survey, method: &Method) -> Fault {
    let others = survey.methods.iter().filter(|other| other.path != method.path && other.broken.is_empty());
    others.take(3).fold(fault, |fault, other| {
        fault.hint(format!("or `todo init --from {}`: {}", other.path, other.title))
    })
}

fn note(run: &Run, message: String, help: String) {
    run.sink.warn(Code::InitIncomplete.note(message).help(help));
}
