//! The Secrets that the project's pods may read, as the cluster has them: their values are redacted from the output.

use crate::cluster::inventory;
use crate::cluster::kind;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry_for;
use crate::cluster::retry::time_limit;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::event::Step;
use crate::fault::Result;
use crate::run::Run;
use serde_json::Value;
use std::time::Duration;

/// Types of Secrets that hold no values of programs: records of `todo` and of Helm, which are packed.
const RECORDS: [&str; 2] = ["todo.dev/", "helm.sh/release"];

/// Excludes large packed Secrets (revisions of `todo`, releases of Helm) on the server.
const SELECTOR: &str = "owner!=helm,!todo.dev/revision";

/// How long an unreachable server is retried: the request after this one reports more about it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every Secret in the project's namespaces: a pod may read any Secret of its own namespace.
pub async fn secrets(run: &Run, target: &Target, step: Step) -> Result<Vec<Value>> {
    let mut found = listed(run, target, step, target.namespace.as_str()).await?;
    let others: Vec<String> = found.iter().flat_map(inventory::other_namespaces).collect();
    for namespace in others.iter().filter(|namespace| *namespace != target.namespace.as_str()) {
        found.extend(listed(run, target, step, namespace).await?);
    }
    let is_record = |secret: &Value| {
        let kind = secret["type"].as_str().unwrap_or_default();
        RECORDS.iter().any(|record| kind.starts_with(record))
    };
    found.retain(|secret| !is_record(secret));
    Ok(found)
}

async fn listed(run: &Run, target: &Target, step: Step, namespace: &str) -> Result<Vec<Value>> {
    let (wire, kind) = (target.wire(), kind::core("Secret"));
    let waiting = report_waiting(run, step, "the Secrets");
    let short = |failure: &Failure| time_limit(failure).map(|time_limit| time_limit.min(PATIENCE));
    let secrets = retry_for(short, waiting, || wire.list(&kind, Some(namespace), SELECTOR)).await;
    let secrets =
        secrets.map_err(|failure| unreadable(failure, "cannot see which values are not to be shown"))?;
    // A list omits the kind of its items.
    Ok(secrets.into_iter().map(|secret| with_kind(secret, "Secret")).collect())
}

fn with_kind(mut object: Value, kind: &str) -> Value {
    object["kind"] = kind.into();
    object
}
