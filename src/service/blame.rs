//! Why a Service does not answer as expected, and what to do: pure.
//!
//! The workloads are healthy at that time, so the fault is between them and the URL: a selector, a port, a path, or
//! the application's own answer.

use super::backend::Backends;
use super::candidate::Candidate;
use super::http::HttpAnswer;
use super::http::NoAnswer;
use super::http::Question;
use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::pods;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The result, and why it is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// An answer, but not the expected one.
    Wrong(HttpAnswer, String),
    /// No answer.
    None(NoAnswer),
}

/// The cluster's state of it.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceContext {
    /// The endpoints; `None` if the cluster was unreachable.
    pub(super) backends: Option<Backends>,
    /// The pods of the namespace.
    pub(super) pods: Vec<Pod>,
    /// The failure reported by the forward.
    pub(super) forward: Option<String>,
    /// The routes that did not work, as text.
    pub(super) detours: Vec<String>,
}

/// The command that shows the logs of the pods behind a Service.
fn logs(candidate: &Candidate, inputs: &ServiceContext) -> String {
    let namespace = inputs.pods.iter().find_map(|pod| pod.metadata.namespace.as_deref());
    let namespace = namespace.map(|name| format!(" --namespace {name}")).unwrap_or_default();
    format!("`kubectl logs service/{}{namespace}`", candidate.service)
}

impl Unreachable {
    /// Whether it is the same problem as `before`, whatever else differs in the answers.
    pub(super) fn is_like(&self, before: &Unreachable) -> bool {
        match (self, before) {
            (Unreachable::Wrong(answer, _), Unreachable::Wrong(before, _)) => answer.status == before.status,
            (Unreachable::None(none), Unreachable::None(before)) => none == before,
            _ => false,
        }
    }

    /// The problem, as the end of a sentence that begins with the URL.
    pub(super) fn words(&self) -> String {
        match self {
            Unreachable::Wrong(_, why) => why.clone(),
            Unreachable::None(why) => why.to_string(),
        }
    }
}

/// The finding for a candidate that did not answer as expected.
pub(super) fn finding(
    candidate: &Candidate,
    question: &Question,
    trouble: &Unreachable,
    inputs: &ServiceContext,
    objects: &[Object],
) -> Finding {
    let service = service_of(candidate, objects);
    let (code, help, at) = cause(candidate, question, trouble, inputs, service, objects);
    let mut finding = code
        .error(format!("`{}` {}", question.url(), trouble.words()))
        .about(format!("Service/{}", candidate.service))
        .evidence(inputs.detours.iter().cloned());
    if let Unreachable::Wrong(answer, _) = trouble {
        finding = finding.evidence(first_line(&answer.body));
    }
    let without_pods = pods_of_none(service, inputs, objects);
    if let Some(empty) = inputs.backends.as_ref().filter(|backends| backends.ready == 0) {
        finding = finding.evidence([match without_pods {
            _ if empty.unready > 0 => empty.why_none(),
            Some(workload) => asks_for_none(workload)
                .unwrap_or_else(|| format!("it selects the pods of {}, which has none", workload.id())),
            None => selected(&selector(service), &inputs.pods).1,
        }]);
    }
    let place = match (service, at) {
        _ if without_pods.is_some() => {
            without_pods.map(|workload| workload.place_of("/spec/replicas").clone())
        }
        (Some(object), Some(pointer)) => Some(object.place_of(&pointer).clone()),
        _ => candidate.place.clone(),
    };
    if let Some(place) = place {
        finding = finding.at(place);
    }
    finding.help(help)
}

/// The code of the finding, what to do, and the field of the Service that it is about.
fn cause(
    candidate: &Candidate,
    question: &Question,
    trouble: &Unreachable,
    inputs: &ServiceContext,
    service: Option<&Object>,
    objects: &[Object],
) -> (Code, String, Option<String>) {
    if let Some(workload) = pods_of_none(service, inputs, objects) {
        let kind = workload.kind().to_lowercase();
        let help = match asks_for_none(workload) {
            Some(_) => "ask for pods: `replicas: 1`".to_owned(),
            None => format!("see why it has none: `kubectl describe {kind}/{}`", workload.name()),
        };
        return (Code::EndpointsNotReady, help, None);
    }
    match &inputs.backends {
        Some(backends) if backends.ready == 0 && backends.unready > 0 => {
            let help = format!("look at `todo status` and {}", logs(candidate, inputs));
            (Code::EndpointsNotReady, help, None)
        }
        Some(backends) if backends.ready == 0 => {
            let (code, _, help) = selected(&selector(service), &inputs.pods);
            (code, help, Some("/spec/selector".to_owned()))
        }
        _ => {
            let (code, help, pointer) = by_trouble(candidate, question, trouble, inputs);
            let help = match candidate.unsaid_tls(question) {
                Some(note) => format!("{help}; {note}"),
                None => help,
            };
            (code, help, pointer)
        }
    }
}

/// The workload that the Service selects, if it has no pods just now: then the selector is not the cause.
fn pods_of_none<'a>(
    service: Option<&Object>,
    inputs: &ServiceContext,
    objects: &'a [Object],
) -> Option<&'a Object> {
    let empty = inputs.backends.as_ref().is_some_and(|backends| backends.ready + backends.unready == 0);
    let chosen = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        selector(service).iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    };
    (empty && !inputs.pods.iter().any(chosen)).then(|| workload_of(service?, objects)).flatten()
}

fn service_of<'a>(candidate: &Candidate, objects: &'a [Object]) -> Option<&'a Object> {
    let name = candidate.service.as_str();
    objects.iter().find(|object| object.kind() == "Service" && object.name() == name)
}

/// The workload that creates the pods that a Service selects.
fn workload_of<'a>(service: &Object, objects: &'a [Object]) -> Option<&'a Object> {
    let selector = service.value["spec"]["selector"].as_object().filter(|selector| !selector.is_empty())?;
    let near = pods::all(objects).filter(|(object, _)| object.namespace() == service.namespace());
    near.filter(|(object, _)| object.kind() != "Pod")
        .find(|(_, template)| pods::selects(selector, template.labels()))
        .map(|(object, _)| object)
}

/// Whether the pods behind the Service have readiness probes, so that a refused connection is permanent once they are
/// ready.
pub(super) fn has_readiness_probes(candidate: &Candidate, objects: &[Object]) -> bool {
    containers(candidate, objects)
        .is_some_and(|main| main.iter().all(|container| !container["readinessProbe"].is_null()))
}

/// Whether the pods behind the Service have no readiness probe in the manifests.
pub(super) fn lacks_readiness_probes(candidate: &Candidate, objects: &[Object]) -> bool {
    containers(candidate, objects)
        .is_some_and(|main| main.iter().all(|container| container["readinessProbe"].is_null()))
}

/// The containers of the pods behind the Service, without the init containers; `None` if the manifests do not have
/// them.
fn containers<'o>(candidate: &Candidate, objects: &'o [Object]) -> Option<Vec<&'o Value>> {
    let workload = workload_of(service_of(candidate, objects)?, objects)?;
    let all = pods::template(&workload.value)?.containers();
    let main = all.iter().filter(|container| !container.init).map(|container| container.value);
    Some(main.collect()).filter(|main: &Vec<_>| !main.is_empty())
}

/// The TCP ports that the only container behind the Service declares, if `port` is none of them. With several
/// containers one may have started long before the others.
pub(super) fn ports_beside(candidate: &Candidate, objects: &[Object], port: u16) -> Vec<u16> {
    let main = containers(candidate, objects).unwrap_or_default();
    let [only] = main.as_slice() else { return Vec::new() };
    let declared: Vec<u16> = pods::items(&only["ports"])
        .filter(|(_, entry)| entry["protocol"].as_str().is_none_or(|protocol| protocol == "TCP"))
        .filter_map(|(_, entry)| u16::try_from(entry["containerPort"].as_u64()?).ok())
        .collect();
    if declared.contains(&port) { Vec::new() } else { declared }
}

/// The reason if a workload requests no pods.
fn asks_for_none(workload: &Object) -> Option<String> {
    (workload.value["spec"]["replicas"] == 0).then(|| format!("{} has `replicas: 0`", workload.id()))
}

/// Whether the Service cannot have endpoints, because the workload that it selects requests no pods.
pub(super) fn leads_nowhere(candidate: &Candidate, objects: &[Object]) -> bool {
    let service = service_of(candidate, objects);
    service.and_then(|service| workload_of(service, objects)).and_then(asks_for_none).is_some()
}

fn selector(service: Option<&Object>) -> BTreeMap<String, String> {
    service.map(|object| labels(&object.value["spec"]["selector"])).unwrap_or_default()
}

fn by_trouble(
    candidate: &Candidate,
    question: &Question,
    trouble: &Unreachable,
    inputs: &ServiceContext,
) -> (Code, String, Option<String>) {
    let target = &candidate.port.target;
    let entry = format!("[service.{}]", candidate.service);
    let pointer = Some(format!("/spec/ports/{}/targetPort", candidate.port.index));
    match trouble {
        Unreachable::None(NoAnswer::Tls(_)) => (
            Code::TlsHandshakeFailed,
            format!(
                "port {} speaks TLS (`appProtocol: https`): see why it refuses TLS 1.2 and 1.3 without a client's certificate, {}",
                candidate.port.number,
                logs(candidate, inputs)
            ),
            pointer,
        ),
        Unreachable::None(NoAnswer::Closed) if !is_refused(inputs) => {
            let listens = "something listens there and ends each connection, also when TLS is spoken";
            let message = if is_forwarded(question) {
                format!("nothing in the pod listens on targetPort {target}, or {listens}")
            } else {
                listens.to_owned()
            };
            (Code::ConnectionClosed, format!("{message}: see what it logs, {}; if it is not HTTP, open another port", logs(candidate, inputs)), None)
        }
        Unreachable::None(NoAnswer::Refused | NoAnswer::Closed) => {
            let message = inputs
                .forward
                .as_ref()
                .map(|why| format!("; the port-forward reported: {why}"))
                .unwrap_or_default();
            let help = format!(
                "nothing in the pod listens on targetPort {target}: make the application listen on 0.0.0.0:{target} (not on 127.0.0.1), or set `targetPort` to its port{message}"
            );
            (Code::PortNotListening, help, pointer)
        }
        Unreachable::None(NoAnswer::Silent(_)) => {
            (Code::RequestTimeout, format!("see what it is doing: {}", logs(candidate, inputs)), None)
        }
        Unreachable::None(NoAnswer::Garbled(_)) if question.tls => (
            Code::ProtocolMismatch,
            format!(
                "port {} does not speak TLS: give it the name `http` in the Service",
                candidate.port.number
            ),
            pointer,
        ),
        Unreachable::None(NoAnswer::Garbled(_)) => (
            Code::ProtocolMismatch,
            format!(
                "port {} is not HTTP: open another port; if it speaks TLS, give it the name `https`",
                candidate.port.number
            ),
            pointer,
        ),
        Unreachable::None(NoAnswer::NoConnection(_)) => (
            Code::NodeUnreachable,
            "a firewall or a VPN may block the way to the node: its ports 30000-32767 must be open to this machine".to_owned(),
            None,
        ),
        Unreachable::None(NoAnswer::Unreachable(_)) => {
            let help = "check that the cluster runs: `todo status`; a VPN may take over the route to it";
            (Code::NodeUnreachable, help.to_owned(), None)
        }
        Unreachable::Wrong(answer, _) => {
            let to_expect = |status: u16| format!("`expect = {status}` in {entry}");
            let help = match (answer.status, &answer.location) {
                (300..=399, Some(to)) => {
                    format!("it redirects to `{to}`: set `path` in {entry} to a page that answers, or {}", to_expect(answer.status))
                }
                (404, _) if candidate.ingress.is_some() => {
                    "check that a rule of the Ingress has this host and path, and that a controller handles it (it has an ADDRESS then): `kubectl get ingress,ingressclass`".to_owned()
                }
                (404, _) => format!("set `path` in {entry} to one that the application has"),
                (401 | 403, _) => format!("if it requires a login: {}", to_expect(answer.status)),
                (500.., _) => format!("the application failed: {}", logs(candidate, inputs)),
                _ if candidate.expect.contains.is_some() => {
                    format!("check that it is the right application, or correct `contains` in {entry}")
                }
                (status, _) => format!("if that is correct: {}", to_expect(status)),
            };
            let expect = &candidate.expect;
            let is_expected = expect.status.map_or(answer.status < 500, |status| status == answer.status);
            let is_content = expect.contains.is_some() && is_expected;
            (if is_content { Code::UnexpectedContent } else { Code::UnexpectedStatus }, help, None)
        }
    }
}

/// Whether the kubelet reported that nothing listens on the pod's port.
fn is_refused(inputs: &ServiceContext) -> bool {
    inputs.forward.as_ref().is_some_and(|trouble| trouble.contains("refused"))
}

/// Whether something on this machine accepts connections before anything in the pod does: a forward, or the engine's
/// proxy for a published port. kube-proxy's rules do not.
fn is_forwarded(question: &Question) -> bool {
    question.host().parse::<IpAddr>().is_ok_and(|at| at.is_loopback())
}

/// Why a Service has no endpoints: the code, what its selector selects, and what to do.
fn selected(selector: &BTreeMap<String, String>, pods: &[Pod]) -> (Code, String, String) {
    let text = |labels: &BTreeMap<String, String>| {
        labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    };
    if selector.is_empty() {
        return (
            Code::SelectorMismatch,
            "the Service has no selector".to_owned(),
            "give it the labels of its pods in `spec.selector`".to_owned(),
        );
    }
    let chosen = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    };
    let chosen = pods.iter().filter(chosen).count();
    if chosen > 0 {
        let message = format!("{chosen} pods match the selector {}, none is an endpoint", text(selector));
        let help = "give a container of the pod a port of the name in `targetPort`";
        return (Code::ServicePortNotFound, message, help.to_owned());
    }
    // The closest pods: those that share most of the selector's keys.
    let nearest = pods.iter().filter_map(|pod| pod.metadata.labels.as_ref()).max_by_key(|labels| {
        let same = selector.iter().filter(|(key, value)| labels.get(*key) == Some(value)).count();
        (same, selector.keys().filter(|key| labels.contains_key(*key)).count())
    });
    let message = match nearest {
        Some(labels) => {
            let theirs: BTreeMap<String, String> = labels
                .iter()
                .filter(|(key, _)| *key != "pod-template-hash" && *key != "controller-revision-hash")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            format!("it selects {}, the nearest pod has {}", text(selector), text(&theirs))
        }
        None => format!("it selects {}, and there are no pods", text(selector)),
    };
    (
        Code::SelectorMismatch,
        message,
        "make `spec.selector` equal to the labels of the pod template".to_owned(),
    )
}

fn labels(value: &serde_json::Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The first non-empty line of a body, shortened for reading.
pub(super) fn first_line(body: &str) -> Option<String> {
    const SHOWN: usize = 200;
    let line = body.lines().map(str::trim).find(|line| !line.is_empty())?;
    let cut: String = line.chars().take(SHOWN).collect();
    Some(if cut.len() < line.len() { format!("{cut}…") } else { cut })
}

#[cfg(test)]
mod tests;
