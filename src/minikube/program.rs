//! `minikube` itself, called so that it answers in English, asks no questions and concerns one profile.

use crate::event::Code;
use crate::exec;
use crate::exec::Call;
use crate::exec::ExecError;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::minikube::advice;
use crate::minikube::events;
use crate::minikube::events::Failure;
use crate::minikube::events::MinikubeEvent;
use crate::project::name::Profile;
use crate::run::Run;
use crate::world::Os;

/// `minikube ARGUMENTS -p PROFILE`.
pub(crate) fn call<const N: usize>(run: &Run, profile: &Profile, arguments: [&str; N]) -> Result<Call> {
    let program = exec::find(&run.world, "minikube").ok_or_else(|| {
        let get = match run.world.os {
            Os::Linux => "https://minikube.sigs.k8s.io/docs/start",
            Os::MacOs => "`brew install minikube`",
            Os::Windows => "`winget install Kubernetes.minikube`",
        };
        Code::ProgramNotFound
            .fault(FaultKind::Prerequisite, "minikube is not on the PATH")
            .hint(format!("install it: {get}"))
    })?;
    Ok(Call::new(program)
        .args(arguments)
        .args(["-p", profile.as_str()])
        .env("LC_ALL", "C")
        .env("LANGUAGE", "")
        .env("MINIKUBE_IN_STYLE", "false"))
}

/// The fault of a failed call: minikube's own error in JSON if there is one, else its last output.
pub(crate) fn fault(run: &Run, profile: &Profile, doing: &str, error: ExecError) -> Fault {
    if error.stopped
        && let Some(stopped) = run.stopped()
    {
        return stopped
            .context(format!("stopped while trying to {doing}"))
            .hint("what was done is kept: `todo up` continues from there");
    }
    let events = error.stdout.lines().rev().filter_map(events::parse);
    let mut failures = events
        .filter_map(|event| if let MinikubeEvent::Failed(failure) = event { Some(failure) } else { None });
    let failure = failures.next().unwrap_or_else(|| Failure { code: error.code, ..Failure::default() });
    let kind = if error.cause.is_some() {
        FaultKind::Prerequisite
    } else {
        advice::kind(error.code, &failure.reason)
    };
    let hints = advice::hints(profile, run.world.os, error.code, &failure);
    let message = failure.message.trim().to_owned();
    let code = if advice::lacks_inotify(&message) { Code::InotifyLimitLow } else { Code::MinikubeFailed };
    let mut chain = anyhow::Error::new(error);
    if !message.is_empty() {
        chain = anyhow::Error::msg(message).context(chain.to_string());
    }
    hints.into_iter().fold(code.caused_by(kind, chain).context(format!("cannot {doing}")), Fault::hint)
}
