//! Requests one service once, for `status`.

use super::Attempt;
use super::NodeNetwork;
use super::ServiceAnswer;
use super::TimeLimits;
use super::backend;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::candidate::Route;
use super::detached::ForwardRecord;
use super::forward::Forward;
use super::http::NoAnswer;
use super::http::Question;
use super::request;
use crate::project::name::Namespace;
use kube::Client;
use tokio::time::Instant;

/// Tries each route once, until one answers.
pub(super) async fn once(
    client: &Client,
    namespace: &Namespace,
    reach: &NodeNetwork,
    candidate: &Candidate,
    forwards: &[ForwardRecord],
    limits: TimeLimits,
) -> ServiceAnswer {
    let held = forwards.iter().find(|record| record.spec.opens == candidate.service);
    let mut asked = ServiceAnswer {
        service: candidate.service.clone(),
        url: None,
        answers: false,
        status: None,
        took: None,
        why: None,
    };
    for route in candidate.routes(reach) {
        let forward = match route {
            // `status` reports only that a forward is needed; `up` determines which one.
            Route::Controller => continue,
            Route::Forward if held.is_some() => None,
            Route::Forward => {
                let port = candidate.port.name.as_deref();
                Forward::open(client, namespace, &candidate.service, port, None).await.ok()
            }
            _ => None,
        };
        let question = match (&forward, held, route.question()) {
            (Some(forward), ..) => candidate.forwarded(forward.address()),
            (None, _, Some(question)) => question.clone(),
            (None, Some(held), None) => through(candidate, held),
            (None, None, None) => break,
        };
        let waits = forward.is_none()
            && !(reach.unrouted.is_some()
                && reach.address.is_some_and(|at| question.host() == at.to_string()));
        let (question, result) = if waits {
            asked_for_a_moment(client, namespace, candidate, &question, limits).await
        } else {
            request(candidate, &question, limits).await
        };
        let url = forward.is_none().then(|| question.url());
        let (answer, why) = match result {
            Attempt::Right(answer) => {
                let only = || match (&asked.url, &asked.why) {
                    (Some(url), Some(why)) => format!("{url} {why}; only a forward reaches it"),
                    _ => "only a port-forward reaches it: `todo up` makes one".to_owned(),
                };
                let why = forward.is_some().then(only);
                (Some((answer, true)), why)
            }
            Attempt::NotYet(Unreachable::Wrong(answer, why))
            | Attempt::Wrong(Unreachable::Wrong(answer, why)) => (Some((answer, false)), Some(why)),
            Attempt::NotYet(Unreachable::None(none)) | Attempt::Wrong(Unreachable::None(none)) => {
                (None, Some(none.to_string()))
            }
            Attempt::Unreachable(why) => (None, Some(NoAnswer::Unreachable(why).to_string())),
        };
        let reached = answer.is_some();
        // An address that answers is the URL; else the first that should have.
        if reached || asked.why.is_none() {
            asked.url = if reached { url } else { asked.url.or(url) };
            asked.status = answer.as_ref().map(|(answer, _)| answer.status);
            asked.took = answer.as_ref().map(|(answer, _)| answer.took);
            asked.answers = answer.is_some_and(|(_, right)| right);
            asked.why = why;
        }
        if reached {
            break;
        }
    }
    if asked.status.is_none() {
        let port = candidate.port.name.as_deref();
        let backends = backend::inspect(client, namespace, &candidate.service, port).await.ok();
        if let Some(none) = backends.filter(|backends| backends.ready == 0) {
            asked.why = Some(none.why_none());
        }
    }
    asked
}

/// Requests one address, and repeats for a moment while it accepts no connections although a pod is ready: its pods
/// may just have been replaced.
async fn asked_for_a_moment(
    client: &Client,
    namespace: &Namespace,
    candidate: &Candidate,
    question: &Question,
    pace: TimeLimits,
) -> (Question, Attempt) {
    let until = Instant::now() + pace.stable_for;
    loop {
        let (asked, result) = request(candidate, question, pace).await;
        let shut = matches!(&result, Attempt::NotYet(Unreachable::None(none)) if none.is_like_a_rollout());
        if !shut || Instant::now() >= until {
            return (asked, result);
        }
        let port = candidate.port.name.as_deref();
        let backends = backend::inspect(client, namespace, &candidate.service, port).await;
        if backends.is_ok_and(|backends| backends.ready == 0) {
            return (asked, result);
        }
        tokio::time::sleep(pace.pause / 4).await;
    }
}

/// A candidate through a forward that runs: to the controller of its Ingress, or to itself.
fn through(candidate: &Candidate, held: &ForwardRecord) -> Question {
    match &candidate.ingress {
        Some(front) if held.spec.service != candidate.service => candidate.through(front, held.address),
        _ => candidate.forwarded(held.address),
    }
}
