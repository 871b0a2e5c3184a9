//! Waiting for one object of the cluster: until it is as it should be, or gone.
//!
//! Not the rollout, which watches all objects at once and judges them. Each read is followed by a watch from the
//! version that was read, so no change is missed between the two.

use crate::cluster::retry::time_limit;
use crate::cluster::wire::ApiKind;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Wire;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks when the server does not let us watch.
const POLL: Duration = Duration::from_millis(500);

/// Waits until `fits` returns true for the object (`None`: it does not exist), at most for `limit`. Returns the last
/// state and whether it fits.
pub(crate) async fn until(
    wire: &Wire,
    kind: &ApiKind,
    namespace: Option<&str>,
    name: &str,
    limit: Duration,
    fits: impl Fn(Option<&Value>) -> bool,
) -> Result<(Option<Value>, bool), Failure> {
    let end = Instant::now() + limit;
    loop {
        let seen = match wire.get(kind, namespace, name).await {
            // A transient failure is waited for like the object itself.
            Err(failure) if time_limit(&failure).is_some() && Instant::now() < end => {
                tokio::time::sleep(POLL).await;
                continue;
            }
            seen => seen?,
        };
        if fits(seen.as_ref()) {
            return Ok((seen, true));
        }
        if Instant::now() >= end {
            return Ok((seen, false));
        }
        let version = seen
            .as_ref()
            .and_then(|object| object["metadata"]["resourceVersion"].as_str())
            .unwrap_or_default();
        let change = wire.change(kind, namespace, name, version);
        if let Ok(Err(_)) = tokio::time::timeout_at(end, change).await {
            tokio::time::sleep(POLL).await;
        }
    }
}
