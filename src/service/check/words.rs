//! What is told of a check: what it asks, what came of it, what to do. Pure, and without the host that a Secret names.

use super::Trouble;
use crate::event::Finding;
use crate::project::Check;
use crate::project::From;
use crate::project::Probe;
use crate::service::blame::first_line;
use crate::service::http::NoAnswer;
use crate::service::tls;

/// What a check asks.
pub(super) fn what(probe: &Probe) -> String {
    match probe {
        Probe::Http { url, .. } => format!("GET {url}"),
        Probe::Tcp(address) => format!("TCP {address}"),
        Probe::TcpOf { secret, key } => format!("TCP, where {key} of {secret} leads"),
        Probe::Service { name, path, .. } => format!("GET {path} of Service/{name}"),
    }
}

/// What came of it.
pub(super) fn said(trouble: &Trouble) -> String {
    match trouble {
        Trouble::None(NoAnswer::Unreachable(why) | NoAnswer::NoConnection(why)) => {
            format!("cannot be reached: {why}")
        }
        Trouble::None(why) => why.to_string(),
        Trouble::Wrong(_, why) | Trouble::Service(why) => why.clone(),
        Trouble::Unasked(why) => format!("cannot be asked: {why}"),
    }
}

/// The finding for a check that failed, an error.
pub(super) fn finding(check: &Check, trouble: &Trouble) -> Finding {
    let what = match &check.probe {
        Probe::Http { url, .. } => format!("`{url}`"),
        Probe::Tcp(address) => format!("`{address}`"),
        Probe::TcpOf { secret, key } => format!("what `{key}` of the Secret `{secret}` names"),
        Probe::Service { name, path, .. } => format!("`{path}` of Service/{name}"),
    };
    let from = if check.from == From::Cluster { ", asked from the node" } else { "" };
    let told = format!("{what} {}{from}", said(trouble));
    let mut finding = Finding::error(told).about(format!("check {}", check.name)).at(check.place.clone());
    if let Trouble::Wrong(answer, _) = trouble {
        finding = finding.evidence(first_line(&answer.body));
    }
    finding.help(help(check, trouble))
}

fn help(check: &Check, trouble: &Trouble) -> String {
    let on_this_machine = match &check.probe {
        Probe::Http { url: text, .. } | Probe::Tcp(text) => text.contains("host.minikube.internal"),
        Probe::TcpOf { .. } | Probe::Service { .. } => false,
    };
    match trouble {
        Trouble::Unasked(_) => "fix this check".to_owned(),
        Trouble::Service(_) => "see `todo status`; or help `path`, `status` and `contains` of this check".to_owned(),
        Trouble::Wrong(answer, _) if tls::says_so(answer) => {
            "the port speaks TLS: write `https://` in the URL of this check".to_owned()
        }
        Trouble::Wrong(..) => {
            "is it the right program, and does it have this page? Fix that, or `status` and `contains` of this check".to_owned()
        }
        Trouble::None(NoAnswer::Tls(_)) => "the port speaks TLS: ask `https://…`, and see what its program logs of the handshake".to_owned(),
        Trouble::None(NoAnswer::Garbled(_)) => "is it `http` or `https` there?".to_owned(),
        Trouble::None(_) if on_this_machine => {
            "start it on this machine, and let it listen on all interfaces (Ollama: `OLLAMA_HOST=0.0.0.0 ollama serve`); a firewall must let the node in".to_owned()
        }
        Trouble::None(_) => match &check.probe {
            Probe::TcpOf { key, .. } => format!(
                "are host and port in `{key}` right, and is the database awake? A firewall, a VPN or its list of allowed addresses may be in the way"
            ),
            _ => "is the address right, and does it run? A firewall or a VPN may be in the way".to_owned(),
        },
    }
}
