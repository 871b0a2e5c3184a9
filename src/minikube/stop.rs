//! `minikube stop` and `minikube delete`, only where there is something to stop or delete.

use crate::event::Amount;
use crate::event::Code;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::event::Unit;
use crate::exec::Call;
use crate::exec::Stream;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use crate::minikube::events;
use crate::minikube::events::MinikubeEvent;
use crate::minikube::exclusive::exclusive;
use crate::minikube::program;
use crate::minikube::repair;
use crate::minikube::state;
use crate::project::name::Profile;
use crate::run::Run;
use bollard::Docker;
use std::time::Duration;

/// Stops the profile's nodes; their data stays. [`Outcome::Unchanged`] if nothing runs.
///
/// The kubeconfig's entry stays too, so that a current context that is this profile's is so again after the next start.
pub async fn stop(run: &Run, profile: &Profile) -> Result<Outcome> {
    let item = run.sink.item(Step::Minikube, format!("profile {profile}"));
    let (lock, _) = exclusive(run, profile, &item).await?;
    let seen = state::inspect(run, profile, Duration::ZERO).await?;
    match seen.state {
        MinikubeState::Absent
        | MinikubeState::Stopped
        | MinikubeState::Broken(Break::ContainerGone { .. }) => {
            item.finish(Outcome::Unchanged, None);
            return Ok(Outcome::Unchanged);
        }
        MinikubeState::Paused(Pause::Container) => {
            // A frozen node cannot shut itself down.
            if let (Some(engine), Some(config)) = (&seen.engine, &seen.config) {
                repair::thaw(engine, &config.machines(profile)).await.or_fault(
                    Code::MinikubeFailed,
                    FaultKind::Minikube,
                    || format!("cannot stop the profile `{profile}`"),
                )?;
            }
        }
        _ => {}
    }
    let call =
        program::call(run, profile, ["stop", "-o", "json", "--keep-context-active"])?.holding(lock.file());
    follow(run, profile, &format!("stop the profile `{profile}`"), &call, &item).await?;
    item.finish(Outcome::Done, Some("stopped, its data kept".to_owned()));
    Ok(Outcome::Done)
}

/// Deletes the profile with all that it holds. [`Outcome::Unchanged`] if there is none.
pub async fn delete(run: &Run, profile: &Profile) -> Result<Outcome> {
    let item = run.sink.item(Step::Minikube, format!("profile {profile}"));
    let (lock, _) = exclusive(run, profile, &item).await?;
    // With its engine down, `minikube delete` removes the profile and leaves container and volume behind; inspecting
    // fails then.
    let seen = state::inspect(run, profile, Duration::ZERO).await?;
    if matches!(seen.state, MinikubeState::Absent) && !seen.volume {
        item.finish(Outcome::Unchanged, None);
        return Ok(Outcome::Unchanged);
    }
    if let MinikubeState::Broken(Break::Foreign(name)) = &seen.state {
        return Err(Code::ContainerNameTaken
            .fault(
                FaultKind::Minikube,
                format!("the container `{name}` was not created by minikube and is kept"),
            )
            .hint(format!("rename it (`docker rename {name} {name}-mine`), then try again")));
    }
    let call = program::call(run, profile, ["delete", "-o", "json"])?.holding(lock.file());
    follow(run, profile, &format!("delete the profile `{profile}`"), &call, &item).await?;
    if let Some(engine) = &seen.engine {
        nothing_left(engine, profile).await?;
    }
    item.finish(Outcome::Removed, None);
    Ok(Outcome::Removed)
}

async fn follow(run: &Run, profile: &Profile, doing: &str, call: &Call, item: &OpenItem) -> Result<()> {
    let each = |stream, line: &str| match events::parse(line).filter(|_| stream == Stream::Out) {
        Some(MinikubeEvent::Step { doing, index, total }) => {
            item.progress(doing, index.map(|done| Amount { done, total, unit: Unit::Steps }));
        }
        Some(MinikubeEvent::Text(text) | MinikubeEvent::Warning(text)) => item.log(text),
        _ => {}
    };
    call.lines(run, each).await.map_err(|error| program::fault(run, profile, doing, error))?;
    Ok(())
}

async fn nothing_left(engine: &Docker, profile: &Profile) -> Result<()> {
    let name = profile.as_str();
    let (container, volume) =
        (engine.inspect_container(name, None).await.is_ok(), engine.inspect_volume(name).await.is_ok());
    if !container && !volume {
        return Ok(());
    }
    let what = if container { "the container" } else { "the volume" };
    Err(Code::MinikubeDeleteIncomplete
        .fault(FaultKind::Minikube, format!("minikube left {what} `{name}` behind"))
        .hint(format!("remove it: `docker rm -fv {name}; docker volume rm {name}`")))
}
