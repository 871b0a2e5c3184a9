//! Asking one service once, for `status`.

use super::Asked;
use super::Pace;
use super::Reach;
use super::Said;
use super::backend;
use super::blame::Trouble;
use super::candidate::Candidate;
use super::candidate::Way;
use super::forward::Forward;
use super::http::NoAnswer;
use super::prover::here;
use super::say;
use crate::project::name::Namespace;
use kube::Client;

/// Tries each way once, until one leads to an answer.
pub(super) async fn once(
    client: &Client,
    namespace: &Namespace,
    reach: &Reach,
    candidate: &Candidate,
    pace: Pace,
) -> Asked {
    let mut asked = Asked {
        service: candidate.service.clone(),
        url: None,
        answers: false,
        status: None,
        took: None,
        why: None,
    };
    for way in candidate.ways(reach) {
        let forward = match way {
            // `status` says that only a forward leads there; which one is for `up`.
            Way::Controller => continue,
            Way::Forward => {
                let port = candidate.port.name.as_deref();
                Forward::open(client, namespace, &candidate.service, port, None).await.ok()
            }
            _ => None,
        };
        let question = match (&forward, way.question()) {
            (Some(forward), _) => here(candidate, forward),
            (None, Some(question)) => question.clone(),
            (None, None) => break,
        };
        let url = forward.is_none().then(|| question.url());
        let (answer, why) = match say(candidate, &question, pace).await {
            Said::Right(answer) => {
                let why = forward
                    .is_some()
                    .then(|| "only a forward reaches it: `todo up` holds one open".to_owned());
                (Some((answer, true)), why)
            }
            Said::NotYet(Trouble::Wrong(answer, why)) | Said::Wrong(Trouble::Wrong(answer, why)) => {
                (Some((answer, false)), Some(why))
            }
            Said::NotYet(Trouble::None(none)) | Said::Wrong(Trouble::None(none)) => {
                (None, Some(none.to_string()))
            }
            Said::Unreachable(why) => (None, Some(NoAnswer::Unreachable(why).to_string())),
        };
        let reached = answer.is_some();
        // An address that leads to an answer is the URL; else the first that should have.
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
        let backends = backend::look(client, namespace, &candidate.service, port).await.ok();
        if let Some(none) = backends.filter(|backends| backends.ready == 0) {
            asked.why = Some(none.why_none());
        }
    }
    asked
}
