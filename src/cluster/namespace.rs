//! The contents of a namespace: it is deleted only if it was created for the project and holds no objects of other
//! owners.

use crate::cluster::inventory;
use crate::cluster::inventory::PART_OF;
use crate::cluster::kind;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Wire;
use crate::event::Step;
use crate::fault;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use kube::discovery::Discovery;
use kube::discovery::Scope;
use kube::discovery::verbs;
use serde_json::Value;

/// Every kind that can be listed; those that every cluster has if discovery fails.
pub(crate) async fn kinds(wire: &Wire) -> Vec<ApiKind> {
    match discovered(wire).await {
        Ok(discovery) => discovery
            .groups()
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .filter(|(_, capabilities)| {
                capabilities.supports_operation(verbs::LIST) && capabilities.supports_operation(verbs::DELETE)
            })
            .map(|(resource, capabilities)| ApiKind {
                resource,
                namespaced: capabilities.scope == Scope::Namespaced,
            })
            .collect(),
        Err(_) => kind::all(),
    }
}

/// Servers before 1.26 do not know the aggregated form (KEP-3352) and answer in the old one, in which it finds
/// nothing.
async fn discovered(wire: &Wire) -> kube::Result<Discovery> {
    let aggregated = Discovery::new(wire.client().clone()).run_aggregated().await?;
    if aggregated.groups().next().is_some() {
        return Ok(aggregated);
    }
    Discovery::new(wire.client().clone()).run().await
}

/// Why a namespace that we created must be kept; `None` if it may be deleted.
pub(crate) async fn why_it_stays(
    run: &Run,
    wire: &Wire,
    target: &Target,
    namespace: &Value,
    kept: &[(ObjectId, String)],
) -> fault::Result<Option<String>> {
    let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
    if name == "default" || name.starts_with("kube-") {
        return Ok(Some("it is Kubernetes' own".to_owned()));
    }
    let ours: Vec<String> = kept
        .iter()
        .filter(|(id, _)| id.namespace.as_deref() == Some(name))
        .map(|(id, _)| id.to_string())
        .collect();
    if !ours.is_empty() {
        return Ok(Some(format!("{} is kept in it", listed(&ours))));
    }
    let selector = format!("{PART_OF}!={}", target.part_of());
    let namespaced: Vec<ApiKind> = kinds(wire).await.into_iter().filter(|kind| kind.namespaced).collect();
    let found: Vec<Vec<String>> = stream::iter(namespaced)
        .map(|kind| {
            let selector = &selector;
            async move {
                let waiting = report_waiting(run, Step::Remove, name);
                match retry(waiting, || wire.list(&kind, Some(name), selector)).await {
                    Ok(objects) => Ok(objects
                        .iter()
                        .filter(|object| !is_furniture(target, object))
                        .map(|object| {
                            let name = object["metadata"]["name"].as_str().unwrap_or_default();
                            format!("{}/{name}", kind.resource.kind)
                        })
                        .collect()),
                    Err(failure) if failure.is_absent() => Ok(Vec::new()),
                    Err(failure) => Err(failure),
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(|failure| unreadable(failure, "cannot see what else is in the namespace"))?;
    let mut theirs: Vec<String> = found.into_iter().flatten().collect();
    theirs.sort();
    Ok((!theirs.is_empty()).then(|| format!("{} in it is not of this project", listed(&theirs))))
}

fn listed(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
        [] => String::new(),
    }
}

/// Objects that every namespace has, that controllers create, and our own records.
fn is_furniture(target: &Target, object: &Value) -> bool {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    let owned = object["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    let records = inventory::name(&target.project);
    owned
        || matches!(
            (kind, name),
            ("ConfigMap", "kube-root-ca.crt" | "openshift-service-ca.crt") | ("ServiceAccount", "default")
        )
        || matches!(kind, "Event" | "Lease" | "EndpointSlice" | "Endpoints" | "PodMetrics")
        || object["type"] == "kubernetes.io/service-account-token"
        || kind == "Secret" && (name == records || name.starts_with(&format!("{records}.")))
        || !object["metadata"]["deletionTimestamp"].is_null()
}

/// Why a CRD of ours must be kept: objects of its kind that are not ours would be deleted with it.
pub(crate) async fn others_use(wire: &Wire, target: &Target, crd: &Value) -> Option<String> {
    let spec = &crd["spec"];
    let served = spec["versions"].as_array()?.iter().find(|version| version["served"] != false)?;
    let kind = kind::made(
        spec["group"].as_str()?,
        served["name"].as_str()?,
        spec["names"]["kind"].as_str()?,
        spec["names"]["plural"].as_str()?,
        spec["scope"] != "Cluster",
    );
    let selector = format!("{PART_OF}!={}", target.part_of());
    match wire.list(&kind, None, &selector).await {
        Ok(objects) if objects.is_empty() => None,
        Ok(objects) => Some(format!("{} of its objects are not of this project", objects.len())),
        Err(failure) if failure.is_absent() => None,
        Err(failure) => Some(format!("whether others use it cannot be seen: {failure}")),
    }
}
