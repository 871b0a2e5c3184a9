//! `todo doctor`: every prerequisite, whether or not the profile runs, each with the command that fixes it.

mod fix;

use crate::answer::listing::Listing;
use crate::cli;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::bundle;
use crate::flow::dns;
use crate::minikube;
use crate::preflight;
use crate::project::Project;
use crate::run::Run;
use serde_json::json;

/// What keeps `up` from using the profile, whether or not it runs. An engine that does not answer is reported
/// elsewhere.
async fn profile(run: &Run, project: &Project) -> Option<Finding> {
    let state = minikube::inspect(run, &project.minikube).await.ok()?;
    let fault = minikube::refusal(&project.minikube.profile, &state)?;
    let finding = Finding { severity: Severity::Error, ..fault.code.warning(fault.causes().join(": ")) };
    Some(finding.help(fault.hints.join("; ")))
}

/// A finding that `--fix` would put right.
fn offered(finding: Finding) -> Finding {
    let help = format!("{}, or let `todo doctor --fix` do it", finding.help.as_deref().unwrap_or_default());
    finding.help(help)
}

async fn findings(run: &Run, project: &Project) -> Result<Vec<Finding>> {
    let mut findings = match &project.elsewhere {
        None => preflight::doctor(run, Some(project)).await,
        other => preflight::preflight(run, project, other.as_ref()).await?.findings,
    };
    if project.elsewhere.is_none() {
        findings.extend(profile(run, project).await);
    }
    findings.extend(dns::findings(run, project).await);
    Ok(findings)
}

/// Runs all checks; an unmet requirement of `up` is a fault. With `--fix` the safe fixes are applied first.
pub async fn doctor(run: &Run, project: &Project, flags: &cli::Doctor) -> Result<Answer> {
    let (fixed, left) = if flags.fix {
        fix::fix(run, project, flags.yes).await?
    } else {
        (Vec::new(), fix::fixes(run, project).await.iter().map(|fix| offered(fix.finding(project))).collect())
    };
    let mut findings = findings(run, project).await?;
    findings.extend(left);
    let bundle = flags.bundle.as_deref();
    let bundle = bundle.map(|path| bundle::bundle(run, project, &findings, path)).transpose()?;
    let bundle = bundle.map(|path| path.display().to_string());
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        let fault = Code::PrerequisiteMissing
            .fault(FaultKind::Prerequisite, "a prerequisite is missing")
            .findings(findings);
        return Err(match bundle {
            Some(path) => fault.hint(format!("the archive for a report is `{path}`")),
            None => fault,
        });
    }
    let json = json!({ "findings": findings, "bundle": bundle, "fixed": fixed });
    let written = bundle.map(|path| vec!["bundle".to_owned(), path]);
    let rows = findings.into_iter().map(|finding| {
        let word = if finding.severity == Severity::Warning { "warning" } else { "note" };
        let help = finding.help.map(|help| format!(" ({help})")).unwrap_or_default();
        vec![word.to_owned(), format!("{}{help}", finding.message)]
    });
    Ok(Answer::Listing(Listing {
        header: Vec::new(),
        rows: fixed
            .into_iter()
            .map(|what| vec!["fixed".to_owned(), what])
            .chain(rows)
            .chain(written)
            .collect(),
        below: Vec::new(),
        nothing: "nothing is missing",
        json,
    }))
}
