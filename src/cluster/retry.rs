//! What to try again, for how long, and visibly.
//!
//! Not in the client, whose own retries are silent and last minutes: whoever waits is told why. A refusal that somebody
//! decided (validation, a policy, a missing right) is never tried again.

use crate::cluster::conflict;
use crate::cluster::refusal;
use crate::cluster::wire::Failure;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long an API server that cannot be reached is waited for: a restart takes about half of it.
const UNREACHABLE: Duration = Duration::from_secs(60);

/// How long anything else that passes by itself is waited for.
const PASSING: Duration = Duration::from_secs(30);

/// How long to go on trying after such a failure; `None` if it will not pass by itself.
pub(crate) fn patience(failure: &Failure) -> Option<Duration> {
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
pub(crate) async fn persist<T, F>(tell: impl Fn(String), mut work: impl FnMut() -> F) -> Result<T, Failure>
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
        let Some(patience) = patience(&failure) else { return Err(failure) };
        let asked = failure.status().and_then(|status| status.details.as_ref());
        let asked =
            asked.map_or(Duration::ZERO, |details| Duration::from_secs(details.retry_after_seconds.into()));
        let next = pause.max(asked);
        if began.elapsed() + next > patience {
            return Err(failure);
        }
        tell(format!("{failure}; trying again"));
        tokio::time::sleep(next).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::patience;
    use super::persist;
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
            assert_eq!(patience(&refused(code, message)).is_some(), again, "{code} {message}");
        }
        assert!(patience(&Failure::Unreachable("connection refused".into())).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_back_is_waited_for_and_one_that_does_not_is_given_up() {
        let (tries, told) = (Cell::new(0), Cell::new(0));
        let done = persist(
            |_| told.set(told.get() + 1),
            || {
                tries.set(tries.get() + 1);
                let count = tries.get();
                async move { if count < 4 { Err(Failure::Unreachable("refused".into())) } else { Ok(count) } }
            },
        )
        .await;
        assert_eq!((done.unwrap(), told.get()), (4, 3));

        let began = tokio::time::Instant::now();
        let given_up: Result<(), _> =
            persist(|_| {}, || async { Err(Failure::Unreachable("refused".into())) }).await;
        assert!(given_up.is_err());
        assert!((50..=60).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}
