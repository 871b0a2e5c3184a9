//! `todo forward`: a port of a Service on localhost, held until Ctrl-C, or in the background until it is ended.

use crate::cli;
use crate::cluster::Doing;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::HeldForward;
use crate::flow::OpenUrl;
use crate::flow::forwards;
use crate::flow::open;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::redaction;
use crate::project::Project;
use crate::run::Run;
use crate::service::detached::watch::Watched;
use crate::service::detached::watch::cluster_uid;
use crate::service::hold;
use crate::service::hold::ForwardSpec;

/// Forwards the port that `flags` ask for; the answer is where.
pub async fn forward(run: &Run, project: &Project, flags: &cli::Forward) -> Result<Answer> {
    if flags.stop {
        return stop(run, project, flags).await;
    }
    let desired =
        flags.service.as_deref().map(|name| ForwardSpec::parse(name, flags.ports.as_deref())).transpose()?;
    let cluster = reach::there(run, project).await?;
    let target = cluster.target(run, project).await?;
    redaction::cluster(run, &target, Step::Service).await;
    let objects = match desired {
        Some(_) => Vec::new(),
        None => {
            owner::check(run, project, &target, None, false, Doing::Using).await?;
            open::deployed(run, &target).await?
        }
    };
    let step = run.sink.step(Step::Service);
    let (client, namespace) = (&target.client, &target.namespace);
    let owner = cluster.owner(project);
    let lead = hold::find(client, namespace, desired, flags.local_port, &project.services, &objects).await?;
    let (forward, notes) = if flags.detach {
        hold::detach(run, client, &owner, &lead).await?
    } else {
        hold::hold(client, namespace, &lead).await?
    };
    for note in notes {
        run.sink.warn(note);
    }
    let url = lead.address(forward.address());
    forward.report(run, (&lead.service, lead.port.number), &url);
    step.finish(Outcome::Done, Some(format!("{url} points to {}:{}", lead.service, lead.port.number)));
    let held = match forward.into_here() {
        None => None,
        Some(forward) => {
            let cluster = cluster_uid(client).await.ok().flatten();
            let watched = Watched { services: vec![(namespace.clone(), lead.service)], cluster };
            Some(Box::new(HeldForward { forward, watched, owner }))
        }
    };
    Ok(Answer::Url(OpenUrl { url, held, unwritten: None }))
}

/// Ends those that run in the background.
async fn stop(run: &Run, project: &Project, flags: &cli::Forward) -> Result<Answer> {
    let name = flags.service.as_deref();
    let ended = forwards::end(run, project, name).await?;
    let Some(name) = name.filter(|_| ended == 0) else { return Ok(Answer::Nothing) };
    let fault = Code::PortForwardNotFound
        .fault(FaultKind::Service, format!("no port-forward to `{name}` runs in the background"));
    let others = forwards::list(run, project)?;
    let others: Vec<String> = others.iter().map(|other| format!("`{}`", other.record.spec.service)).collect();
    Err(if others.is_empty() {
        fault.hint("the project has none; `todo forward --detach NAME` starts one")
    } else {
        fault.hint(format!("there are port-forwards to {}", others.join(", ")))
    })
}
