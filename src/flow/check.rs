//! The project's own checks: as part of `todo up`, and again by `todo check`.

use crate::answer::listing::Listing;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::load::gather;
use crate::flow::reach;
use crate::flow::reach::ClusterHandle;
use crate::flow::reach::ClusterState;
use crate::go_base64;
use crate::manifest::Object;
use crate::minikube;
use crate::project::Check;
use crate::project::From;
use crate::project::Project;
use crate::project::When;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use crate::run::Run;
use crate::service::check::CheckResult;
use crate::service::check::CheckRunner;
use crate::service::check::CheckTarget;
use futures::FutureExt;
use serde_json::json;
use std::sync::Arc;

/// Checks that need only this machine and must pass before anything is done.
pub(crate) async fn early(run: &Run, project: &Project, objects: &[Object]) -> Result<()> {
    let early = |check: &&Check| check.when == When::Before && check.from == From::Host;
    part(run, project, None, objects, early).await
}

/// Checks that the node has to make, before anything is applied. If `idle` finds that nothing will be rolled out they
/// are skipped (a login to the node takes a second); returns whether they were.
pub(crate) async fn before(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    objects: &[Object],
    idle: impl Future<Output = bool>,
) -> Result<bool> {
    let checks: Vec<&Check> = project.checks.iter().filter(|check| by_node(check)).collect();
    if checks.is_empty() {
        return Ok(false);
    }
    if !idle.await {
        return part(run, project, Some(cluster), objects, |check| by_node(check)).await.map(|()| false);
    }
    let step = run.sink.step(Step::Check);
    for check in checks {
        let item = run.sink.item(Step::Check, check.name.as_str());
        item.finish(Outcome::Skipped, Some("nothing is to be rolled out".to_owned()));
    }
    step.finish(Outcome::Skipped, None);
    Ok(true)
}

fn by_node(check: &Check) -> bool {
    check.when == When::Before && check.from == From::Cluster
}

/// The findings of the skipped checks after a rollout that failed nevertheless.
pub(crate) async fn late(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    objects: &[Object],
) -> Vec<Finding> {
    let checks: Vec<&Check> = project.checks.iter().filter(|check| by_node(check)).collect();
    let checked = run_checks(run, project, Some(cluster), objects, &checks, false).await;
    checked.unwrap_or_default().into_iter().filter_map(|check| check.finding).collect()
}

/// Checks of the running application.
pub(crate) async fn after(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    objects: &[Object],
) -> Result<()> {
    part(run, project, Some(cluster), objects, |check| check.when == When::After).await
}

/// Checks of the running application after each change, for `todo watch`.
pub(crate) async fn changed(
    run: &Run,
    project: &Project,
    cluster: &ClusterHandle,
    objects: &[Object],
) -> Result<()> {
    part(run, project, Some(cluster), objects, |check| check.when == When::Change).await
}

async fn part(
    run: &Run,
    project: &Project,
    cluster: Option<&ClusterHandle>,
    objects: &[Object],
    desired: impl Fn(&&Check) -> bool,
) -> Result<()> {
    let checks: Vec<&Check> = project.checks.iter().filter(desired).collect();
    if checks.is_empty() {
        return Ok(());
    }
    let step = run.sink.step(Step::Check);
    let checked = run_checks(run, project, cluster, objects, &checks, true).await?;
    let (broken, weak): (Vec<&CheckResult>, Vec<&CheckResult>) =
        checked.iter().filter(|check| check.finding.is_some()).partition(|check| check.required);
    for finding in weak.into_iter().filter_map(|item| item.finding.clone()) {
        run.sink.warn(finding);
    }
    if broken.is_empty() {
        step.finish(Outcome::Done, Some(passed(&checked)));
        return Ok(());
    }
    let (kind, message) = match broken[0].when {
        When::Before => (FaultKind::Prerequisite, "a check that has to pass before the rollout failed"),
        When::After | When::Change => (FaultKind::Service, "a check of the application failed"),
    };
    let fault = Code::CheckFailed
        .fault(kind, message)
        .findings(broken.into_iter().filter_map(|item| item.finding.clone()));
    Err(fault.hint("`todo check` asks again; a check that the project can do without has `required = false`"))
}

fn passed(checked: &[CheckResult]) -> String {
    let passed = checked.iter().filter(|check| check.outcome == Outcome::Done).count();
    format!("{passed} of {} passed", checked.len())
}

async fn run_checks(
    run: &Run,
    project: &Project,
    cluster: Option<&ClusterHandle>,
    objects: &[Object],
    checks: &[&Check],
    patient: bool,
) -> Result<Vec<CheckResult>> {
    let profile = &project.minikube.profile;
    let inside = |script: String| {
        async move {
            let done = minikube::inside(run, profile, &script).await;
            done.map_err(|fault| fault.causes().join(": "))
        }
        .boxed()
    };
    let target = match cluster {
        Some(cluster) => Some((cluster.target(run, project).await?, &cluster.reach)),
        None => None,
    };
    let cluster = target.as_ref().map(|(target, reach)| CheckTarget {
        client: &target.client,
        namespace: &target.namespace,
        reach,
    });
    let secret = |name: &ObjectName, key: &DataKey| value(objects, name, key);
    let inside: Option<&crate::service::check::Inside<'_>> =
        if cluster.is_some() && project.elsewhere.is_none() { Some(&inside) } else { None };
    let asker = CheckRunner { run, cluster, inside, objects, secret: &secret, patient };
    Ok(asker.all(checks).await)
}

/// The value of a Secret that the project generates or writes.
fn value(objects: &[Object], name: &ObjectName, key: &DataKey) -> Option<Secret> {
    let is = |object: &&Object| {
        object.kind() == "Secret" && object.group().is_empty() && object.name() == name.as_str()
    };
    let data = &objects.iter().find(is)?.value["data"];
    let value = go_base64::decode(data[key.as_str()].as_str()?)?;
    Some(Secret::new(value)).filter(|value| !value.expose().is_empty())
}

/// `todo check`: runs all of them once, whenever `up` would run them.
pub async fn check(run: &Run, project: &Arc<Project>) -> Result<Answer> {
    let gathered = gather(run, project).await?;
    let now = reach::look_patiently(run, project).await?;
    let cluster = if let ClusterState::Running(cluster) = &now { Some(&**cluster) } else { None };
    let checks: Vec<&Check> = project.checks.iter().collect();
    let objects = &gathered.plan.objects;
    let checked = run_checks(run, project, cluster, objects, &checks, false).await?;
    for finding in checked.iter().filter_map(|check| check.finding.clone()) {
        run.sink.warn(finding);
    }
    Ok(Answer::Judged(listing(&checked), code(&checked)))
}

/// The exit code with which `up` would have ended: a missing requirement takes precedence.
fn code(checked: &[CheckResult]) -> u8 {
    let failed = |early: bool| {
        let is_meant = |check: &&CheckResult| (check.when == When::Before) == early;
        checked.iter().filter(is_meant).any(|check| check.required && check.outcome == Outcome::Failed)
    };
    if failed(true) {
        FaultKind::Prerequisite.exit_code()
    } else if failed(false) {
        FaultKind::Service.exit_code()
    } else {
        0
    }
}

fn listing(checked: &[CheckResult]) -> Listing {
    let result = |check: &CheckResult| match (check.outcome, check.required) {
        (Outcome::Done, _) => "passed",
        (Outcome::Skipped, _) => "skipped",
        (_, true) => "failed",
        (_, false) => "missing",
    };
    let from = |check: &CheckResult| if check.from == From::Cluster { "cluster" } else { "host" };
    let rows = checked.iter().map(|check| {
        let took = format!("{} ms", check.took.as_millis());
        [&check.name, result(check), from(check), &check.what, &took, &check.answer]
            .map(str::to_owned)
            .to_vec()
    });
    let json = checked.iter().map(|check| {
        json!({
            "name": check.name, "result": result(check), "required": check.required, "from": from(check),
            "when": check.when.as_str(),
            "what": check.what, "said": check.answer,
            "took_ms": u64::try_from(check.took.as_millis()).unwrap_or(u64::MAX), "finding": check.finding,
        })
    });
    Listing {
        header: vec!["CHECK", "RESULT", "FROM", "WHAT", "TOOK", "SAID"],
        rows: rows.collect(),
        below: Vec::new(),
        nothing: "the project has no checks: write `[[check]]` into deploy.toml",
        json: json!({ "checks": json.collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::before;
    use crate::docker::Address;
    use crate::event::EventKind;
    use crate::event::Outcome;
    use crate::flow::reach::ClusterHandle;
    use crate::minikube::Node;
    use crate::project::Runtime;
    use crate::project::check::sample;
    use crate::project::name::Profile;
    use crate::run::Run;
    use crate::world::World;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// A node that cannot be reached.
    fn cluster() -> ClusterHandle {
        ClusterHandle::of_node(&Node {
            profile: Profile::parse("mini").unwrap(),
            runtime: Runtime::Docker,
            docker: None,
            engines: Vec::new(),
            host: Address::Tcp("127.0.0.1:1".to_owned()),
            kubeconfig: "/nowhere/kubeconfig".into(),
            context: "mini".to_owned(),
            api: None,
            address: None,
            server: None,
            unrouted: None,
            published: BTreeMap::new(),
            started: None,
            outcome: Outcome::Unchanged,
            notes: Vec::new(),
        })
    }

    #[tokio::test]
    async fn the_node_is_asked_only_before_something_is_rolled_out() {
        let (run, mut events, _) = Run::fake(World::fake("/", [("", ""); 0]));
        let check = "[[check]]\nname = 'Ollama'\nurl = 'http://192.0.2.1:11434/'\n";
        let none = sample(Path::new("/p"), &format!("{check}from = 'host'\n"));
        let mut looked = false;
        let idle = async {
            looked = true;
            true
        };
        assert!(!before(&run, &none, &cluster(), &[], idle).await.unwrap());
        assert!(!looked, "nobody looks ahead for checks of this machine");

        let project = sample(Path::new("/p"), &format!("{check}from = 'cluster'\n"));
        assert!(before(&run, &project, &cluster(), &[], async { true }).await.unwrap());
        let reported: Vec<EventKind> =
            std::iter::from_fn(|| events.try_recv().ok()).map(|item| item.kind).collect();
        let skipped = reported.iter().any(|kind| {
            matches!(kind, EventKind::ItemFinished { item, outcome: Outcome::Skipped, detail: Some(why), .. }
                if item == "Ollama" && why == "nothing is to be rolled out")
        });
        assert!(skipped, "{reported:?}");
        assert!(before(&run, &project, &cluster(), &[], async { false }).await.is_err(), "it is asked");
    }
}
