//! What to try again, for how long, and visibly.
//!
//! Not in the client, whose own retries are silent and last minutes: the user sees why a run waits. A decided refusal
//! (validation, a policy, a missing right) is never retried.

use crate::cluster::conflict;
use crate::cluster::refusal;
use crate::cluster::wire::Failure;
use crate::manifest::ObjectId;
use kube::core::Status;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long an unreachable API server is waited for: a restart takes about half of it.
const UNREACHABLE: Duration = Duration::from_secs(60);

/// How long anything else that passes by itself is waited for.
const PASSING: Duration = Duration::from_secs(30);

/// Time limit for a webhook of the set to answer: the same run creates its pods.
const OWN_WEBHOOK: Duration = Duration::from_secs(4 * 60);

/// The Services of the set, by namespace and name: their pods may still be starting.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpectedObjects(BTreeSet<(String, String)>);

impl ExpectedObjects {
    /// Those among the objects of a set.
    pub(crate) fn among<'a>(ids: impl IntoIterator<Item = &'a ObjectId>) -> ExpectedObjects {
        let services = ids.into_iter().filter(|id| id.kind == "Service" && id.group.is_empty());
        ExpectedObjects(
            services.map(|id| (id.namespace.clone().unwrap_or_default(), id.name.clone())).collect(),
        )
    }

    /// Whether a webhook behind one of them did not answer.
    pub(crate) fn explain(&self, failure: &Failure) -> bool {
        failure.status().and_then(unanswered).is_some_and(|service| self.0.contains(&service))
    }

    /// As [`time_limit`], longer for such a webhook.
    pub(crate) fn time_limit(&self, failure: &Failure) -> Option<Duration> {
        let time_limit = time_limit(failure)?;
        Some(if self.explain(failure) { OWN_WEBHOOK } else { time_limit })
    }
}

/// The namespace and name of the Service of a webhook that could not be called.
///
/// `failed calling webhook "…": failed to call webhook: Post "https://hook.shop.svc:443/…": …` (apiserver:
/// `pkg/admission/plugin/webhook/errors`), and for conversions `conversion webhook for … failed: Post "…": …`.
fn unanswered(status: &Status) -> Option<(String, String)> {
    let message = status.message.as_str();
    if !message.contains("failed calling webhook") && !message.contains("conversion webhook for ") {
        return None;
    }
    let (host, _) = message.split_once("https://")?.1.split_once(".svc")?;
    let (name, namespace) = host.split_once('.')?;
    Some((namespace.to_owned(), name.to_owned()))
}

/// How long to retry after such a failure; `None` if it is permanent.
pub(crate) fn time_limit(failure: &Failure) -> Option<Duration> {
    let Failure::Refused(status) = failure else { return Some(UNREACHABLE) };
    let says = |words: &str| status.message.contains(words);
    if says("denied the request")
        || refusal::is_malformed(status)
        || matches!(status.code, 400 | 401 | 404 | 405 | 410 | 413 | 415 | 422)
    {
        return None;
    }
    match status.code {
        429 | 502..=504 => Some(UNREACHABLE),
        409 => (conflict::conflicts(status).is_empty() && !status.is_already_exists()).then_some(PASSING),
        // `Operation cannot be fulfilled on resourcequotas "…"` comes as a 403 or 409 (kubernetes#67761).
        403 => says("Operation cannot be fulfilled on resourcequotas").then_some(PASSING),
        500.. => Some(PASSING),
        _ => None,
    }
}

/// Does `work` until it succeeds, fails for good, or has been tried for as long as its failure deserves.
pub(crate) async fn retry<T, F>(tell: impl Fn(String), work: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    retry_for(time_limit, tell, work).await
}

/// As [`retry`], with the caller's own time limits.
pub(crate) async fn retry_for<T, F>(
    time_limit: impl Fn(&Failure) -> Option<Duration>,
    on_waiting: impl Fn(String),
    mut work: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let began = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        let failure = match work().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let Some(time_limit) = time_limit(&failure) else { return Err(failure) };
        let asked = failure.status().and_then(|status| status.details.as_ref());
        let asked =
            asked.map_or(Duration::ZERO, |details| Duration::from_secs(details.retry_after_seconds.into()));
        let next = pause.max(asked);
        if began.elapsed() + next > time_limit {
            return Err(failure);
        }
        on_waiting(format!("{failure}; trying again"));
        tokio::time::sleep(next).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::ExpectedObjects;
    use super::retry;
    use super::time_limit;
    use crate::cluster::wire::Failure;
    use kube::core::Status;
    use std::cell::Cell;

    fn refused(code: u16, message: &str) -> Failure {
        Failure::Refused(Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn what_somebody_decided_is_not_tried_again() {
        for (code, message, again) in [
            (429, "too many requests", true),
            (503, "apiserver is starting", true),
            (500, "Internal error occurred: failed calling webhook \"a\": connection refused", true),
            (500, "etcdserver: leader changed", true),
            (409, "the object has been modified", true),
            (403, "Operation cannot be fulfilled on resourcequotas \"q\"", true),
            (403, "exceeded quota: q", false),
            (403, "admission webhook \"a\" denied the request: no", false),
            (500, "admission webhook \"a\" denied the request: no", false),
            (500, "failed to create typed patch object: .spec.x: field not declared in schema", false),
            (400, "strict decoding error", false),
            (401, "Unauthorized", false),
            (422, "is invalid", false),
        ] {
            assert_eq!(time_limit(&refused(code, message)).is_some(), again, "{code} {message}");
        }
        assert!(time_limit(&Failure::Unreachable("connection refused".into())).is_some());
    }

    #[test]
    fn a_webhook_of_the_set_is_given_the_time_its_pods_need() {
        let id = |kind: &str| crate::manifest::ObjectId {
            group: String::new(),
            kind: kind.into(),
            namespace: Some("shop".into()),
            name: "hook".into(),
        };
        let ours = ExpectedObjects::among(&[id("Service"), id("ConfigMap")]);
        let of = |service: &str| {
            let message = format!(
                "Internal error occurred: failed calling webhook \"a.b\": failed to call webhook: \
                 Post \"https://{service}.svc:443/validate?timeout=10s\": no endpoints available"
            );
            ours.time_limit(&refused(500, &message)).unwrap().as_secs()
        };
        assert_eq!((of("hook.shop"), of("hook.other"), of("other.shop")), (240, 30, 30));
        let conversion =
            "conversion webhook for a.b/v1, Kind=C failed: Post \"https://hook.shop.svc:443/c\": EOF";
        assert_eq!(ours.time_limit(&refused(500, conversion)).unwrap().as_secs(), 240);
        let denied = "admission webhook \"https://hook.shop.svc\" denied the request: no";
        assert_eq!(ours.time_limit(&refused(500, denied)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_back_is_waited_for_and_one_that_does_not_is_given_up() {
        let (tries, reports) = (Cell::new(0), Cell::new(0));
        let done = retry(
            |_| reports.set(reports.get() + 1),
            || {
                tries.set(tries.get() + 1);
                let count = tries.get();
                async move { if count < 4 { Err(Failure::Unreachable("refused".into())) } else { Ok(count) } }
            },
        )
        .await;
        assert_eq!((done.unwrap(), reports.get()), (4, 3));

        let began = tokio::time::Instant::now();
        let given_up: Result<(), _> =
            retry(|_| {}, || async { Err(Failure::Unreachable("refused".into())) }).await;
        assert!(given_up.is_err());
        assert!((50..=60).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}
