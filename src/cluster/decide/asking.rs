//! Dry runs and other requests to the API server that write nothing.

use crate::cluster::foreign::Sets;
use crate::cluster::refusal;
use crate::cluster::request::report_waiting;
use crate::cluster::retry::ExpectedObjects;
use crate::cluster::retry::retry_for;
use crate::cluster::retry::time_limit;
use crate::cluster::survey::Desired;
use crate::cluster::target::Target;
use crate::cluster::wire::Failure;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Wire;
use crate::event::Step;
use crate::run::Run;
use serde_json::Value;

/// What a dry run on the API server needs.
pub(super) struct Asking<'a> {
    pub(super) run: &'a Run,
    pub(super) target: &'a Target,
    pub(super) sets: Sets,
    pub(super) wire: Wire,
    pub(super) expected: ExpectedObjects,
}

impl Asking<'_> {
    pub(super) async fn dry_run(&self, desired: &Desired, body: &Value, how: How) -> Result<Value, Failure> {
        let waiting = report_waiting(self.run, Step::Apply, &desired.id.to_string());
        // A webhook of the set has no pods before the set is written, so it is not waited for.
        let time_limit = |failure: &Failure| time_limit(failure).filter(|_| !self.expected.explain(failure));
        let ask = || self.wire.apply(&desired.kind, desired.namespace(), MANAGER, body, how);
        retry_for(time_limit, waiting, ask).await
    }
}

/// Whether the object itself is at fault, whatever else is in the cluster.
pub(super) fn is_final(failure: &Failure) -> bool {
    failure.status().is_some_and(|status| {
        matches!(status.code, 400 | 422) && !status.message.contains("dry run")
            || refusal::is_malformed(status)
    })
}

/// The body of the dry run while the old object still holds its ports and address.
pub(crate) fn preflight(body: &Value) -> Value {
    let mut body = body.clone();
    if body["kind"] == "Service" {
        if let Some(spec) = body["spec"].as_object_mut() {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        for port in body["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.remove("nodePort");
            }
        }
    }
    body
}
