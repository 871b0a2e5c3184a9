//! A script in the node's own bash, with any driver: for checks that only work on the node.
//!
//! By `minikube ssh` and not `docker exec`, because that works for virtual machines, too. The script is passed by
//! standard input; that needs the system's `ssh`, since minikube's own client starts a terminal and repeats its
//! input.

use crate::event::Code;
use crate::exec;
use crate::exec::Call;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::minikube::config;
use crate::minikube::program;
use crate::project::name::Profile;
use crate::run::Run;
use std::time::Duration;

/// Time limit for all of it: a login on a busy machine, and the script.
const PATIENCE: Duration = Duration::from_secs(40);

/// The output of `script` on the first node of `profile`. No part of it appears in a process's arguments.
pub async fn inside(run: &Run, profile: &Profile, script: &str) -> Result<String> {
    let driver = config::read(&run.world, profile).ok().flatten().map(|config| config.driver);
    let call = if driver.as_deref() == Some("none") {
        // The node is this machine.
        let bash = exec::find(&run.world, "bash")
            .ok_or_else(|| Code::ProgramNotFound.fault(FaultKind::Prerequisite, "bash is not on the PATH"))?;
        Call::new(bash).args(["-s"])
    } else {
        if exec::find(&run.world, "ssh").is_none() {
            let fault = Code::ProgramNotFound.fault(
                FaultKind::Prerequisite,
                "`ssh` is not on the PATH, and is needed to run commands in the node",
            );
            return Err(fault.hint("install an OpenSSH client"));
        }
        program::call(run, profile, ["ssh", "--native-ssh=false"])?.args(["--", "bash", "-s"])
    };
    let doing = format!("run a command in the node of `{profile}`");
    match tokio::time::timeout(PATIENCE, call.input(script).read_only().output(run)).await {
        Ok(done) => {
            done.map(|output| output.stdout).map_err(|error| program::fault(run, profile, &doing, error))
        }
        Err(_) => {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            Err(Code::NodeCommandFailed.fault(FaultKind::Minikube, why).context(format!("cannot {doing}")))
        }
    }
}
