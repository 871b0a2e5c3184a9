//! What the tests against the API server in this process and against a real one share: objects in short, runs in one line.

use serde_json::Value;
use serde_json::json;
use std::borrow::Borrow;
use todo::cluster::Applied;
use todo::cluster::ApplyOptions;
use todo::cluster::Target;
use todo::cluster::apply;
use todo::cluster::finalize;
use todo::cluster::lock::scope;
use todo::event::Outcome;
use todo::event::Place;
use todo::fault::Fault;
use todo::manifest::Object;
use todo::run::Run;

pub(crate) fn object(value: Value) -> Object {
    Object::made(value, Place { file: "app.yaml".into(), line: 1, column: 1 })
}

pub(crate) fn config(name: &str, data: impl Borrow<Value>) -> Object {
    let data = data.borrow();
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}))
}

/// Applies and settles; returns the actions as `Created ConfigMap/a`, without unchanged objects.
pub(crate) async fn written(
    run: &Run,
    target: &Target,
    objects: &[Object],
    options: ApplyOptions,
) -> Result<Vec<String>, Fault> {
    let work = async { ended(run, target, apply(run, target, objects.to_vec(), &options).await?).await };
    scope(run, target, work).await
}

/// The end of a run: what it did as `Created ConfigMap/a`, `Pruned …`, `Kept …`.
pub(crate) async fn ended(run: &Run, target: &Target, applied: Applied) -> Result<Vec<String>, Fault> {
    let mut said: Vec<String> = applied
        .objects
        .iter()
        .filter(|o| o.outcome != Outcome::Unchanged)
        .map(|o| format!("{:?} {}", o.outcome, o.id))
        .collect();
    let settled = finalize(run, target, applied).await?;
    said.extend(settled.pruned.iter().map(|id| format!("Pruned {id}")));
    said.extend(settled.kept.iter().map(|(id, _)| format!("Kept {id}")));
    Ok(said)
}
