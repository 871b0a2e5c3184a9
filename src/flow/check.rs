//! The project's own checks: as part of `todo up`, and again by `todo check`.

use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::gather::gather;
use crate::flow::reach;
use crate::flow::reach::Now;
use crate::flow::reach::Site;
use crate::manifest::Object;
use crate::minikube;
use crate::project::Check;
use crate::project::From;
use crate::project::Probe;
use crate::project::Project;
use crate::project::When;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use crate::report::listing::Listing;
use crate::run::Run;
use crate::service::check::Asker;
use crate::service::check::Checked;
use crate::service::check::Cluster;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use serde_json::json;
use std::sync::Arc;

/// Checks that need nothing but this machine and are to hold before anything is done.
pub(crate) async fn early(run: &Run, project: &Project, objects: &[Object]) -> Result<()> {
    let early = |check: &&Check| check.when == When::Before && check.from == From::Host;
    part(run, project, None, objects, early).await
}

/// Checks that the node has to make, before anything is applied.
pub(crate) async fn before(run: &Run, project: &Project, site: &Site, objects: &[Object]) -> Result<()> {
    let before = |check: &&Check| check.when == When::Before && check.from == From::Cluster;
    part(run, project, Some(site), objects, before).await
}

/// Checks of what is running now.
pub(crate) async fn after(run: &Run, project: &Project, site: &Site, objects: &[Object]) -> Result<()> {
    part(run, project, Some(site), objects, |check| check.when == When::After).await
}

async fn part(
    run: &Run,
    project: &Project,
    site: Option<&Site>,
    objects: &[Object],
    wanted: impl Fn(&&Check) -> bool,
) -> Result<()> {
    let checks: Vec<&Check> = project.checks.iter().filter(wanted).collect();
    if checks.is_empty() {
        return Ok(());
    }
    let step = run.sink.step(Step::Check);
    let checked = run.or_stopped(async { ask(run, project, site, objects, &checks, true).await }).await?;
    let (broken, weak): (Vec<&Checked>, Vec<&Checked>) =
        checked.iter().filter(|one| one.finding.is_some()).partition(|one| one.required);
    for finding in weak.into_iter().filter_map(|one| one.finding.clone()) {
        run.sink.warn(finding);
    }
    if broken.is_empty() {
        step.finish(Outcome::Done, Some(passed(&checked)));
        return Ok(());
    }
    let (kind, message) = match broken[0].when {
        When::Before => (Kind::Prerequisite, "something outside is missing that the project needs"),
        When::After => (Kind::Service, "the application does not do what the project's checks ask of it"),
    };
    let fault =
        Fault::message(kind, message).findings(broken.into_iter().filter_map(|one| one.finding.clone()));
    Err(fault.hint("`todo check` asks again; a check that the project can do without has `required = false`"))
}

fn passed(checked: &[Checked]) -> String {
    let passed = checked.iter().filter(|one| one.outcome == Outcome::Done).count();
    format!("{passed} of {} passed", checked.len())
}

async fn ask(
    run: &Run,
    project: &Project,
    site: Option<&Site>,
    objects: &[Object],
    checks: &[&Check],
    patient: bool,
) -> Result<Vec<Checked>> {
    let profile = &project.minikube.profile;
    let inside = |script: String| {
        async move {
            let done = minikube::inside(run, profile, &script).await;
            done.map_err(|fault| fault.causes().join(": "))
        }
        .boxed()
    };
    let target = match site {
        Some(site) => Some((site.target(run, project).await?, &site.reach)),
        None => None,
    };
    let cluster = target.as_ref().map(|(target, reach)| Cluster {
        client: &target.client,
        namespace: &target.namespace,
        reach,
    });
    let secret = |name: &ObjectName, key: &DataKey| value(objects, name, key);
    let inside: Option<&crate::service::check::Inside<'_>> =
        if site.is_some() && project.elsewhere.is_none() { Some(&inside) } else { None };
    let asker = Asker { run, cluster, inside, objects, secret: &secret, patient };
    Ok(asker.all(checks).await)
}

/// A value of a Secret that the project makes or writes.
fn value(objects: &[Object], name: &ObjectName, key: &DataKey) -> Option<Secret> {
    let is = |object: &&Object| {
        object.kind() == "Secret" && object.group().is_empty() && object.name() == name.as_str()
    };
    let data = &objects.iter().find(is)?.value["data"];
    let value = STANDARD.decode(data[key.as_str()].as_str()?).ok()?;
    Some(Secret::new(value)).filter(|value| !value.expose().is_empty())
}

/// `todo check`: asks all of them once, whatever they were for.
pub async fn check(run: &Run, project: &Arc<Project>) -> Result<Answer> {
    let gathered = gather(run, project).await?;
    let now = reach::look(run, project).await?;
    let site = if let Now::There(site) = &now { Some(site) } else { None };
    let checks: Vec<&Check> = project.checks.iter().collect();
    let objects = &gathered.plan.objects;
    let asked = async { ask(run, project, site, objects, &checks, false).await };
    let checked = run.or_stopped(asked).await?;
    for finding in checked.iter().filter_map(|one| one.finding.clone()) {
        run.sink.warn(finding);
    }
    Ok(Answer::Judged(listing(&checked), code(&checked)))
}

/// As `up` would have ended: what is missing before it comes first.
fn code(checked: &[Checked]) -> u8 {
    let failed = |when: When| {
        checked.iter().any(|one| one.required && one.when == when && one.outcome == Outcome::Failed)
    };
    if failed(When::Before) {
        Kind::Prerequisite.exit_code()
    } else if failed(When::After) {
        Kind::Service.exit_code()
    } else {
        0
    }
}

fn listing(checked: &[Checked]) -> Listing {
    let result = |one: &Checked| match (one.outcome, one.required) {
        (Outcome::Done, _) => "passed",
        (Outcome::Skipped, _) => "skipped",
        (_, true) => "failed",
        (_, false) => "missing",
    };
    let from = |one: &Checked| if one.from == From::Cluster { "cluster" } else { "host" };
    let rows = checked.iter().map(|one| {
        let took = format!("{} ms", one.took.as_millis());
        [&one.name, result(one), from(one), &one.what, &took, &one.said].map(str::to_owned).to_vec()
    });
    let json = checked.iter().map(|one| {
        json!({
            "name": one.name, "result": result(one), "required": one.required, "from": from(one),
            "when": if one.when == When::Before { "before" } else { "after" },
            "what": one.what, "said": one.said,
            "took_ms": u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX), "finding": one.finding,
        })
    });
    Listing {
        header: vec!["CHECK", "RESULT", "FROM", "WHAT", "TOOK", "SAID"],
        rows: rows.collect(),
        nothing: "the project has no checks: write `[[check]]` into deploy.toml",
        json: json!({ "checks": json.collect::<Vec<_>>() }),
    }
}

/// Says what a Secret's key is needed for that no manifest reads.
pub(crate) fn needed_by_checks(project: &Project, secret: &ObjectName, key: &DataKey) -> Vec<String> {
    let asks = |check: &&Check| matches!(&check.probe, Probe::TcpOf { secret: s, key: k } if s == secret && k == key);
    let told = |check: &Check| format!("check {} needs it ({})", check.name, check.place);
    project.checks.iter().filter(asks).map(told).collect()
}
