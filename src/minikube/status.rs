//! `minikube status`, for what only minikube can say: virtual machines, and nodes without a Docker engine.
//!
//! Not the exit code alone: it is 0 for a cluster that is gone in some versions (minikube#22466), and non-zero for states
//! that are no failure. `-n` makes it print an object for the node instead of `null` for the profile.

use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::Pause;
use crate::minikube::State;
use crate::minikube::program;
use crate::project::name::Profile;
use crate::run::Run;
use serde::Deserialize;

/// The exit code for a profile that minikube does not know.
const UNKNOWN: i32 = 85;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    host: String,
    #[serde(default)]
    kubelet: String,
    #[serde(rename = "APIServer", default)]
    api_server: String,
    #[serde(default)]
    kubeconfig: String,
}

/// What minikube says about the profile; `None` if it says that everything runs.
pub(crate) async fn ask(run: &Run, profile: &Profile) -> Result<Option<State>> {
    let call = program::call(run, profile, ["status", "-o", "json", "-n", profile.as_str()])?.read_only();
    let (stdout, code) = match call.output(run).await {
        Ok(output) => (output.stdout, Some(0)),
        Err(error) if error.stopped || error.cause.is_some() => {
            return Err(program::fault(run, profile, "get the profile's status from minikube", error));
        }
        Err(error) => (error.stdout, error.code),
    };
    Ok(read(&stdout, code))
}

pub(super) fn read(stdout: &str, code: Option<i32>) -> Option<State> {
    if code == Some(UNKNOWN) {
        return Some(State::Absent);
    }
    let object = stdout.lines().find_map(|line| serde_json::from_str::<Option<Status>>(line).ok());
    let Some(Some(status)) = object else {
        return Some(State::Broken(Break::ContainerGone { volume: true }));
    };
    Some(match (status.host.as_str(), status.api_server.as_str(), status.kubelet.as_str()) {
        ("Stopped" | "Saved", ..) => State::Stopped,
        ("Paused", ..) => State::Paused(Pause::Container),
        ("Running", "Paused", _) => State::Paused(Pause::Kubernetes),
        ("Running", "Running" | "Irrelevant", "Running") => match status.kubeconfig.as_str() {
            "Configured" | "Irrelevant" => return None,
            other => State::Broken(Break::KubeconfigStale(format!("minikube calls it {other}"))),
        },
        ("Running", api, kubelet) => {
            let why = format!("the API server is {api}, the kubelet {kubelet}");
            // A kubelet that runs starts it again by itself.
            State::Broken(if kubelet == "Running" { Break::ApiFails(why) } else { Break::ApiDown(why) })
        }
        ("Nonexistent", ..) => State::Broken(Break::ContainerGone { volume: true }),
        (host, ..) => State::Broken(Break::ApiFails(format!("minikube calls its machine {host}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::minikube::Break;
    use crate::minikube::Pause;
    use crate::minikube::State;

    fn of(host: &str, kubelet: &str, api: &str, kubeconfig: &str, code: i32) -> Option<State> {
        let text = format!(
            r#"{{"Name":"mini","Host":"{host}","Kubelet":"{kubelet}","APIServer":"{api}","Kubeconfig":"{kubeconfig}","Worker":false}}"#
        );
        read(&text, Some(code))
    }

    #[test]
    fn minikubes_words_are_read_whatever_it_exits_with() {
        assert!(of("Running", "Running", "Running", "Configured", 0).is_none());
        assert!(matches!(of("Stopped", "Stopped", "Stopped", "Stopped", 7), Some(State::Stopped)));
        assert!(matches!(
            of("Paused", "Paused", "Paused", "Paused", 7),
            Some(State::Paused(Pause::Container))
        ));
        assert!(matches!(
            of("Running", "Stopped", "Paused", "Configured", 2),
            Some(State::Paused(Pause::Kubernetes))
        ));
        assert!(matches!(
            of("Running", "Running", "Running", "Misconfigured", 4),
            Some(State::Broken(Break::KubeconfigStale(_)))
        ));
        assert!(matches!(
            of("Running", "Stopped", "Stopped", "Configured", 2),
            Some(State::Broken(Break::ApiDown(_)))
        ));
        assert!(matches!(
            of("Running", "Running", "Stopped", "Configured", 2),
            Some(State::Broken(Break::ApiFails(_)))
        ));
        let gone = of("Nonexistent", "Nonexistent", "Nonexistent", "Nonexistent", 7);
        assert!(matches!(gone, Some(State::Broken(Break::ContainerGone { .. }))));
    }

    #[test]
    fn null_means_gone_even_with_exit_code_0_and_an_unknown_profile_is_absent() {
        for code in [0, 7] {
            assert!(matches!(read("null", Some(code)), Some(State::Broken(Break::ContainerGone { .. }))));
        }
        let unknown = r#"{"type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"x\" not found."}}"#;
        assert!(matches!(read(unknown, Some(85)), Some(State::Absent)));
    }
}
