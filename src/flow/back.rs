//! The rollback to a revision that ran well: requested (`todo rollback`), or after a failed `up --rollback`.
//!
//! The failure is reported as it was found, before anything is changed again, and stays the run's result: the
//! revision that was restored is not the requested one.

use crate::cli;
use crate::cluster::ApplyOptions;
use crate::cluster::Target;
use crate::cluster::apply;
use crate::cluster::finalize;
use crate::cluster::forced_rollback;
use crate::cluster::revision;
use crate::cluster::revision::Earlier;
use crate::cluster::rollout;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::flags::limits;
use crate::flow::redaction;
use crate::run::Run;

/// Applies a revision as it was, and waits until it is healthy.
pub(crate) async fn to(run: &Run, target: &Target, earlier: Earlier, wait: &cli::Wait) -> Result<()> {
    let Earlier { number, objects, left, git } = earlier;
    redaction::objects(run, &objects);
    let step = run.sink.step(Step::Apply);
    let mut applied = apply(run, target, objects, &ApplyOptions::default()).await?;
    applied.left = left;
    applied.git = git;
    let outcome = if applied.is_unchanged() { Outcome::Unchanged } else { Outcome::Done };
    step.finish(outcome, Some(format!("as in revision {number}")));
    forced_rollback(run, target, &applied).await?;
    rollout(
        run,
        target,
        &applied.objects,
        &limits(wait),
        Box::pin(redaction::cluster(run, target, Step::Apply)),
    )
    .await?;
    finalize(run, target, applied).await.map(drop)
}

/// After `fault`, rolls back to the last revision that ran well. Returns the result of the run: the fault, and the
/// state in which the cluster is then.
pub(crate) async fn after(run: &Run, target: &Target, fault: Fault, wait: &cli::Wait) -> Fault {
    if fault.kind != FaultKind::Rollout {
        return fault;
    }
    let newest = match revision::history(run, target).await {
        Ok(revisions) => revisions.first().map(|revision| revision.number),
        Err(why) => return stuck(fault, "the revisions cannot be read", why),
    };
    let Some(number) = newest else {
        return fault.hint("there is no earlier revision to roll back to: the objects are not changed");
    };
    let why = fault.causes().join(": ");
    run.sink.warn(
        Code::RollingBack
            .warning(format!("{why}: rolling back to revision {number}"))
            .help("the failure is reported below"),
    );
    let back = async {
        let earlier = revision::earlier(run, target, Some(number)).await?;
        to(run, target, earlier, wait).await
    };
    match back.await {
        Ok(()) => fault
            .hint(format!("rolled back to revision {number} (healthy); `todo up` tries the new one again")),
        Err(why) if matches!(why.kind, FaultKind::Interrupted | FaultKind::Terminated) => why,
        Err(why) => stuck(fault, &format!("rollback to revision {number} failed"), why),
    }
}

/// Both faults: why the rollout failed, and why the rollback did.
fn stuck(fault: Fault, what: &str, why: Fault) -> Fault {
    let causes = why.causes().join(": ");
    let finding = Code::RollbackFailed
        .error(format!("{what}: {causes}"))
        .help("fix the problem and run `todo up` again");
    let mut fault = fault.findings([finding]).findings(why.findings);
    fault.hints.extend(why.hints);
    fault
}
