//! `todo forward`: a port of a Service on localhost, held until Ctrl-C.

use crate::cli;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::Open;
use crate::flow::open;
use crate::flow::reach;
use crate::project::Project;
use crate::run::Run;
use crate::service::hold::Wanted;
use crate::service::hold::hold;

/// Holds the port that `flags` ask for; the answer is where.
pub async fn forward(run: &Run, project: &Project, flags: &cli::Forward) -> Result<Answer> {
    let wanted =
        flags.service.as_deref().map(|name| Wanted::parse(name, flags.ports.as_deref())).transpose()?;
    let target = reach::running(run, project).await?;
    let objects = match wanted {
        Some(_) => Vec::new(),
        None => open::deployed(run, &target).await?,
    };
    let step = run.sink.step(Step::Service);
    let (client, namespace) = (&target.client, &target.namespace);
    let held = hold(client, namespace, wanted, flags.local_port, &project.services, &objects);
    let held = run.or_stopped(held).await?;
    for note in held.notes {
        run.sink.warn(note);
    }
    let told = format!("{} leads to {}:{}", held.address, held.service, held.port);
    step.finish(Outcome::Done, Some(told));
    Ok(Answer::Url(Open { url: held.address, forwards: vec![held.forward], unwritten: None }))
}
