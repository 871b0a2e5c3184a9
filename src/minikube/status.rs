//! `minikube status`, where only minikube knows the state: virtual machines, and nodes without a Docker engine.
//!
//! Not the exit code alone: it is 0 for a deleted cluster in some versions (minikube#22466), and non-zero for states
//! that are not failures. `-n` makes it print an object for the node instead of `null` for the profile.

use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
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

/// minikube's report on the profile; `None` if everything runs according to it.
pub(crate) async fn query(run: &Run, profile: &Profile) -> Result<Option<MinikubeState>> {
    let call = program::call(run, profile, ["status", "-o", "json", "-n", profile.as_str()])?.read_only();
    let (stdout, code) = match call.output(run).await {
        Ok(output) => (output.stdout, Some(0)),
        Err(error) if error.stopped || error.cause.is_some() => {
            return Err(program::fault(run, profile, "get the profile's status from minikube", error));
        }
        Err(error) => (error.stdout, error.code),
    };
    Ok(parse(&stdout, code))
}

pub(super) fn parse(stdout: &str, code: Option<i32>) -> Option<MinikubeState> {
    if code == Some(UNKNOWN) {
        return Some(MinikubeState::Absent);
    }
    let object = stdout.lines().find_map(|line| serde_json::from_str::<Option<Status>>(line).ok());
    let Some(Some(status)) = object else {
        return Some(MinikubeState::Broken(Break::ContainerGone { volume: true }));
    };
    Some(match (status.host.as_str(), status.api_server.as_str(), status.kubelet.as_str()) {
        ("Stopped" | "Saved", ..) => MinikubeState::Stopped,
        ("Paused", ..) => MinikubeState::Paused(Pause::Container),
        ("Running", "Paused", _) => MinikubeState::Paused(Pause::Kubernetes),
        ("Running", "Running" | "Irrelevant", "Running") => match status.kubeconfig.as_str() {
            "Configured" | "Irrelevant" => return None,
            other => MinikubeState::Broken(Break::KubeconfigStale(format!("minikube calls it {other}"))),
        },
        ("Running", api, kubelet) => {
            let why = format!("the API server is {api}, the kubelet {kubelet}");
            // A kubelet that runs starts it again by itself.
            MinikubeState::Broken(if kubelet == "Running" {
                Break::ApiFails(why)
            } else {
                Break::ApiDown(why)
            })
        }
        ("Nonexistent", ..) => MinikubeState::Broken(Break::ContainerGone { volume: true }),
        (host, ..) => MinikubeState::Broken(Break::ApiFails(format!("minikube calls its machine {host}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::minikube::Break;
    use crate::minikube::MinikubeState;
    use crate::minikube::Pause;

    fn from_fields(
        host: &str,
        kubelet: &str,
        api: &str,
        kubeconfig: &str,
        code: i32,
    ) -> Option<MinikubeState> {
        let text = format!(
            r#"{{"Name":"mini","Host":"{host}","Kubelet":"{kubelet}","APIServer":"{api}","Kubeconfig":"{kubeconfig}","Worker":false}}"#
        );
        parse(&text, Some(code))
    }

    #[test]
    fn minikubes_words_are_read_whatever_it_exits_with() {
        assert!(from_fields("Running", "Running", "Running", "Configured", 0).is_none());
        assert!(matches!(
            from_fields("Stopped", "Stopped", "Stopped", "Stopped", 7),
            Some(MinikubeState::Stopped)
        ));
        assert!(matches!(
            from_fields("Paused", "Paused", "Paused", "Paused", 7),
            Some(MinikubeState::Paused(Pause::Container))
        ));
        assert!(matches!(
            from_fields("Running", "Stopped", "Paused", "Configured", 2),
            Some(MinikubeState::Paused(Pause::Kubernetes))
        ));
        assert!(matches!(
            from_fields("Running", "Running", "Running", "Misconfigured", 4),
            Some(MinikubeState::Broken(Break::KubeconfigStale(_)))
        ));
        assert!(matches!(
            from_fields("Running", "Stopped", "Stopped", "Configured", 2),
            Some(MinikubeState::Broken(Break::ApiDown(_)))
        ));
        assert!(matches!(
            from_fields("Running", "Running", "Stopped", "Configured", 2),
            Some(MinikubeState::Broken(Break::ApiFails(_)))
        ));
        let gone = from_fields("Nonexistent", "Nonexistent", "Nonexistent", "Nonexistent", 7);
        assert!(matches!(gone, Some(MinikubeState::Broken(Break::ContainerGone { .. }))));
    }

    #[test]
    fn null_means_gone_even_with_exit_code_0_and_an_unknown_profile_is_absent() {
        for code in [0, 7] {
            assert!(matches!(
                parse("null", Some(code)),
                Some(MinikubeState::Broken(Break::ContainerGone { .. }))
            ));
        }
        let unknown = r#"{"type":"io.k8s.sigs.minikube.info","data":{"message":"Profile \"x\" not found."}}"#;
        assert!(matches!(parse(unknown, Some(85)), Some(MinikubeState::Absent)));
    }
}
