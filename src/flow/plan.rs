//! `todo plan`: the changes that `up` would make, and why. Only reads.

use crate::answer::listing::Listing;
use crate::cli;
use crate::cluster::Action;
use crate::cluster::ApplyOptions;
use crate::cluster::Doing;
use crate::cluster::ObjectDifference;
use crate::cluster::Wants;
use crate::cluster::synced;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::Connected;
use crate::flow::flags;
use crate::flow::hooks;
use crate::flow::load::gather;
use crate::flow::missing::missing;
use crate::flow::owner;
use crate::flow::preview::Preview;
use crate::flow::preview::preview;
use crate::flow::reach;
use crate::flow::reach::ClusterState;
use crate::flow::redaction;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::minikube;
use crate::minikube::MinikubeState;
use crate::project::Project;
use crate::project::name::Namespace;
use crate::run::Run;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The exit code of `--exit-code` if `up` would change anything.
pub const CHANGES: u8 = 5;

/// The changes to images and objects, if they can be determined before the images are built.
pub async fn plan(run: &Run, project: &Arc<Project>, flags: &cli::Plan) -> Result<Answer> {
    let Planned { listing, diffs, is_nothing } =
        planned(run, project, flags::options(flags.apply), flags.diff).await?;
    let code = if flags.exit_code && !is_nothing { CHANGES } else { 0 };
    Ok(Answer::Planned { listing, diffs, code })
}

/// Whether `up` would change anything.
pub(crate) async fn changes(run: &Run, project: &Arc<Project>) -> Result<bool> {
    let planned = Box::pin(planned(run, project, ApplyOptions::default(), false)).await?;
    Ok(!planned.is_nothing)
}

/// The planned changes.
struct Planned {
    listing: Listing,
    /// The requested unified diffs.
    diffs: Vec<String>,
    is_nothing: bool,
}

async fn planned(
    run: &Run,
    project: &Arc<Project>,
    options: ApplyOptions,
    with_diffs: bool,
) -> Result<Planned> {
    let gathered = gather(run, project).await?;
    let objects = gathered.plan.objects;
    for finding in missing(run, project, &objects).await {
        run.sink.warn(finding);
    }
    let cluster = match reach::look_patiently(run, project).await? {
        ClusterState::Running(cluster) => *cluster,
        ClusterState::NotRunning(state) => {
            let listing = without_cluster(project, &objects, &state)?;
            return Ok(Planned { listing, diffs: Vec::new(), is_nothing: false });
        }
    };
    let to = Connected::to(run, project, cluster).await?;
    redaction::cluster(run, &to.target, Step::Preflight).await;
    let releases = gathered.plan.releases;
    let wants = Wants::from_objects(&objects);
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
            .fault(FaultKind::Apply, "the cluster would refuse it")
            .findings(refused.clone()));
    }
    for note in &preview.comparison.notes {
        run.sink.warn(note.clone());
    }
    let namespaces =
        preview.comparison.differences.iter().filter_map(|difference| difference.id.namespace.clone());
    let marked = synced::marked(run, &to.target, &namespaces.collect()).await?;
    let redactor = run.sink.redactor();
    let unified = |difference: &ObjectDifference| {
        difference.sides.as_ref().map(|sides| sides.unified(&difference.id, redactor))
    };
    let all = preview.comparison.differences.iter();
    let diffs = with_diffs.then(|| all.map(|item| unified(item).unwrap_or_default()).collect());
    Ok(render(&project.namespace, &preview, &marked, diffs))
}

/// The first steps if the project's minikube does not run; the objects in it are unknown.
fn without_cluster(project: &Project, objects: &[Object], state: &MinikubeState) -> Result<Listing> {
    let profile = &project.minikube.profile;
    if let Some(fault) = minikube::refusal(profile, state) {
        return Err(fault);
    }
    let (what, why) = match state {
        MinikubeState::Broken(broken) => ("repair", broken.to_string()),
        _ => ("start", "it does not run".to_owned()),
    };
    let rows: Vec<Row> = std::iter::once(row(what, &format!("profile {profile}"), "", &why))
        .chain(project.images.iter().map(|image| row("build", &format!("image {}", image.name), "", "")))
        .chain(
            objects
                .iter()
                .map(|object| row("create", &object.id().to_string(), &object.place.to_string(), "")),
        )
        .collect();
    let json = json!({ "cluster": what, "rows": rows.iter().map(|row| &row.cells).collect::<Vec<_>>() });
    Ok(list(rows, json))
}

fn render(
    home: &Namespace,
    preview: &Preview,
    marked: &BTreeMap<ObjectId, usize>,
    diffs: Option<Vec<String>>,
) -> Planned {
    let Preview { looked, bound, comparison, charts } = preview;
    let builds = looked.iter().filter(|image| image.reference.is_none());
    let builds =
        builds.map(|image| row("build", &format!("image {}", image.name), "", &image.why.join(", ")));
    let objects = comparison
        .differences
        .iter()
        .filter(|difference| difference.action != Action::Unchanged)
        .map(|difference| of_object(home, difference, diffs.is_none()));
    let unchanged = comparison.differences.iter().filter(|difference| difference.action == Action::Unchanged);
    let replaced: Vec<(&ObjectId, usize)> =
        unchanged.filter_map(|item| Some((&item.id, *marked.get(&item.id)?))).collect();
    let restarts =
        replaced.iter().map(|(id, files)| row("restart", &id.to_string(), "", &synced::newer(*files)));
    let runs = charts.rows().into_iter().map(|(what, of, at, why)| row(what, &of, &at, &why));
    let fields = bound.changes.iter().map(|change| {
        let policy =
            change.policy.as_ref().map(|policy| format!(", pull policy {policy}")).unwrap_or_default();
        let why = format!("{} says `{}`{policy}", change.id, change.image);
        row("bind", &format!("image {}", change.name), &change.place.to_string(), &why)
    });
    // Without any change, unchanged bindings are not listed.
    let changes = looked.iter().any(|image| image.reference.is_none())
        || comparison.differences.iter().any(|difference| difference.action != Action::Unchanged);
    let fields = fields.filter(|_| changes);
    let objects_json: Vec<Value> = comparison
        .differences
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let mut json = json!(one);
            if let Some(diffs) = &diffs {
                json["diff"] = json!(diffs[at]);
            }
            json
        })
        .collect();
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
        "objects": objects_json,
        "restarts": replaced.iter().map(|(id, files)| json!({
            "object": id.to_string(), "newer_files": files,
        })).collect::<Vec<_>>(),
    });
    let is_nothing = preview.is_nothing() && replaced.is_empty();
    let rows = builds.chain(fields).chain(objects).chain(restarts).chain(runs).collect();
    let diffs = diffs.into_iter().flatten().filter(|diff| !diff.is_empty()).collect();
    Planned { listing: list(rows, json), diffs, is_nothing }
}

/// An object, with its namespace if that is not the project's, and below it a line for each field that would change.
fn of_object(home: &Namespace, difference: &ObjectDifference, with_fields: bool) -> Row {
    let action = match difference.action {
        Action::Unchanged => "keep",
        Action::Create => "create",
        Action::Change => "change",
        Action::Recreate => "recreate",
        Action::Prune => "delete",
        Action::Keep => "leave",
    };
    let place = difference.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let elsewhere = difference.id.namespace.as_ref().filter(|namespace| *namespace != home.as_str());
    let of = elsewhere
        .map_or_else(|| difference.id.to_string(), |namespace| format!("{} in {namespace}", difference.id));
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let fields = difference.fields.iter().filter(|_| with_fields);
    let below = fields
        .map(|field| format!("{}: {} → {}", field.path, value(&field.before), value(&field.after)))
        .collect();
    Row { below, ..row(action, &of, &place, difference.why.as_deref().unwrap_or_default()) }
}

/// The planned change of one item.
struct Row {
    cells: Vec<String>,
    below: Vec<String>,
}

fn row(what: &str, of: &str, at: &str, why: &str) -> Row {
    Row { cells: [what, of, at, why].map(str::to_owned).to_vec(), below: Vec::new() }
}

fn list(rows: Vec<Row>, json: Value) -> Listing {
    let (header, nothing) = (vec!["WHAT", "OF", "AT", "WHY"], "nothing to do");
    let (rows, below) = rows.into_iter().map(|row| (row.cells, row.below)).unzip();
    Listing { header, rows, below, nothing, json }
}
