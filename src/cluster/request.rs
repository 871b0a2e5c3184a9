//! What all requests to the API server share: how many run at once, what is reported while one is retried, and the
//! fault of one that fails.

use crate::cluster::refusal;
use crate::cluster::wire::Failure;
use crate::event::Code;
use crate::event::EventKind;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::run::Run;
use serde_json::Value;

/// How many requests run at once.
pub(crate) const AT_ONCE: usize = 12;

/// Reports why a request is retried.
pub(crate) fn report_waiting(run: &Run, step: Step, item: &str) -> impl Fn(String) + use<> {
    let (sink, item) = (run.sink.clone(), item.to_owned());
    move |why| sink.emit(EventKind::Waiting { step, item: item.clone(), why })
}

/// A fault of a request that is about no object in particular.
pub(crate) fn unreadable(failure: Failure, doing: &'static str) -> Fault {
    let remedy = failure.status().and_then(|status| refusal::remedy(status, None));
    let (code, hint) = remedy.unwrap_or_else(|| {
        let (code, hint) = match failure.status().map(|status| status.code) {
            Some(401) => (
                Code::Unauthenticated,
                "the API server does not accept the credentials: `minikube update-context -p PROFILE` writes the kubeconfig entry again",
            ),
            Some(403) => (
                Code::PermissionDenied,
                "get the right to do it: `kubectl auth can-i --list` shows what is allowed",
            ),
            Some(_) => (Code::ClusterRequestFailed, "see whether the cluster runs (`todo status`), then run it again"),
            None => (Code::ClusterUnreachable, "see whether the cluster runs (`todo status`), then run it again"),
        };
        (code, hint.to_owned())
    });
    code.caused_by(fault::FaultKind::Apply, failure).context(doing).hint(hint)
}

/// Its UID.
pub(crate) fn uid_of(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
