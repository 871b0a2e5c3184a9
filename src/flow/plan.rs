//! `todo plan`: what `up` would do, and why. Asks, and writes nothing.

use crate::cli;
use crate::cluster::applied::ApplyOptions;
use crate::cluster::compare::Action;
use crate::cluster::compare::Difference;
use crate::cluster::owner::Doing;
use crate::cluster::owner::Wants;
use crate::cluster::synced;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::Kind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::Connected;
use crate::flow::flags;
use crate::flow::gather::gather;
use crate::flow::hooks;
use crate::flow::missing::missing;
use crate::flow::owner;
use crate::flow::preview::Preview;
use crate::flow::preview::preview;
use crate::flow::reach;
use crate::flow::reach::Now;
use crate::flow::redaction;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::minikube;
use crate::minikube::State;
use crate::project::Project;
use crate::project::name::Namespace;
use crate::report::listing::Listing;
use crate::run::Run;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The exit code of `--exit-code` if `up` would change anything.
pub const CHANGES: u8 = 5;

/// What would happen to images and objects, as far as it can be told before the images are built.
pub async fn plan(run: &Run, project: &Arc<Project>, flags: &cli::Plan) -> Result<Answer> {
    let (listing, is_nothing) = planned(run, project, flags::options(flags.apply)).await?;
    if flags.exit_code && !is_nothing {
        return Ok(Answer::Judged(listing, CHANGES));
    }
    Ok(Answer::Listing(listing))
}

/// What would happen, and whether that is nothing.
async fn planned(run: &Run, project: &Arc<Project>, options: ApplyOptions) -> Result<(Listing, bool)> {
    let gathered = gather(run, project).await?;
    let objects = gathered.plan.objects;
    for finding in missing(run, project, &objects).await {
        run.sink.warn(finding);
    }
    let cluster = match reach::look_patiently(run, project).await? {
        Now::There(cluster) => *cluster,
        Now::Not(state) => return without_cluster(project, &objects, &state).map(|listing| (listing, false)),
    };
    let to = Connected::to(run, project, cluster).await?;
    redaction::cluster(run, &to.target, Step::Preflight).await;
    let releases = gathered.plan.releases;
    let wants = Wants::of(&objects);
    let adopt = owner::check(run, project, &to.target, Some(&wants), options.adopt, Doing::Up).await?;
    if let Err(fault) = hooks::owners(run, &to.target, &releases, options.adopt).await {
        let warnings = fault.findings.into_iter();
        warnings.for_each(|finding| run.sink.warn(Finding { severity: Severity::Warning, ..finding }));
    }
    let options = ApplyOptions { adopt, ..options };
    let preview = preview(&to, objects, releases, &gathered.images, &options).await?;
    let refused = &preview.comparison.refused;
    if !refused.is_empty() {
        return Err(Code::ObjectsRefused
            .fault(Kind::Apply, "the cluster would refuse it")
            .findings(refused.clone()));
    }
    for note in &preview.comparison.notes {
        run.sink.warn(note.clone());
    }
    let namespaces = preview.comparison.differences.iter().filter_map(|one| one.id.namespace.clone());
    let marked = synced::marked(run, &to.target, &namespaces.collect()).await?;
    Ok(told(&project.namespace, &preview, &marked))
}

/// What is done first where the project's minikube cannot be asked; what is in it nobody knows.
fn without_cluster(project: &Project, objects: &[Object], state: &State) -> Result<Listing> {
    let profile = &project.minikube.profile;
    if let Some(fault) = minikube::refusal(profile, state) {
        return Err(fault);
    }
    let (what, why) = match state {
        State::Broken(broken) => ("repair", broken.to_string()),
        _ => ("start", "it does not run".to_owned()),
    };
    let rows: Vec<Vec<String>> = std::iter::once(row(what, &format!("profile {profile}"), "", &why))
        .chain(project.images.iter().map(|image| row("build", &format!("image {}", image.name), "", "")))
        .chain(
            objects
                .iter()
                .map(|object| row("create", &object.id().to_string(), &object.place.to_string(), "")),
        )
        .collect();
    let json = json!({ "cluster": what, "rows": rows });
    Ok(list(rows, json))
}

fn told(home: &Namespace, preview: &Preview, marked: &BTreeMap<ObjectId, usize>) -> (Listing, bool) {
    let Preview { looked, bound, comparison, charts } = preview;
    let builds = looked.iter().filter(|image| image.reference.is_none());
    let builds =
        builds.map(|image| row("build", &format!("image {}", image.name), "", &image.why.join(", ")));
    let objects = comparison
        .differences
        .iter()
        .filter(|one| one.action != Action::Unchanged)
        .flat_map(|one| lines(home, one));
    let unchanged = comparison.differences.iter().filter(|one| one.action == Action::Unchanged);
    let replaced: Vec<(&ObjectId, usize)> =
        unchanged.filter_map(|one| Some((&one.id, *marked.get(&one.id)?))).collect();
    let restarts =
        replaced.iter().map(|(id, files)| row("restart", &id.to_string(), "", &synced::newer(*files)));
    let runs = charts.rows().into_iter().map(|(what, of, at, why)| row(what, &of, &at, &why));
    let fields = bound.changes.iter().map(|change| {
        let policy =
            change.policy.as_ref().map(|policy| format!(", pull policy {policy}")).unwrap_or_default();
        let why = format!("{} says `{}`{policy}", change.id, change.image);
        row("bind", &format!("image {}", change.name), &change.place.to_string(), &why)
    });
    // Where nothing is to be done, what stays bound is no news.
    let changes = looked.iter().any(|image| image.reference.is_none())
        || comparison.differences.iter().any(|one| one.action != Action::Unchanged);
    let fields = fields.filter(|_| changes);
    let json = json!({
        "bound": bound.changes.iter().map(|change| json!({
            "object": change.id.to_string(), "image": change.name, "says": change.image, "policy": change.policy,
        })).collect::<Vec<_>>(),
        "releases": charts.rows().iter().map(|(what, of, _, why)| json!({
            "what": what, "of": of, "why": why,
        })).collect::<Vec<_>>(),
        "images": looked.iter().map(|image| json!({
            "name": image.name, "reference": image.reference, "why": image.why,
        })).collect::<Vec<_>>(),
        "objects": comparison.differences,
        "restarts": replaced.iter().map(|(id, files)| json!({
            "object": id.to_string(), "newer_files": files,
        })).collect::<Vec<_>>(),
    });
    let is_nothing = preview.is_nothing() && replaced.is_empty();
    let rows = builds.chain(fields).chain(objects).chain(restarts).chain(runs).collect();
    (list(rows, json), is_nothing)
}

/// An object, with its namespace if that is not the project's, and a line for each of its fields that would change.
fn lines(home: &Namespace, one: &Difference) -> Vec<Vec<String>> {
    let action = match one.action {
        Action::Unchanged => "keep",
        Action::Create => "create",
        Action::Change => "change",
        Action::Recreate => "recreate",
        Action::Prune => "delete",
        Action::Keep => "leave",
    };
    let place = one.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let elsewhere = one.id.namespace.as_ref().filter(|namespace| *namespace != home.as_str());
    let of = elsewhere.map_or_else(|| one.id.to_string(), |namespace| format!("{} in {namespace}", one.id));
    let head = row(action, &of, &place, one.why.as_deref().unwrap_or_default());
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let fields = one.fields.iter().map(|field| {
        row("", "", "", &format!("{}: {} → {}", field.path, value(&field.before), value(&field.after)))
    });
    std::iter::once(head).chain(fields).collect()
}

fn row(what: &str, of: &str, at: &str, why: &str) -> Vec<String> {
    [what, of, at, why].map(str::to_owned).to_vec()
}

fn list(rows: Vec<Vec<String>>, json: serde_json::Value) -> Listing {
    let (header, nothing) = (vec!["WHAT", "OF", "AT", "WHY"], "nothing to do");
    Listing { header, rows, below: Vec::new(), nothing, json }
}
