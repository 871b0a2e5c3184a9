//! The project's port-forwards in the background: their process, their list, their end.

use crate::answer::status::ForwardStatus;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::exec;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::reach;
use crate::project::Project;
use crate::run::Run;
use crate::service::detached::Listed;
use crate::service::detached::Spec;
use crate::service::detached::Store;
use crate::service::detached::process;

/// The body of a forward's process, which `up` and `forward --detach` start: it runs until it is stopped.
pub async fn process(run: &Run, spec: &str) -> Result<()> {
    exec::new_session();
    let doing = || "`todo up` and `todo forward --detach` start this command themselves".to_owned();
    let spec: Spec = serde_json::from_str(spec).or_fault(Code::PortForwardFailed, FaultKind::Usage, doing)?;
    let owner = spec.owner.clone();
    // It records how it ended.
    run.shield(process::serve(run, &store(run)?, spec, async || reach::connect(run, &owner).await)).await
}

/// The forwards of the project, running or not.
pub(crate) fn list(run: &Run, project: &Project) -> Result<Vec<Listed>> {
    // Without a home directory there are no forwards.
    let Some(store) = Store::open(&run.world) else { return Ok(Vec::new()) };
    let owner = reach::owner(run, project)?;
    store.list(&owner).or_fault(Code::PortForwardFailed, FaultKind::Service, || {
        format!("cannot use the directory {}", store.folder().display())
    })
}

/// One as `status` shows it.
pub(crate) fn status(listed: &Listed) -> ForwardStatus {
    let record = &listed.record;
    let ended = || {
        record
            .ended
            .clone()
            .unwrap_or_else(|| format!("its process was ended; {} starts it again", again(&record.spec)))
    };
    ForwardStatus {
        service: record.spec.service.to_string(),
        port: record.spec.port,
        address: record.address.to_string(),
        url: record.url.clone(),
        running: listed.running,
        pid: record.pid,
        reason: if listed.running { record.trouble.clone() } else { Some(ended()) },
    }
}

/// The command that started it.
fn again(spec: &Spec) -> String {
    if spec.by_up { "`todo up`".to_owned() } else { format!("`todo forward --detach {}`", spec.service) }
}

/// Ends them, or only those to the Service `name`; returns how many there were.
///
/// # Errors
/// [`FaultKind::Service`] where one does not end; the others have ended all the same.
pub(crate) async fn end(run: &Run, project: &Project, name: Option<&str>) -> Result<usize> {
    let mut listed = list(run, project)?;
    let is_to = |item: &Listed, name: &str| {
        item.record.spec.service.as_str() == name || item.record.spec.opens.as_str() == name
    };
    listed.retain(|item| name.is_none_or(|name| is_to(item, name)));
    if listed.is_empty() {
        return Ok(0);
    }
    let step = run.sink.step(Step::Service);
    let store = store(run)?;
    let mut findings = Vec::new();
    for one in &listed {
        let item = run.sink.item(Step::Service, format!("port-forward {}", one.record.address));
        match store.end(&one.key).await {
            Ok(()) => item.finish(Outcome::Removed, None),
            Err(error) => findings.push(
                Code::PortForwardNotEnded
                    .error(format!("the port-forward {} does not end: {error}", one.record.address))
                    .about(format!("Service/{}", one.record.spec.service))
                    .help(format!(
                        "end its process, which was {}, and run the command again",
                        one.record.pid
                    )),
            ),
        }
    }
    if !findings.is_empty() {
        return Err(Code::PortForwardNotEnded
            .fault(FaultKind::Service, "not every port-forward has ended")
            .findings(findings));
    }
    step.finish(Outcome::Done, None);
    Ok(listed.len())
}

fn store(run: &Run) -> Result<Store> {
    Store::open(&run.world).ok_or_else(|| {
        Code::HomeNotFound
            .fault(FaultKind::Prerequisite, "there is no home directory for the state of port-forwards")
            .hint("set one: `export XDG_STATE_HOME=/some/folder`")
    })
}
