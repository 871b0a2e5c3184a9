//! Writes a record of ours, even if the response may be lost.
//!
//! Not for the project's objects, which are applied, and applying is idempotent. Creating twice, or replacing what
//! the same request has replaced already, conflicts with our own write; then the record is read and compared.

use crate::cluster::retry::retry;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Wire;
use serde_json::Value;

/// Creates `record`, or replaces the one whose resourceVersion it has. Returns the stored record.
pub(crate) async fn put(
    wire: &Wire,
    kind: &ApiKind,
    namespace: Option<&str>,
    record: &Value,
    on_waiting: impl Fn(String),
) -> Result<Value, Failure> {
    let replaces = !record["metadata"]["resourceVersion"].is_null();
    let written = retry(on_waiting, || async {
        let refused = if replaces {
            wire.replace(kind, namespace, record).await
        } else {
            wire.create(kind, namespace, record, false).await
        };
        match refused {
            Err(failure) if failure.is_conflict() || failure.is_there() => {
                let name = record["metadata"]["name"].as_str().unwrap_or_default();
                match wire.get(kind, namespace, name).await? {
                    Some(now) if says_the_same(&now, record) => Ok(now),
                    _ => Err(failure),
                }
            }
            other => other,
        }
    });
    written.await
}

fn says_the_same(now: &Value, record: &Value) -> bool {
    now["data"] == record["data"] && now["spec"] == record["spec"]
}
