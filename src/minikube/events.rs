//! The lines that `minikube start -o json` prints: one CloudEvent each.
//!
//! Does not judge: an event of type `error` may be mere text, and with `--force` even one with an exit code may not
//! be fatal. Only the exit status of the process is reliable; the events explain it.

use serde::Deserialize;

/// The content of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MinikubeEvent {
    /// A step begins.
    Step { doing: String, index: Option<u64>, total: Option<u64> },
    /// A download moves: percent.
    Download { what: String, percent: Option<u64> },
    /// Worth a line, not more.
    Text(String),
    /// Worth knowing.
    Warning(String),
    /// Why it is going to fail, unless it was forced.
    Failed(Failure),
}

/// minikube's own account of a failure (`pkg/minikube/reason/reason.go`: `Kind`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Failure {
    /// `GUEST_PROVISION` and so on; stable, unlike the text.
    pub(crate) reason: String,
    /// The exit code it is going to return.
    pub(crate) code: Option<i32>,
    pub(crate) message: String,
    pub(crate) advice: String,
    pub(crate) url: String,
}

#[derive(Deserialize)]
struct CloudEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Data,
}

/// Every value is a string, whatever it means (`pkg/minikube/out/register/cloud_events.go`).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Data {
    message: String,
    name: String,
    currentstep: String,
    totalsteps: String,
    artifact: String,
    progress: String,
    exitcode: String,
    advice: String,
    url: String,
}

/// minikube's output about its own environment, values included, which may contain a password.
fn is_environment(message: &str) -> bool {
    message.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Warnings about deliberate choices of ours or the user's: `--force`, and the default runtime, which we never rely
/// on.
fn is_idle(message: &str) -> bool {
    message.contains("--force") || message.contains("#21973")
}

/// Reads one line of standard output; `None` for noise.
pub(crate) fn parse(line: &str) -> Option<MinikubeEvent> {
    let event: CloudEvent = match serde_json::from_str(line) {
        Ok(event) => event,
        Err(_) => {
            return Some(line.trim())
                .filter(|text| !text.is_empty())
                .map(|text| MinikubeEvent::Text(text.to_owned()));
        }
    };
    let data = event.data;
    let message = data.message.trim().to_owned();
    match event.kind.strip_prefix("io.k8s.sigs.minikube.")? {
        "step" => {
            let doing = message.lines().next().unwrap_or_default().trim_end_matches('.').trim_end();
            let doing = if doing.is_empty() { data.name.as_str() } else { doing };
            let (index, total) = (data.currentstep.parse().ok(), data.totalsteps.parse().ok());
            Some(MinikubeEvent::Step { doing: doing.to_owned(), index, total })
        }
        "download" => Some(MinikubeEvent::Download { what: data.artifact, percent: None }),
        "download.progress" => {
            Some(MinikubeEvent::Download { what: data.artifact, percent: percent(&data.progress) })
        }
        "error" if !data.exitcode.is_empty() => Some(MinikubeEvent::Failed(Failure {
            reason: data.name,
            code: data.exitcode.parse().ok(),
            message,
            advice: data.advice.trim().to_owned(),
            url: data.url,
        })),
        _ if message.is_empty() || is_environment(&message) => None,
        "warning" if !is_idle(&message) => Some(MinikubeEvent::Warning(message)),
        _ => Some(MinikubeEvent::Text(message)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0 to 100 before; a fraction that is no number becomes 0"
)]
fn percent(fraction: &str) -> Option<u64> {
    fraction.parse::<f64>().ok().map(|fraction| (fraction * 100.0).clamp(0.0, 100.0) as u64)
}

/// Whether this text announces a `kubeadm reset`, which deletes every object of the cluster: in English, which is why
/// minikube is run with `LC_ALL=C` (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`: `StartCluster`, which calls
/// `DeleteCluster` after either line; before v1.33 the first was "Unable to restart cluster, will reset it").
pub(crate) fn announces_reset(text: &str) -> bool {
    text.contains("will reset cluster")
        || text.contains("will reset it")
        || text.contains("initialization failed, will try again")
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use super::MinikubeEvent;
    use super::announces_reset;
    use super::parse;
    use super::percent;

    fn event(kind: &str, data: &str) -> Option<MinikubeEvent> {
        parse(&format!(
            r#"{{"specversion":"1.0","id":"1","source":"https://minikube.sigs.k8s.io/","type":"io.k8s.sigs.minikube.{kind}","datacontenttype":"application/json","data":{data}}}"#
        ))
    }

    #[test]
    fn each_line_is_read_for_what_it_is_worth() {
        let text = |text: &str| Some(MinikubeEvent::Text(text.to_owned()));
        assert_eq!(
            event(
                "step",
                r#"{"currentstep":"5","message":"Pulling base image v0.0.50 ...","name":"Pulling Base Image","totalsteps":"19"}"#
            ),
            Some(MinikubeEvent::Step {
                doing: "Pulling base image v0.0.50".to_owned(),
                index: Some(5),
                total: Some(19)
            })
        );
        assert_eq!(
            event("step", r#"{"currentstep":"","message":"","name":"Done","totalsteps":"19"}"#),
            Some(MinikubeEvent::Step { doing: "Done".to_owned(), index: None, total: Some(19) })
        );
        assert_eq!(
            event("download.progress", r#"{"artifact":"kicbase","progress":"0.25","currentstep":"5"}"#),
            Some(MinikubeEvent::Download { what: "kicbase".to_owned(), percent: Some(25) })
        );
        assert_eq!(event("error", r#"{"message":"mere text\n"}"#), text("mere text"));
        assert_eq!(event("info", r#"{"message":"HTTPS_PROXY=http://me:secret@proxy"}"#), None);
        assert_eq!(event("info", r#"{"message":"Using Docker driver"}"#), text("Using Docker driver"));
        assert_eq!(
            event("warning", r#"{"message":"Failing to connect to https://registry.k8s.io/"}"#),
            Some(MinikubeEvent::Warning("Failing to connect to https://registry.k8s.io/".to_owned()))
        );
        let chosen = "minikube skips various validations when --force is supplied";
        assert_eq!(event("warning", &format!(r#"{{"message":"{chosen}"}}"#)), text(chosen));
        assert_eq!(
            event(
                "error",
                r#"{"advice":" do this ","exitcode":"56","issues":"","message":"no","name":"DRV_UNSUPPORTED_OS","url":""}"#
            ),
            Some(MinikubeEvent::Failed(Failure {
                reason: "DRV_UNSUPPORTED_OS".to_owned(),
                code: Some(56),
                message: "no".to_owned(),
                advice: "do this".to_owned(),
                url: String::new(),
            }))
        );
        assert_eq!(parse("E0116 14:50:01 klog noise"), text("E0116 14:50:01 klog noise"));
        assert_eq!(parse("  "), None);
        assert_eq!(parse(r#"{"type":"com.example.other"}"#), None);
    }

    #[test]
    fn nonsense_in_a_progress_is_no_panic() {
        assert_eq!(
            ["0", "1", "7", "-1", "NaN", "x", ""].map(percent),
            [Some(0), Some(100), Some(100), Some(0), Some(0), None, None]
        );
    }

    #[test]
    fn a_reset_is_recognised() {
        assert!(announces_reset("Unable to restart control-plane node(s), will reset cluster: x"));
        assert!(announces_reset("Unable to restart cluster, will reset it: x"));
        assert!(announces_reset("initialization failed, will try again: x"));
        assert!(!announces_reset("StartHost failed, but will try again: x"));
    }
}
