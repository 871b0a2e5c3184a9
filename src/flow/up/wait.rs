//! Waits until the written objects are healthy; then prunes what deploy.toml no longer has, and records the revision.

use super::write::Written;
use crate::cli;
use crate::cluster::AppliedObject;
use crate::cluster::finalize;
use crate::cluster::rollout;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::back;
use crate::flow::check;
use crate::flow::connected::Connected;
use crate::flow::flags::limits;
use crate::flow::git;
use crate::flow::redaction;
use crate::image;
use crate::manifest::Object;
use crate::manifest::Release;

/// A project that runs.
#[derive(Debug)]
pub(in crate::flow) struct Healthy {
    /// Its desired objects.
    pub(in crate::flow) objects: Vec<Object>,
    /// Whether this run has written any of them.
    pub(in crate::flow) changed: bool,
    pub(in crate::flow) releases: Vec<Release>,
    pub(in crate::flow) images: Vec<image::Built>,
}

/// Waits; with `--rollback` a failed rollout is followed by the rollback to the last revision that ran.
pub(in crate::flow) async fn wait(to: &Connected<'_>, written: Written, flags: &cli::Up) -> Result<Healthy> {
    let Connected { run, project, cluster, target } = to;
    let checks_skipped = written.checks_skipped;
    let warnings = written.warnings.clone();
    let objects = written.applied.objects.iter().chain(&written.released);
    let objects: Vec<Object> = objects.map(|applied| applied.object.clone()).collect();
    match finish(to, written, &objects, flags).await {
        Ok(healthy) => Ok(healthy),
        Err(mut fault) => {
            beside(&mut fault, &warnings);
            if checks_skipped && fault.kind == FaultKind::Rollout {
                fault = fault.findings(check::late(run, project, cluster, &objects).await);
            }
            Err(if flags.rollback { back::after(run, target, fault, &flags.wait).await } else { fault })
        }
    }
}

/// Adds to the finding about a program that exited the earlier warnings that may be its cause.
fn beside(fault: &mut Fault, warnings: &[Finding]) {
    let ended = |finding: &&mut Finding| {
        matches!(finding.code, Code::CrashLoop | Code::CommandNotRunnable | Code::ContainerCompleted)
    };
    for finding in fault.findings.iter_mut().filter(ended) {
        let of_it = |warning: &&Finding| {
            matches!(warning.code, Code::SecretValueMissing | Code::VolumeHidesProgram)
                && warning.subject == finding.subject
        };
        let messages = warnings.iter().filter(of_it).map(|warning| {
            let place = warning.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
            format!("{}{place}", warning.message)
        });
        finding.evidence.splice(0..0, messages.collect::<Vec<_>>());
    }
}

async fn finish(
    to: &Connected<'_>,
    written: Written,
    objects: &[Object],
    flags: &cli::Up,
) -> Result<Healthy> {
    let Connected { run, project, target, .. } = to;
    let Written { mut applied, released, charts, releases, images, .. } = written;
    let (limits, no_hooks) = (limits(&flags.wait), flags.helm.no_hooks);
    // Helm's objects, too: the others may be waiting for them.
    let all: Vec<AppliedObject> = applied.objects.iter().chain(&released).cloned().collect();
    rollout(run, target, &all, &limits, Box::pin(redaction::cluster(run, target, Step::Apply))).await?;
    let changed = !applied.is_unchanged();
    if changed {
        applied.git = git::revision(run, &project.root).await;
    }
    let charts = charts.retire(run, target, &limits, no_hooks).await?;
    finalize(run, target, applied).await?;
    charts.finish(run, target, &limits, no_hooks, &released).await?;
    Ok(Healthy { objects: objects.to_vec(), changed, releases, images })
}

#[cfg(test)]
mod tests {
    use super::beside;
    use crate::event::Code;
    use crate::fault::FaultKind;

    #[test]
    fn what_was_told_before_stands_beside_the_crash_of_the_same_object() {
        let crash = |code: Code, subject: &str| {
            code.error("it ended").about(subject).evidence(["its log".to_owned()])
        };
        let findings = [
            crash(Code::CrashLoop, "Deployment/web"),
            crash(Code::CrashLoop, "Deployment/shop"),
            crash(Code::OutOfMemory, "Deployment/web"),
        ];
        let mut fault = Code::NotHealthy.fault(FaultKind::Rollout, "failed").findings(findings);
        let warnings = [
            Code::SecretValueMissing.warning("`URL` is empty").about("Deployment/web"),
            Code::ImageTagMutable.warning("it can be another").about("Deployment/web"),
        ];
        beside(&mut fault, &warnings);
        let shown: Vec<usize> = fault.findings.iter().map(|finding| finding.evidence.len()).collect();
        assert_eq!(shown, [2, 1, 1]);
        assert_eq!(fault.findings[0].evidence[0], "`URL` is empty");
    }
}
