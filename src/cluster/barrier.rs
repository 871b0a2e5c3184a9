//! What must exist, or be deleted, before the next objects can be written.
//!
//! Each wait is for one precise fact, seen by a watch: a namespace deleted, a kind served, a webhook's endpoints
//! ready.

use crate::cluster::applied::Applied;
use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::refusals;
use crate::cluster::gone::gone;
use crate::cluster::gone::stuck;
use crate::cluster::inventory::MADE_BY;
use crate::cluster::kind;
use crate::cluster::phase::Phase;
use crate::cluster::phase::phase;
use crate::cluster::planned::PlannedAction;
use crate::cluster::planned::PlannedWrite;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::retry::time_limit;
use crate::cluster::rollout;
use crate::cluster::survey::Desired;
use crate::cluster::survey::Survey;
use crate::cluster::target::Target;
use crate::cluster::until::until;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::run::Run;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// Time limit for a CRD until it is served.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// Time limit for the ServiceAccount `default` of a new namespace; pods created before it exists are refused.
const ACCOUNT: Duration = Duration::from_secs(10);

/// Time limit for the endpoints of a webhook of the set.
const ENDPOINTS: Duration = Duration::from_secs(3 * 60);

/// Creates the target's namespace, with the annotation that we created it.
pub(crate) async fn make_namespace(run: &Run, wire: &Wire, target: &Target) -> fault::Result<()> {
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": target.namespace.as_str(), "annotations": {MADE_BY: target.project.as_str()}},
    });
    let kind = kind::core("Namespace");
    let waiting = || report_waiting(run, Step::Apply, "namespace");
    // Created, not applied: a namespace that exists after all belongs to another client and gets no label of ours.
    retry(waiting(), || async {
        match wire.create(&kind, None, &body, false).await {
            Err(failure) if failure.is_there() => Ok(()),
            made => made.map(drop),
        }
    })
    .await
    .map_err(|failure| unreadable(failure, "cannot make the namespace"))?;
    let accounts = kind::core("ServiceAccount");
    until(wire, &accounts, Some(target.namespace.as_str()), "default", ACCOUNT, |seen| seen.is_some())
        .await
        .map_err(|failure| unreadable(failure, "cannot use the new namespace"))?;
    Ok(())
}

/// Waits for namespaces that are being deleted, for each at most for `limit`. Returns whether there was one.
pub(crate) async fn wait_for_dying_namespaces(
    run: &Run,
    target: &Target,
    desired: &[Desired],
    survey: &Survey,
    limit: Duration,
) -> fault::Result<bool> {
    let wire = target.wire();
    let live = desired.iter().filter(|w| w.id.kind == "Namespace").filter_map(|w| survey.live(&w.id));
    let mut dying: Vec<&Value> = live
        .chain(survey.namespace.as_ref())
        .filter(|namespace| !namespace["metadata"]["deletionTimestamp"].is_null())
        .collect();
    dying.dedup_by_key(|namespace| uid_of(namespace));
    for namespace in &dying {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        let waiting = report_waiting(run, Step::Apply, &format!("Namespace/{name}"));
        waiting("it is being deleted".to_owned());
        let id = ObjectId {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let left = gone(&wire, &kind::core("Namespace"), &id, uid_of(namespace), limit, waiting)
            .await
            .map_err(|failure| unreadable(failure, "cannot wait for a namespace that is being deleted"))?;
        if let Some(seen) = left {
            let message = format!("the namespace `{name}` is stuck in deletion");
            return Err(Code::DeletionStuck
                .fault(fault::FaultKind::Apply, message)
                .findings([stuck(&id, &seen)])
                .hint("run `todo up` again when it is gone"));
        }
    }
    Ok(!dying.is_empty())
}

/// Waits until the CRDs that were written are established and their kinds are served.
pub(crate) async fn barrier(run: &Run, wire: &Wire, applied: &Applied) -> fault::Result<()> {
    for object in applied.objects.iter().filter(|o| o.outcome != Outcome::Unchanged) {
        if object.id.kind != "CustomResourceDefinition" {
            continue;
        }
        let kind = kind::well_known(&object.id.group, "v1", &object.id.kind);
        let Some(kind) = kind else { continue };
        report_waiting(run, Step::Apply, &object.id.to_string())("until its kind is served".to_owned());
        let established = |seen: Option<&Value>| {
            let conditions = seen.and_then(|seen| seen["status"]["conditions"].as_array());
            conditions
                .is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
        };
        let (seen, ok) = until(wire, &kind, None, &object.id.name, ESTABLISHED, established)
            .await
            .map_err(|failure| unreadable(failure, "cannot wait for a CRD"))?;
        if !ok {
            let conditions = seen.map_or(Value::Null, |seen| seen["status"]["conditions"].clone());
            let why = conditions
                .as_array()
                .into_iter()
                .flatten()
                .filter(|c| c["status"] == "False")
                .filter_map(|c| c["message"].as_str().map(str::to_owned));
            let finding = Code::CrdNotEstablished
                .error("the API server does not serve its kind")
                .about(object.id.to_string())
                .at(object.object.place.clone())
                .evidence(why)
                .help("correct its names and versions");
            return Err(refusals(vec![finding], applied.objects.len()));
        }
        served(wire, &object.object).await?;
    }
    Ok(())
}

/// Waits until every version of a CRD is listed: `Established` is set a moment before it is served.
async fn served(wire: &Wire, crd: &manifest::Object) -> fault::Result<()> {
    for kind in kind::defined(std::slice::from_ref(crd)) {
        let end = tokio::time::Instant::now() + ACCOUNT;
        while let Err(failure) = wire.list(&kind, None, "").await {
            let passes = failure.is_absent() || time_limit(&failure).is_some();
            if !passes || tokio::time::Instant::now() > end {
                return Err(unreadable(failure, "cannot use the kind of a new CRD"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// Waits until those of the applied objects that are meant are healthy.
pub(crate) async fn healthy(
    run: &Run,
    target: &Target,
    applied: &Applied,
    meant: impl Fn(&ObjectId) -> bool,
) -> fault::Result<()> {
    let objects: Vec<AppliedObject> =
        applied.objects.iter().filter(|object| meant(&object.id)).cloned().collect();
    if objects.is_empty() {
        return Ok(());
    }
    rollout::watch(run, target, &objects, &applied.options.limits).await.map(drop)
}

/// Waits until the operators of the set have registered the kinds of `later`; an operator that fails ends the wait.
pub(crate) async fn brought(
    run: &Run,
    target: &Target,
    later: &[manifest::Object],
    applied: &Applied,
) -> fault::Result<()> {
    let wire = target.wire();
    let served = async {
        for object in later {
            let item = object.id().to_string();
            report_waiting(run, Step::Apply, &item)("until its CRD is registered".to_owned());
            let version = object.api_version().rsplit('/').next().unwrap_or_default();
            while retry(report_waiting(run, Step::Apply, &item), || {
                kind::discover(&wire, object.group(), version, object.kind())
            })
            .await
            .map_err(|failure| unreadable(failure, "cannot ask the API server for its kinds"))?
            .is_none()
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    };
    let missing = async {
        healthy(run, target, applied, |id| phase(&id.group, &id.kind) == Phase::Workloads).await?;
        tokio::time::sleep(ESTABLISHED).await;
        let findings = later.iter().map(|object| {
            let message = format!(
                "no CRD provides kind `{}` in `{}`, though every workload of the project is healthy",
                object.kind(),
                object.api_version()
            );
            Code::KindUnknown.error(message)
                .about(object.id().to_string())
                .at(object.place_of("/kind").clone())
                .help("look at the operator's log, correct `apiVersion` and `kind`, or add the CRD to the manifests")
        });
        Err(refusals(findings.collect(), applied.objects.len() + later.len()))
    };
    tokio::select! {
        done = served => done,
        fault = missing => fault,
    }
}

/// Waits for the pods behind the webhooks of the set: one whose failure policy is `Fail` and that has none blocks all
/// later writes.
pub(crate) async fn endpoints(run: &Run, wire: &Wire, these: &[PlannedWrite]) -> fault::Result<()> {
    let hooks = these.iter().filter(|item| item.desired.phase == Phase::Admission);
    for one in hooks.filter(|hook| !matches!(hook.todo, PlannedAction::Keep { .. } | PlannedAction::Expired))
    {
        let value = &one.body;
        let hooks =
            value["webhooks"].as_array().into_iter().flatten().map(|hook| &hook["clientConfig"]["service"]);
        for service in hooks.chain([&value["spec"]["service"]]) {
            let (Some(name), Some(namespace)) = (service["name"].as_str(), service["namespace"].as_str())
            else {
                continue;
            };
            report_waiting(run, Step::Apply, &one.desired.id.to_string())(format!(
                "until Service/{name} has endpoints"
            ));
            let ready = |seen: Option<&Value>| {
                seen.is_some_and(|seen| {
                    let subsets = seen["subsets"].as_array();
                    subsets.is_some_and(|all| {
                        all.iter().any(|s| s["addresses"].as_array().is_some_and(|a| !a.is_empty()))
                    })
                })
            };
            let (_, ok) = until(wire, &kind::core("Endpoints"), Some(namespace), name, ENDPOINTS, ready)
                .await
                .map_err(|failure| unreadable(failure, "cannot wait for a webhook's endpoints"))?;
            if !ok {
                let finding = Code::WebhookNotReady
                    .error(format!("Service/{name}, which it calls, has no ready pod"))
                    .about(one.desired.id.to_string())
                    .at(one.desired.object.place.clone())
                    .help(format!("see why: `kubectl -n {namespace} get pods`"));
                return Err(refusals(vec![finding], these.len()));
            }
        }
    }
    Ok(())
}
