//! Workloads whose pods are not made, not scheduled or never ready before something else acts.

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::pods;
use crate::manifest::pods::items;

/// Gates that keep pods off the nodes or from being ready until something opens them.
pub(super) fn gates(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for (code, field, key, what, help) in [
            (
                Code::SchedulingGated,
                "schedulingGates",
                "name",
                "no pod gets a node until something removes the scheduling gate",
                "remove `schedulingGates`, unless a controller in the cluster does",
            ),
            (
                Code::ReadinessGateUnmet,
                "readinessGates",
                "conditionType",
                "no pod is ready until something sets the condition of the readiness gate",
                "remove `readinessGates`, unless a controller in the cluster sets it",
            ),
        ] {
            let gates: Vec<&str> =
                items(&template.spec()[field]).filter_map(|(_, gate)| gate[key].as_str()).collect();
            if !gates.is_empty() {
                let finding = code.warning(format!("{what} {}", listed(gates))).help(help);
                found.push(at(object, &format!("{}/spec/{field}", template.pointer), finding));
            }
        }
    }
    found
}

/// Deployments that ask to stand still before they have pods.
pub(super) fn paused(set: &Set<'_>) -> Vec<Finding> {
    let deployments = set.objects.iter().filter(|object| object.kind() == "Deployment");
    let paused = deployments.filter(|object| object.value["spec"]["paused"] == true);
    paused
        .map(|object| {
            let message = "it is paused: its pods are neither made nor changed until it is resumed";
            at(object, "/spec/paused", Code::WorkloadPaused.warning(message)).help("remove `paused`")
        })
        .collect()
}
