//! Steps that users perform in addition to `docker compose up`, and `todo up` does not.

use super::Plan;
use super::Unit;
use super::job::prepares;
use crate::discover::evidence::Rank;
use crate::discover::proposal::Proposal;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use std::collections::BTreeSet;

/// Names of scripts that prepare an installation.
const PREPARING: [&str; 4] = ["install", "setup", "bootstrap", "configure"];

/// Commands that are run in services by hand, and a script that prepares the installation.
pub(super) fn propose(plan: &Plan<'_>, units: &[Unit<'_>], proposal: &mut Proposal) {
    let mut seen = BTreeSet::new();
    for ran in plan
        .survey
        .evidence
        .ran
        .iter()
        .filter(|ran| ran.provenance.rank < Rank::Aside && prepares(&ran.command))
    {
        let Some(unit) = units.iter().find(|unit| unit.service.name == ran.service) else { continue };
        if seen.insert((unit.name.clone(), ran.command.clone())) {
            let kind = plan.kinds.get(&unit.service.name).map_or("Deployment", |(_, kind, _)| *kind);
            let what = format!("{} runs `{}` in `{}`", ran.provenance.place, ran.command, ran.service);
            let help = format!(
                "after `todo up`: `kubectl exec -it {}/{} -- {}`, with what that line has besides",
                kind.to_lowercase(),
                unit.name,
                ran.command
            );
            proposal.besides.push((what, help));
        }
    }
    if let Some(script) = preparing(plan) {
        let what = format!("`{script}` prepares the installation");
        let help =
            format!("read `{script}`: the files, the values and the steps that it makes, `todo up` does not");
        proposal.first.insert(0, help.clone());
        proposal.besides.push((what, help));
    }
}

/// The script next to the compose file that makes files or starts other scripts before anything runs.
fn preparing<'p>(plan: &'p Plan<'_>) -> Option<&'p str> {
    let tree = &plan.survey.tree;
    let folder = parent(&plan.compose.path);
    let named = |path: &&str| {
        let name = file_name(path);
        ends(path, &["sh", "bash"]) && PREPARING.contains(&name.split('.').next().unwrap_or(name))
    };
    let makes = |path: &&str| {
        let text = tree.text(path).unwrap_or_default();
        crate::discover::shell::calls(text, path).iter().any(|call| {
            let copies = matches!(call.words[0].as_str(), "cp" | "openssl" | "envsubst");
            copies || matches!(call.words[0].as_str(), "source" | "." | "bash" | "sh") && call.words.len() > 1
        })
    };
    tree.inside(folder).filter(named).find(makes).filter(|_| !plan.compose.path.is_empty())
}
