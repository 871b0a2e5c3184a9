//! The controller that the project's Ingresses need: found, enabled, or reported as missing, before they are applied.

use crate::cluster::Target;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Severity;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::manifest::Object;
use crate::minikube;
use crate::project::Project;
use crate::run::Run;
use crate::service::candidate::Live;
use crate::service::candidate::candidates;
use crate::service::ingress;

/// Ensures that a controller serves the Ingresses among `objects`.
///
/// An Ingress of a class without a controller is a fault if the application is to be opened through it, else a
/// warning.
pub(crate) async fn served(run: &Run, project: &Project, target: &Target, objects: &[Object]) -> Result<()> {
    let desired = project.minikube.addons.iter().any(|addon| addon == minikube::INGRESS);
    let look = || ingress::inspect(&target.client, objects, desired);
    let doing = "cannot list the controllers of the Ingresses";
    let need = Box::pin(target.request(run, "ingress", doing, look)).await?;
    let opened = candidates(&project.services, objects, &Live::default()).unwrap_or_default();
    let (broken, weak): (Vec<_>, Vec<_>) = need.unserved.into_iter().partition(|(name, _)| {
        opened.iter().filter_map(|candidate| candidate.ingress.as_ref()).any(|front| front.name == *name)
    });
    for (_, mut finding) in weak {
        finding.severity = Severity::Warning;
        run.sink.warn(finding);
    }
    if !broken.is_empty() {
        let message = "the Ingress that opens the application has no controller";
        let findings = broken.into_iter().map(|(_, finding)| finding);
        let fault = Code::IngressControllerMissing.fault(FaultKind::Prerequisite, message).findings(findings);
        return Err(fault.hint("or open a Service with a NodePort: name it in deploy.toml, `[service.NAME]`"));
    }
    // Addons are minikube's; in a target's cluster a controller is its owner's affair.
    if project.elsewhere.is_some() || !need.addon && !need.coming {
        return Ok(());
    }
    let step = run.sink.step(Step::Minikube);
    let item = run.sink.item(Step::Minikube, "ingress");
    let up = async {
        if need.addon {
            item.progress("enabling the addon ingress", None);
            minikube::enable(run, &project.minikube.profile, minikube::INGRESS).await?;
        }
        ingress::admits(&target.client, |why| item.waiting(why)).await
    };
    // minikube waits six minutes for a pod that cannot start.
    tokio::select! {
        done = up => done?,
        fault = ingress::cannot_come_up(&target.client, project.minikube.profile.as_str()) => return Err(fault),
    }
    item.finish(Outcome::Changed, None);
    step.finish(Outcome::Done, Some("addon ingress".to_owned()));
    Ok(())
}
