//! Service → URL, the request that proves it, the forward that holds it.
//!
//! No URL is guessed from what the cluster says: one is told only after it answered a GET through the very address it
//! names. Which way leads there is found by trying, because whether a node's address can be reached depends on the
//! driver, the platform, rootless engines and VPNs, and no table of those was ever complete (minikube's own is in
//! `pkg/minikube/driver/driver.go`: `NeedsPortForward`).

mod backend;
mod blame;
pub mod candidate;
#[cfg(test)]
mod fake;
pub mod forward;
mod http;

use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::run::Run;
use crate::world::Os;
use backend::Backends;
use blame::Scene;
use blame::Trouble;
use candidate::Candidate;
use candidate::Live;
use candidate::Way;
use candidate::candidates;
use forward::Forward;
use futures::future::join_all;
use http::Answer;
use http::NoAnswer;
use http::Question;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How the cluster's node may be reached from here.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The node's address.
    pub address: Option<IpAddr>,
    /// Ports of the node that are published on this machine, and where.
    pub published: BTreeMap<u16, SocketAddr>,
}

/// A service that answered.
#[derive(Debug)]
pub struct Proved {
    /// The Service.
    pub service: ObjectName,
    /// The URL that answered.
    pub url: String,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
    /// The URL on localhost that answered too, where one was asked for and `url` is not that.
    pub local: Option<String>,
    /// What holds `local`, or `url` if there is no `local`, open: for as long as this lives.
    pub forward: Option<Forward>,
    /// What to know about the URL.
    pub note: Option<String>,
}

/// What one question said, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The Service.
    pub service: ObjectName,
    /// Its URL; `None` where only a forward reaches it.
    pub url: Option<String>,
    /// Whether it answered as expected.
    pub answers: bool,
    /// The status of the answer.
    pub status: Option<u16>,
    /// How long the answer took.
    pub took: Option<Duration>,
    /// Why it does not answer, or why there is no URL.
    pub why: Option<String>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// One try.
    limit: Duration,
    /// The longest pause between two tries.
    pause: Duration,
    /// How long the same wrong answer, or the same closed door, must last to be believed.
    settle: Duration,
}

const PACE: Pace =
    Pace { limit: Duration::from_secs(2), pause: Duration::from_secs(1), settle: Duration::from_secs(3) };

/// Asks every service that people open until it answers as expected, all at once, and tells the URLs that did.
///
/// Without `declared` services the one that is made to be opened is found among `objects`; none at all is fine.
/// Events go to [`Step::Service`], one item a service. Fails with [`Kind::Service`] and a finding for each service that
/// gave a wrong answer or none before `deadline`.
pub async fn prove(
    run: &Run,
    client: &Client,
    namespace: &Namespace,
    reach: &Reach,
    declared: &[project::Service],
    objects: &[Object],
    deadline: Instant,
) -> Result<Vec<Proved>> {
    let work = async {
        let candidates = find(client, namespace, declared, objects).await?;
        let prover = Prover { run, client, namespace, reach, objects, deadline, pace: PACE };
        prover.all(&candidates).await
    };
    run.or_stopped(work).await
}

/// Asks every service that people open once, all at once.
pub async fn ask(
    client: &Client,
    namespace: &Namespace,
    reach: &Reach,
    declared: &[project::Service],
    objects: &[Object],
) -> Result<Vec<Asked>> {
    let candidates = find(client, namespace, declared, objects).await?;
    Ok(join_all(candidates.iter().map(|candidate| once(client, namespace, reach, candidate, PACE))).await)
}

async fn find(
    client: &Client,
    namespace: &Namespace,
    declared: &[project::Service],
    objects: &[Object],
) -> Result<Vec<Candidate>> {
    let doing = || format!("cannot list the Services of namespace `{namespace}`");
    let services = Api::namespaced(client.clone(), namespace.as_str());
    let ingresses = Api::namespaced(client.clone(), namespace.as_str());
    let all = ListParams::default();
    let services = services.list(&all).await.map_err(|error| anyhow::anyhow!(backend::words(&error)));
    let mut live = Live { services: services.or_fault(Kind::Service, doing)?.items, ingresses: Vec::new() };
    if objects.iter().any(|object| object.kind() == "Ingress") {
        let found = ingresses.list(&all).await.map_err(|error| anyhow::anyhow!(backend::words(&error)));
        live.ingresses = found.or_fault(Kind::Service, || doing().replace("Services", "Ingresses"))?.items;
    }
    candidates(declared, objects, &live).map_err(|findings| {
        Fault::message(Kind::Service, "what is to be opened is not there").findings(findings)
    })
}

/// What one try said.
enum Said {
    Right(Answer),
    NotYet(Trouble),
    Wrong(Trouble),
    Unreachable(String),
}

async fn say(candidate: &Candidate, question: &Question, pace: Pace) -> Said {
    let expect = &candidate.expect;
    let as_it_is =
        expect.contains.is_none() && expect.status.is_none_or(|status| (300..400).contains(&status));
    let answer = if as_it_is {
        http::get(question, pace.limit).await
    } else {
        http::get_following(question, pace.limit).await
    };
    match answer {
        Ok(answer) => match wrong(&answer, expect) {
            None => Said::Right(answer),
            Some(why) => {
                // What proxies, kube-proxy and an ingress controller say of an application that is still coming up.
                let not_yet =
                    matches!(answer.status, 502..=504) || answer.status == 404 && candidate.ingress.is_some();
                let trouble = Trouble::Wrong(answer, why);
                if not_yet { Said::NotYet(trouble) } else { Said::Wrong(trouble) }
            }
        },
        Err(NoAnswer::Unreachable(why)) => Said::Unreachable(why),
        Err(garbled @ NoAnswer::Garbled(_)) => Said::Wrong(Trouble::None(garbled)),
        Err(none) => Said::NotYet(Trouble::None(none)),
    }
}

/// Why an answer is not the expected one.
fn wrong(answer: &Answer, expect: &Expect) -> Option<String> {
    let status = answer.status;
    match expect.status {
        Some(wanted) if wanted != status => return Some(format!("answers {status} instead of {wanted}")),
        None if status >= 500 => return Some(format!("answers {status}")),
        _ => {}
    }
    let missing = expect.contains.as_ref().filter(|text| !answer.body.contains(text.as_str()))?;
    Some(format!("answers {status}, but without `{missing}`"))
}

struct Prover<'a> {
    run: &'a Run,
    client: &'a Client,
    namespace: &'a Namespace,
    reach: &'a Reach,
    objects: &'a [Object],
    deadline: Instant,
    pace: Pace,
}

/// Where asking one way ends.
enum End {
    Answered(Answer),
    NextWay(String),
    Failed(Trouble),
}

impl Prover<'_> {
    async fn all(&self, candidates: &[Candidate]) -> Result<Vec<Proved>> {
        let mut proved = Vec::new();
        let mut findings = Vec::new();
        for result in join_all(candidates.iter().map(|candidate| self.one(candidate))).await {
            match result {
                Ok(one) => proved.push(one),
                Err(finding) => findings.push(finding),
            }
        }
        if findings.is_empty() {
            return Ok(proved);
        }
        Err(Fault::message(Kind::Service, "the application does not answer as expected").findings(findings))
    }

    async fn one(&self, candidate: &Candidate) -> Result<Proved, Finding> {
        let item = self.run.sink.item(Step::Service, candidate.service.as_str());
        let ways = candidate.ways(self.reach);
        let mut detours = Vec::new();
        for (index, way) in ways.iter().enumerate() {
            let forward = match way {
                Way::Forward => Some(self.forward(candidate).await?),
                _ => None,
            };
            let question = match (&forward, way.question()) {
                (Some(forward), _) => here(candidate, forward),
                (None, Some(question)) => question.clone(),
                (None, None) => continue,
            };
            match self.until(&item, candidate, &question, index + 1 == ways.len()).await {
                End::Answered(answer) => {
                    let proved = self.local(&item, candidate, way, question, answer, forward).await?;
                    let took = proved.took.as_millis();
                    let detail = format!("{} answered {} in {took} ms", proved.url, proved.status);
                    item.finish(Outcome::Done, Some(detail));
                    return Ok(proved);
                }
                End::NextWay(why) => detours.push(format!("{} {why}", question.url())),
                End::Failed(trouble) => {
                    return Err(self.blame(candidate, &question, &trouble, forward.as_ref(), detours).await);
                }
            }
        }
        Err(Finding::error("there is no way to it").about(format!("Service/{}", candidate.service)))
    }

    /// Asks one way until it answers as expected, is known to lead nowhere, gives a wrong answer for good, or time is up.
    async fn until(&self, item: &OpenItem, candidate: &Candidate, question: &Question, last: bool) -> End {
        let mut pause = self.pace.pause / 16;
        let mut same: Option<(String, Instant)> = None;
        loop {
            let said = say(candidate, question, self.pace).await;
            let now = Instant::now();
            let mut lasts = |words: &str| match &same {
                Some((before, since)) if before == words => now - *since,
                _ => {
                    same = Some((words.to_owned(), now));
                    Duration::ZERO
                }
            };
            let trouble = match said {
                Said::Right(answer) => return End::Answered(answer),
                Said::Unreachable(why) if !last => {
                    return End::NextWay(NoAnswer::Unreachable(why).to_string());
                }
                Said::Unreachable(why) => Trouble::None(NoAnswer::Unreachable(why)),
                Said::Wrong(trouble) => {
                    if lasts(&trouble.words()) >= self.pace.settle {
                        return End::Failed(trouble);
                    }
                    trouble
                }
                Said::NotYet(trouble) => {
                    let closed = matches!(trouble, Trouble::None(NoAnswer::Refused | NoAnswer::Closed));
                    let settled = lasts(&trouble.words()) >= self.pace.settle;
                    let ready = self.backends(candidate).await.map_or(0, |backends| backends.ready);
                    // The application is there, but this door stays shut: another machine's, or a firewall's.
                    if closed && settled && !last && ready > 0 {
                        return End::NextWay(trouble.words());
                    }
                    trouble
                }
            };
            if Instant::now() + pause >= self.deadline {
                return End::Failed(trouble);
            }
            item.waiting(format!("{} {}", question.url(), trouble.words()));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.pace.pause);
        }
    }

    /// Adds the address on localhost that was asked for, proved as well.
    async fn local(
        &self,
        item: &OpenItem,
        candidate: &Candidate,
        way: &Way,
        question: Question,
        answer: Answer,
        forward: Option<Forward>,
    ) -> Result<Proved, Finding> {
        let mut notes = Vec::new();
        let mut proved = Proved {
            service: candidate.service.clone(),
            url: question.url(),
            status: answer.status,
            took: answer.took,
            local: None,
            forward,
            note: None,
        };
        let there = candidate.local_port.filter(|port| {
            matches!(way, Way::Published(at) if at.connect.ends_with(&format!(":{port}")))
                || *way == Way::Forward
        });
        if candidate.local_port.is_some() && there.is_none() {
            let forward = self.forward(candidate).await?;
            let local = here(candidate, &forward);
            match self.until(item, candidate, &local, true).await {
                End::Answered(_) => proved.local = Some(local.url()),
                End::NextWay(why) => notes.push(format!("{} {why}", local.url())),
                End::Failed(trouble) => {
                    return Err(self.blame(candidate, &local, &trouble, Some(&forward), Vec::new()).await);
                }
            }
            proved.forward = Some(forward);
        }
        if let Some(forward) = &proved.forward {
            if let Some(missed) = forward.missed() {
                notes.push(format!("port {missed} is taken, so it is {}", forward.address().port()));
            }
            let held = proved.local.as_ref().unwrap_or(&proved.url);
            notes.push(format!("{held} is a forward: it lasts as long as this command runs"));
        }
        if let (Some(front), Way::Forward) = (&candidate.ingress, way) {
            notes.push(format!(
                "the Ingress `{}` cannot be reached from here; this leads past it",
                front.name
            ));
        }
        notes.extend(hosts_line(candidate, &question, self.run.world.os).await);
        if question.tls {
            notes.push("its certificate was not checked".to_owned());
        }
        proved.note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(proved)
    }

    async fn forward(&self, candidate: &Candidate) -> Result<Forward, Finding> {
        let port = candidate.port.name.as_deref();
        Forward::open(self.client, self.namespace, &candidate.service, port, candidate.local_port).await.map_err(
            |error| {
                Finding::error(format!("cannot listen on 127.0.0.1: {error}"))
                    .about(format!("Service/{}", candidate.service))
                    .mend("is a firewall or a sandbox in the way? Every port from the wanted one upwards was tried")
            },
        )
    }

    async fn backends(&self, candidate: &Candidate) -> Option<Backends> {
        let port = candidate.port.name.as_deref();
        backend::look(self.client, self.namespace, &candidate.service, port).await.ok()
    }

    async fn blame(
        &self,
        candidate: &Candidate,
        question: &Question,
        trouble: &Trouble,
        forward: Option<&Forward>,
        detours: Vec<String>,
    ) -> Finding {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), self.namespace.as_str());
        let pods = pods.list(&ListParams::default().limit(500)).await;
        let scene = Scene {
            backends: self.backends(candidate).await,
            pods: pods.map(|list| list.items).unwrap_or_default(),
            forward: forward.and_then(Forward::trouble),
            detours,
        };
        blame::finding(candidate, question, trouble, &scene, self.objects)
    }
}

fn here(candidate: &Candidate, forward: &Forward) -> Question {
    candidate.question(&forward.address().ip().to_string(), forward.address().port())
}

/// What to write where, if the host of an Ingress is known to nobody but us.
async fn hosts_line(candidate: &Candidate, question: &Question, os: Os) -> Option<String> {
    let host = candidate.ingress.as_ref()?.host.as_ref()?;
    if question.authority.split(':').next() != Some(host) {
        return None;
    }
    let (address, _) = question.connect.rsplit_once(':')?;
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let known = tokio::net::lookup_host((host.as_str(), 80)).await;
    if known.is_ok_and(|mut known| known.any(|found| found.ip() == address)) {
        return None;
    }
    let file = if os == Os::Windows { r"C:\Windows\System32\drivers\etc\hosts" } else { "/etc/hosts" };
    Some(format!("browsers find {host} once `{address} {host}` is a line of {file}"))
}

async fn once(
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
                let why = forward.is_some().then(|| "only a forward reaches it: `todo forward`".to_owned());
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

#[cfg(test)]
mod tests;
