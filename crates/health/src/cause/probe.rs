//! A probe that fails: its request, the answer, and the cause.
//!
//! The kubelet's sentence is all there is (`kubernetes: pkg/kubelet/prober`, `pkg/probe/{http,tcp,exec}`).

use crate::cause::template;
use crate::live;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// What is wrong with a probe, or with its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The cause according to the kubelet's message.
    pub why: Why,
    /// Continues "container `web` runs, but …".
    pub what: String,
    /// The fields of the container that it is about, best first.
    pub fields: Vec<String>,
    /// What to do.
    pub help: String,
    /// Evidence in addition to the kubelet's message.
    pub evidence: Option<String>,
}

/// Why a probe fails, according to the kubelet's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing listens on the port.
    Refused,
    /// Something listens, and ends the connection without an answer.
    Closed,
    /// It answers with an HTTP status of failure.
    Status,
    /// It takes too long.
    Slow,
    /// Nothing that is understood.
    Unknown,
}

/// What the kubelet's sentence about `probe` (`readinessProbe`, …) of a container means.
pub fn parse(manifest: &Value, container: &str, probe: &str, message: &str) -> Failing {
    let at = template::container(manifest, container).unwrap_or_default();
    let way = ["httpGet", "tcpSocket", "grpc", "exec"]
        .into_iter()
        .find(|way| manifest.pointer(&format!("{at}/{probe}/{way}")).is_some())
        .unwrap_or_default();
    let field = |name: &str| {
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        vec![format!("{probe}/{way}{name}"), format!("{probe}/{way}"), probe.to_owned()]
    };
    let failing = |why: Why, what: String, field: Vec<String>, help: &str| Failing {
        why,
        what,
        fields: field,
        help: help.to_owned(),
        evidence: None,
    };
    if let Some(port) = REFUSED.captures(message) {
        return Failing {
            evidence: undeclared_port(manifest, container, probe),
            ..failing(
                Why::Refused,
                format!("nothing in it listens on port `{}`, which its `{probe}` asks", &port[1]),
                field("port"),
                "let the probe ask the port that the program listens on, or see in the log why it does not listen yet",
            )
        };
    }
    if let Some(status) = STATUS.captures(message) {
        let path = live::text(manifest, &format!("{at}/{probe}/httpGet/path"));
        let path = if path.is_empty() { "/" } else { path };
        let (field, help) = match &status[1] {
            "404" | "405" => (field("path"), "let the probe ask a path that the program has"),
            "401" | "403" => (field("path"), "let the probe ask a path that needs no login"),
            status if status.starts_with('3') => {
                (field("path"), "let the probe ask the path that it is sent to")
            }
            _ => (field(""), "see in the log why the program answers so"),
        };
        return failing(
            Why::Status,
            format!("it answers {} to its `{probe}` at `{path}`", &status[1]),
            field,
            help,
        );
    }
    if ENDED.is_match(message) {
        return failing(
            Why::Closed,
            format!("it ends the connection of its `{probe}` without an answer"),
            field("scheme"),
            "if the program speaks TLS on that port, write `scheme: HTTPS`; if it speaks no HTTP, use `tcpSocket`",
        );
    }
    let slow = ["context deadline exceeded", "Client.Timeout", "timed out", "i/o timeout"];
    if slow.iter().any(|sign| message.contains(sign)) {
        let seconds = live::number(manifest, &format!("{at}/{probe}/timeoutSeconds")).unwrap_or(1);
        return failing(
            Why::Slow,
            format!("its `{probe}` gets no answer within {seconds} s"),
            vec![format!("{probe}/timeoutSeconds"), probe.to_owned()],
            "see in the log what keeps the program busy, or raise the probe's `timeoutSeconds`",
        );
    }
    let help = match way {
        "exec" => "correct the probe's command, or see in the log what the program waits for",
        _ => "correct the probe's port and path, or see in the log what the program waits for",
    };
    Failing {
        evidence: undeclared_port(manifest, container, probe),
        ..failing(
            Why::Unknown,
            format!("its `{probe}` does not succeed"),
            field(if way == "exec" { "command" } else { "port" }),
            help,
        )
    }
}

static REFUSED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"dial tcp \S+:(\d+): connect: connection refused"));
/// A server of another protocol: `EOF`, `connection reset by peer`, `malformed HTTP response "\\x15\\x03…"`, and for a probe
/// over TLS `first record does not look like a TLS handshake` (Go: net/http, crypto/tls).
static ENDED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\bEOF\b|connection reset by peer|malformed HTTP|does not look like a TLS handshake|server gave HTTP response to HTTPS client",
    )
});
static STATUS: LazyLock<Regex> = LazyLock::new(|| pattern(r"probe failed with statuscode: (\d+)"));

#[expect(clippy::expect_used, reason = "the patterns are constants of this file; a test compiles them all")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Reports that a probe uses a port which its container does not declare, if that is so.
fn undeclared_port(manifest: &Value, container: &str, probe: &str) -> Option<String> {
    let at = template::container(manifest, container)?;
    let asked = ["httpGet", "tcpSocket", "grpc"]
        .iter()
        .find_map(|way| manifest.pointer(&format!("{at}/{probe}/{way}/port")))?;
    let ports = live::list(manifest, &format!("{at}/ports"));
    let declared = ports.iter().any(|port| match asked.as_str() {
        Some(name) => live::text(port, "/name") == name,
        None => port.get("containerPort") == Some(asked),
    });
    if declared || ports.is_empty() {
        return None;
    }
    let list: Vec<String> =
        ports.iter().filter_map(|port| port.get("containerPort")).map(|port| format!("`{port}`")).collect();
    let asked = asked.as_str().map_or_else(|| asked.to_string(), str::to_owned);
    Some(format!("the probe asks port `{asked}`, the container declares {}", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    #[test]
    fn what_the_kubelet_says_and_what_it_means() {
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"name": "web", "ports": [{"containerPort": 8000}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "timeoutSeconds": 2},
            "livenessProbe": {"exec": {"command": ["false"]}}}]}});
        for (probe, message, what, field) in [
            (
                "readinessProbe",
                "Readiness probe failed: Get \"http://10.0.0.4:8080/healthz\": dial tcp 10.0.0.4:8080: connect: connection refused",
                "nothing in it listens on port `8080`, which its `readinessProbe` asks",
                "readinessProbe/httpGet/port",
            ),
            (
                "readinessProbe",
                "Readiness probe failed: HTTP probe failed with statuscode: 404",
                "it answers 404 to its `readinessProbe` at `/healthz`",
                "readinessProbe/httpGet/path",
            ),
            (
                "readinessProbe",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                "it answers 503 to its `readinessProbe` at `/healthz`",
                "readinessProbe/httpGet",
            ),
            (
                "readinessProbe",
                "Readiness probe failed: Get \"http://10.0.0.4:8080/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                "its `readinessProbe` gets no answer within 2 s",
                "readinessProbe/timeoutSeconds",
            ),
            (
                "readinessProbe",
                "Readiness probe failed: Get \"http://10.0.0.4:8080/healthz\": EOF",
                "it ends the connection of its `readinessProbe` without an answer",
                "readinessProbe/httpGet/scheme",
            ),
            (
                "livenessProbe",
                "Liveness probe failed: no such table",
                "its `livenessProbe` does not succeed",
                "livenessProbe/exec/command",
            ),
        ] {
            let failing = parse(&pod, "web", probe, message);
            assert_eq!((failing.what.as_str(), failing.fields[0].as_str()), (what, field), "{message}");
        }
        let failing =
            parse(&pod, "web", "readinessProbe", "dial tcp 10.0.0.4:8080: connect: connection refused");
        assert_eq!(
            failing.evidence.as_deref(),
            Some("the probe asks port `8080`, the container declares `8000`")
        );
    }
}
