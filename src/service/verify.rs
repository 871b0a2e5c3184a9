//! Requests one service until it answers: route after route, each until it is known to work or not.

use super::Attempt;
use super::VerifiedUrl;
use super::backend;
use super::blame;
use super::blame::ServiceContext;
use super::blame::Unreachable;
use super::candidate::Candidate;
use super::candidate::Route;
use super::detour::Detour;
use super::forward::Forward;
use super::hosts::HostsEntry;
use super::http;
use super::http::HttpAnswer;
use super::http::NoAnswer;
use super::http::Question;
use super::ingress;
use super::opened::Opened;
use super::opened::Wish;
use super::request;
use super::verifier::Prover;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::limit;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How many connections are made after an answer. With two pods, of which one was deleted, they miss it once in 32
/// times.
const CONNECTIONS: u32 = 5;

/// The result of trying one route, with the request that led to it.
enum RouteResult {
    Answered(HttpAnswer, Question),
    NextWay(String),
    /// With the forward that was tried for comparison.
    Failed(Unreachable, Question, Option<Forward>),
    /// With the kubelet's message about the port that refuses connections.
    Closed(Unreachable, Question, String),
}

impl Prover<'_> {
    /// Proves all at once, and finds all that do not answer.
    pub(super) async fn all(&self, candidates: &[Candidate]) -> Result<Vec<VerifiedUrl>> {
        let mut verified = Vec::new();
        let mut findings = Vec::new();
        for result in join_all(candidates.iter().map(|candidate| self.one(candidate))).await {
            match result {
                Ok(one) => verified.push(one),
                Err(finding) => findings.push(finding),
            }
        }
        if findings.is_empty() {
            return Ok(verified);
        }
        Err(Code::UrlNotAnswering
            .fault(FaultKind::Service, "the application does not answer as expected")
            .findings(findings))
    }

    async fn one(&self, candidate: &Candidate) -> Result<VerifiedUrl, Finding> {
        let item = self.run.sink.item(Step::Service, candidate.service.as_str());
        let routes = candidate.routes(self.reach);
        let mut detours = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let forward = match route {
                Route::Forward => Some(self.forward(candidate).await?),
                Route::Controller => match self.controller(candidate).await {
                    Some(forward) => Some(forward),
                    None => continue,
                },
                _ => None,
            };
            let question = match (&forward, route.question()) {
                (Some(forward), _) if *route == Route::Controller => match &candidate.ingress {
                    Some(front) => candidate.through(front, forward.address()),
                    None => continue,
                },
                (Some(forward), _) => candidate.forwarded(forward.address()),
                (None, Some(question)) => question.clone(),
                (None, None) => continue,
            };
            match self.until(&item, candidate, route, &question, &routes[index + 1..]).await {
                RouteResult::Answered(answer, question) => {
                    let mut verified = self.local(&item, candidate, route, question, answer, forward).await?;
                    let detours = detours.into_iter().map(|why| note(candidate, Code::NodeUnreachable, why));
                    verified.notes.splice(0..0, detours.collect::<Vec<_>>());
                    let took = verified.took.as_millis();
                    let detail = format!("{} answered {} in {took} ms", verified.url, verified.status);
                    item.finish(Outcome::Done, Some(detail));
                    return Ok(verified);
                }
                RouteResult::NextWay(why) => {
                    detours.push(format!("{} {why}", question.url()));
                    if let Some(forward) = forward {
                        forward.give_up().await;
                    }
                }
                RouteResult::Failed(trouble, question, tried) => {
                    let forward = forward.or(tried.map(Opened::Here));
                    let reason = forward.as_ref().and_then(Opened::last_error);
                    if let Some(forward) = forward {
                        forward.give_up().await;
                    }
                    return Err(self.blame(candidate, &question, &trouble, reason, detours).await);
                }
                RouteResult::Closed(trouble, question, reason) => {
                    if let Some(forward) = forward {
                        forward.give_up().await;
                    }
                    return Err(self.blame(candidate, &question, &trouble, Some(reason), detours).await);
                }
            }
        }
        Err(Code::ServiceUnreachable
            .error("there is no route to it")
            .about(format!("Service/{}", candidate.service)))
    }

    /// Tries one route until it answers as expected, is known not to work, gives a permanently wrong answer, or the
    /// deadline passes. `rest` are the routes after it.
    async fn until(
        &self,
        item: &OpenItem,
        candidate: &Candidate,
        route: &Route,
        question: &Question,
        rest: &[Route],
    ) -> RouteResult {
        // Earlier routes may have used up all the time.
        let deadline = self.deadline.max(Instant::now() + self.limits.stable_for);
        let mut pause = self.limits.pause / 16;
        let mut same: Option<(Unreachable, Instant)> = None;
        let mut detour = Detour::new(self, candidate, question, rest);
        let mut refused: Option<Instant> = None;
        let longest = (deadline - Instant::now()).as_secs_f64().round();
        loop {
            let (question, result) = request(candidate, question, self.limits).await;
            let now = Instant::now();
            let mut lasts = |trouble: &Unreachable| match &same {
                Some((before, since)) if trouble.is_like(before) => now - *since,
                _ => {
                    same = Some((trouble.clone(), now));
                    Duration::ZERO
                }
            };
            let trouble = match result {
                Attempt::Right(answer) if candidate.may_be_unread(route, answer.status) => {
                    let why = format!("answers {}", answer.status);
                    let trouble = Unreachable::Wrong(answer.clone(), why);
                    let waited = lasts(&trouble) >= self.limits.read;
                    if waited || Instant::now() + pause >= deadline {
                        return RouteResult::Answered(answer, question);
                    }
                    trouble
                }
                Attempt::Right(answer) => match self.next_fails(route, &question).await {
                    Some(trouble)
                        if lasts(&trouble) < self.limits.stable_for && Instant::now() + pause < deadline =>
                    {
                        trouble
                    }
                    _ => return RouteResult::Answered(answer, question),
                },
                Attempt::Unreachable(why) if !rest.is_empty() => {
                    return RouteResult::NextWay(NoAnswer::Unreachable(why).to_string());
                }
                Attempt::Unreachable(why) => Unreachable::None(NoAnswer::Unreachable(why)),
                Attempt::Wrong(trouble) => {
                    if lasts(&trouble) >= self.limits.stable_for {
                        return RouteResult::Failed(trouble, question, detour.tried());
                    }
                    trouble
                }
                Attempt::NotYet(trouble) if self.has_no_pods(candidate).await => {
                    return RouteResult::Failed(trouble, question, detour.tried());
                }
                Attempt::NotYet(trouble) => {
                    if let Some(why) = self.is_closed(candidate, &trouble, &mut refused).await {
                        return RouteResult::Closed(trouble, question, why);
                    }
                    match Box::pin(detour.needed(&trouble)).await {
                        Some(why) => return RouteResult::NextWay(why),
                        None => trouble,
                    }
                }
            };
            if Instant::now() + pause >= deadline {
                return RouteResult::Failed(trouble, question, detour.tried());
            }
            let mut why = format!("{} {}", question.url(), trouble.words());
            if self.may_still_start(candidate, &trouble) {
                why = format!(
                    "{why}; without a `readinessProbe` nothing says whether it still starts: asking for up to {longest} s"
                );
            }
            item.waiting(why);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.limits.pause);
        }
    }

    /// Whether one of the next connections fails, although an answer was received. For up to a second after a rollout
    /// the rules of kube-proxy send some connections to deleted pods (`kubernetes: pkg/proxy/iptables`:
    /// `minSyncPeriod`), and a user of the URL would be refused. Nothing is sent over them. No such connection is
    /// made if TLS is spoken: many servers log a connection without a handshake as an error.
    async fn next_fails(&self, route: &Route, question: &Question) -> Option<Unreachable> {
        if !matches!(route, Route::Node(_)) || question.tls {
            return None;
        }
        for _ in 0..CONNECTIONS {
            if let Err(none) = http::connect(&question.connect, self.limits.limit).await {
                return Some(Unreachable::None(none));
            }
        }
        None
    }

    /// Adds the requested address on localhost, verified as well.
    async fn local(
        &self,
        item: &OpenItem,
        candidate: &Candidate,
        route: &Route,
        question: Question,
        answer: HttpAnswer,
        forward: Option<Opened>,
    ) -> Result<VerifiedUrl, Finding> {
        let mut notes = Vec::new();
        let mut tell = |code, message| notes.push(note(candidate, code, message));
        let mut verified = VerifiedUrl {
            service: candidate.service.clone(),
            url: question.url(),
            status: answer.status,
            took: answer.took,
            local: None,
            forward,
            notes: Vec::new(),
            unknown: None,
        };
        let there = candidate.local_port.filter(|port| {
            matches!(route, Route::Published(at) if at.connect.ends_with(&format!(":{port}")))
                || matches!(route, Route::Controller | Route::Forward)
        });
        if candidate.local_port.is_some() && there.is_none() {
            let forward = self.forward(candidate).await?;
            let local = candidate.forwarded(forward.address());
            match self.until(item, candidate, &Route::Forward, &local, &[]).await {
                RouteResult::Answered(_, local) => verified.local = Some(local.url()),
                RouteResult::NextWay(why) => tell(Code::NodeUnreachable, format!("{} {why}", local.url())),
                RouteResult::Failed(trouble, local, _) => {
                    let reason = forward.last_error();
                    forward.give_up().await;
                    return Err(self.blame(candidate, &local, &trouble, reason, Vec::new()).await);
                }
                RouteResult::Closed(trouble, local, reason) => {
                    forward.give_up().await;
                    return Err(self.blame(candidate, &local, &trouble, Some(reason), Vec::new()).await);
                }
            }
            verified.forward = Some(forward);
        }
        if let Some(forward) = &verified.forward {
            if let Some(missed) = forward.missed() {
                let port = forward.address().port();
                tell(Code::LocalPortTaken, format!("port {missed} is taken, so it is {port}"));
            }
            let held = verified.local.as_ref().unwrap_or(&verified.url);
            forward.report(self.run, (&candidate.service, candidate.port.number), held);
            let message = match forward.key() {
                Some(_) => format!(
                    "{held} is a port-forward, which runs in the background until `todo down` or `todo forward --stop`"
                ),
                None => format!("{held} is a port-forward, which ends with this command"),
            };
            tell(Code::PortForwardUsed, message);
        }
        if let (Some(front), Route::Forward) = (&candidate.ingress, route) {
            let name = &front.name;
            tell(
                Code::IngressBypassed,
                format!("the Ingress `{name}` cannot be reached from here; this URL bypasses it"),
            );
        }
        if candidate.may_be_unread(route, verified.status) {
            tell(
                Code::UnexpectedStatus,
                format!(
                    "the controller or the application answers {}; if that is meant, `expect = {}` under [service.{}] skips the wait",
                    verified.status, verified.status, candidate.service
                ),
            );
        }
        verified.unknown = unknown(candidate, &question).await;
        if let Some(note) = candidate.unsaid_tls(&question) {
            tell(Code::ProtocolMismatch, note);
        }
        if question.tls {
            let message =
                "its certificate was not checked; a browser warns of one that the cluster signed itself";
            tell(Code::CertificateNotChecked, message.to_owned());
        }
        verified.notes = notes;
        Ok(verified)
    }

    async fn forward(&self, candidate: &Candidate) -> Result<Opened, Finding> {
        let wish = Wish {
            run: self.run,
            client: self.client,
            owner: self.reach.owner.as_ref(),
            candidate,
            namespace: self.namespace,
            service: &candidate.service,
            port: candidate.port.number,
            port_name: candidate.port.name.as_deref(),
        };
        Opened::open(wish).await.map_err(|error| {
            Code::PortForwardFailed.error(format!("cannot start a port-forward to it: {error}"))
                .about(format!("Service/{}", candidate.service))
                .help("check that this user can listen on 127.0.0.1 and write to the state directory (`XDG_STATE_HOME`)")
        })
    }

    /// A forward to the addon's controller, if one runs: if the node's address does not work, the rules of the
    /// Ingress (hosts, paths, rewrites) apply all the same.
    async fn controller(&self, candidate: &Candidate) -> Option<Opened> {
        let tls = candidate.ingress.as_ref()?.tls;
        let namespace = Namespace::parse(ingress::NAMESPACE).ok()?;
        let service = ObjectName::parse(ingress::CONTROLLER).ok()?;
        let port = Some(if tls { "https" } else { "http" });
        let backends = backend::inspect(self.client, &namespace, &service, port).await.ok()?;
        if backends.pods.is_empty() {
            return None;
        }
        let wish = Wish {
            run: self.run,
            client: self.client,
            owner: self.reach.owner.as_ref(),
            candidate,
            namespace: &namespace,
            service: &service,
            port: if tls { 443 } else { 80 },
            port_name: port,
        };
        Opened::open(wish).await.ok()
    }

    async fn blame(
        &self,
        candidate: &Candidate,
        question: &Question,
        trouble: &Unreachable,
        forward: Option<String>,
        detours: Vec<String>,
    ) -> Finding {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), self.namespace.as_str());
        let pods = limit::with_timeout(pods.list(&ListParams::default().limit(500))).await;
        let inputs = ServiceContext {
            backends: self.backends(candidate).await,
            pods: pods.map(|list| list.items).unwrap_or_default(),
            forward,
            detours,
        };
        blame::finding(candidate, question, trouble, &inputs, self.objects)
    }
}

fn note(candidate: &Candidate, code: Code, message: String) -> Finding {
    code.note(message).about(format!("Service/{}", candidate.service))
}

/// The host of an Ingress, if this machine does not resolve it to the address that answered.
async fn unknown(candidate: &Candidate, question: &Question) -> Option<HostsEntry> {
    let host = candidate.ingress.as_ref()?.host.as_ref()?;
    if question.authority.split(':').next() != Some(host) {
        return None;
    }
    let (address, _) = question.connect.rsplit_once(':')?;
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let known = tokio::net::lookup_host((host.as_str(), 80)).await;
    let leads = known.is_ok_and(|mut known| known.any(|found| found.ip() == address));
    HostsEntry::new(address, host).filter(|_| !leads)
}
