//! Whether the kubelet runs in a node that is a container, as the engine sees it from outside.
//!
//! Not `systemctl` in the node: the engine lists the processes of a container without starting one in it. A running
//! kubelet restarts an API server that exited, and a `minikube start` would interfere with it.

use bollard::Docker;

/// Whether a process of that program runs in the container; `None` if the engine does not report it.
async fn runs(engine: &Docker, container: &str, is_it: impl Fn(&[String]) -> bool) -> Option<bool> {
    let top = engine.top_processes(container, None).await.ok()?;
    let command = top.titles?.iter().position(|title| matches!(title.as_str(), "CMD" | "COMMAND"))?;
    // The last column holds the whole line.
    let line = |process: Vec<String>| process.into_iter().skip(command).collect::<Vec<_>>().join(" ");
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Some(top.processes?.into_iter().map(line).any(|line| is_it(&words(line))))
}

/// Whether the kubelet runs; `None` if the engine does not report it.
pub(crate) async fn kubelet_runs(engine: &Docker, container: &str) -> Option<bool> {
    runs(engine, container, |words| words.first().is_some_and(|first| is(first, "kubelet"))).await
}

/// Whether kubeadm is at work, whatever it does.
pub(crate) async fn kubeadm_runs(engine: &Docker, container: &str) -> bool {
    let kubeadm = |words: &[String]| words.iter().any(|word| is(word, "kubeadm"));
    runs(engine, container, kubeadm).await.unwrap_or(false)
}

/// Whether `kubeadm reset` is at work.
pub(crate) async fn is_being_reset(engine: &Docker, container: &str) -> bool {
    let reset = |words: &[String]| {
        words
            .iter()
            .position(|word| is(word, "kubeadm"))
            .is_some_and(|at| words.get(at + 1).is_some_and(|next| next == "reset"))
    };
    runs(engine, container, reset).await.unwrap_or(false)
}

/// `/var/lib/minikube/binaries/v1.35.1/kubelet` is a kubelet.
fn is(word: &str, program: &str) -> bool {
    word.rsplit('/').next() == Some(program)
}
