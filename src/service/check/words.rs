//! Messages about a check: what it requests, its result, what to do. Pure, and without the host from a Secret.

use super::CheckProblem;
use crate::event::Code;
use crate::event::Finding;
use crate::project::Check;
use crate::project::From;
use crate::project::Probe;
use crate::service::blame::first_line;
use crate::service::http::NoAnswer;
use crate::service::tls;

/// What a check requests.
pub(super) fn what(probe: &Probe) -> String {
    match probe {
        Probe::Http { url, .. } => format!("GET {url}"),
        Probe::Tcp(address) => format!("TCP {address}"),
        Probe::TcpOf { secret, key } => format!("TCP address in {key} of {secret}"),
        Probe::Service { name, path, .. } => format!("GET {path} of Service/{name}"),
    }
}

/// Its result.
pub(super) fn describe(problem: &CheckProblem) -> String {
    match problem {
        CheckProblem::None(NoAnswer::Unreachable(why) | NoAnswer::NoConnection(why)) => {
            format!("cannot be reached: {why}")
        }
        CheckProblem::None(why) => why.to_string(),
        CheckProblem::Wrong(_, why) | CheckProblem::Service { why, .. } => why.clone(),
        CheckProblem::Unasked(why) => format!("cannot be checked: {why}"),
    }
}

/// The finding for a check that failed, an error.
pub(super) fn finding(check: &Check, problem: &CheckProblem) -> Finding {
    let what = match &check.probe {
        Probe::Http { url, .. } => format!("`{url}`"),
        Probe::Tcp(address) => format!("`{address}`"),
        Probe::TcpOf { secret, key } => format!("the address in `{key}` of the Secret `{secret}`"),
        Probe::Service { name, path, .. } => format!("`{path}` of Service/{name}"),
    };
    let from = if check.from == From::Cluster { ", checked from the node" } else { "" };
    let message = format!("{what} {}{from}", describe(problem));
    let mut finding =
        code(problem).error(message).about(format!("check {}", check.name)).at(check.place.clone());
    if let CheckProblem::Wrong(answer, _) = problem {
        finding = finding.evidence(first_line(&answer.body));
    }
    finding.help(help(check, problem))
}

fn code(problem: &CheckProblem) -> Code {
    match problem {
        CheckProblem::Unasked(_) => Code::CheckInvalid,
        CheckProblem::Wrong(answer, _) if tls::says_so(answer) => Code::ProtocolMismatch,
        CheckProblem::Wrong(..) | CheckProblem::Service { .. } => Code::CheckFailed,
        CheckProblem::None(NoAnswer::Tls(_)) => Code::TlsHandshakeFailed,
        CheckProblem::None(NoAnswer::Garbled(_)) => Code::ProtocolMismatch,
        CheckProblem::None(_) => Code::CheckUnreachable,
    }
}

fn help(check: &Check, problem: &CheckProblem) -> String {
    let on_this_machine = match &check.probe {
        Probe::Http { url: text, .. } | Probe::Tcp(text) => text.contains("host.minikube.internal"),
        Probe::TcpOf { .. } | Probe::Service { .. } => false,
    };
    match problem {
        CheckProblem::Unasked(_) => "fix this check".to_owned(),
        CheckProblem::Service { .. } => "see `todo status`; or correct `path`, `status` and `contains` of this check".to_owned(),
        CheckProblem::Wrong(answer, _) if tls::says_so(answer) => {
            "the port speaks TLS: write `https://` in the URL of this check".to_owned()
        }
        CheckProblem::Wrong(..) => {
            "check that it is the right program and has this page; or correct `status` and `contains` of this check".to_owned()
        }
        CheckProblem::None(NoAnswer::Tls(_)) => "the port speaks TLS: use `https://…`, and see what its program logs about the handshake".to_owned(),
        CheckProblem::None(NoAnswer::Garbled(_)) => "it may be `http` instead of `https`, or the reverse".to_owned(),
        CheckProblem::None(_) if on_this_machine => {
            "start it on this machine, and let it listen on all interfaces (Ollama: `OLLAMA_HOST=0.0.0.0 ollama serve`); a firewall must let the node in".to_owned()
        }
        CheckProblem::None(_) => match &check.probe {
            Probe::TcpOf { key, .. } => format!(
                "check the host and port in `{key}`, and that the database runs; a firewall, a VPN or its list of allowed addresses may block the connection"
            ),
            _ => "check the address, and that it runs; a firewall or a VPN may block the connection".to_owned(),
        },
    }
}
