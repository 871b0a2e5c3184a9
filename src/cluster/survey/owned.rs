//! Objects of the cluster that carry the label of a project.

use crate::cluster::request::report_waiting;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Wire;
use crate::event::Step;
use crate::manifest::ObjectId;
use crate::manifest::shared::Shared;
use crate::run::Run;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many lists run at once: each needs a connection of its own, and opening one costs both sides as much as a
/// list.
const LISTS: usize = 1;

/// An object of the cluster and how it is served.
#[derive(Debug, Clone)]
pub(crate) struct OwnedObject {
    pub(crate) kind: ApiKind,
    pub(crate) object: Shared<Value>,
}

/// The objects that carry the label of the target's project, in these kinds and their namespaces. A kind that is not
/// served has no objects.
pub(crate) async fn list(
    wire: &Wire,
    target: &Target,
    run: &Run,
    kinds: Vec<(Option<String>, ApiKind)>,
) -> Result<BTreeMap<ObjectId, OwnedObject>, Failure> {
    let selector = target.selector();
    let lists: Vec<Vec<(ObjectId, OwnedObject)>> = stream::iter(kinds)
        .map(|(namespace, kind)| {
            let selector = &selector;
            async move {
                let waiting = report_waiting(run, Step::Apply, &kind.resource.plural);
                let objects = match retry(waiting, || wire.list(&kind, namespace.as_deref(), selector)).await
                {
                    Ok(objects) => objects,
                    Err(failure) if failure.is_absent() => Vec::new(),
                    Err(failure) => return Err(failure),
                };
                Ok(objects
                    .into_iter()
                    .map(|object| (id_of(&object), OwnedObject { kind: kind.clone(), object: object.into() }))
                    .collect())
            }
        })
        .buffer_unordered(LISTS)
        .try_collect()
        .await?;
    Ok(lists.into_iter().flatten().collect())
}

/// The ID of an object of the cluster.
pub(crate) fn id_of(object: &Value) -> ObjectId {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ObjectId {
        group: object["apiVersion"]
            .as_str()
            .and_then(|version| version.split_once('/'))
            .map_or(String::new(), |(group, _)| group.to_owned()),
        kind: text(&object["kind"]),
        namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
        name: text(&object["metadata"]["name"]),
    }
}
