//! Pods that nobody controls, and any pod of a dump.

use crate::cluster::health::Judgement;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn judge(object: &Value) -> Judgement {
    let reason = |otherwise: &str| {
        let own = live::text(object, "/status/reason");
        if own.is_empty() { otherwise.to_owned() } else { own.to_owned() }
    };
    match live::text(object, "/status/phase") {
        "Succeeded" => Judgement::ready(reason("Completed"), "it ran to its end"),
        "Failed" => {
            let said = live::text(object, "/status/message");
            Judgement::failed(
                reason("Failed"),
                if said.is_empty() { "its containers ended with an error" } else { said },
            )
        }
        "Running" if live::holds(object, "Ready") => {
            Judgement::ready("Ready", "running and ready").replicas(1, 1)
        }
        "Running" => {
            let statuses = live::list(object, "/status/containerStatuses");
            let ready = statuses.iter().filter(|status| live::flag(status, "/ready")).count();
            let message = format!("{ready} of {} containers ready", statuses.len());
            Judgement::progressing(reason("ContainersNotReady"), message).replicas(0, 1)
        }
        "Unknown" => Judgement::new(
            crate::cluster::health::Health::Unknown,
            reason("NodeLost"),
            "its node does not answer",
        ),
        _ => Judgement::progressing(reason("Pending"), waiting(object)).replicas(0, 1),
    }
}

fn waiting(object: &Value) -> String {
    let scheduled = live::condition(object, "PodScheduled");
    if let Some(condition) = scheduled.filter(|condition| condition.status == "False") {
        return condition.message.to_owned();
    }
    live::list(object, "/status/initContainerStatuses")
        .iter()
        .chain(live::list(object, "/status/containerStatuses"))
        .map(|status| live::text(status, "/state/waiting/reason"))
        .find(|reason| !reason.is_empty())
        .unwrap_or("waiting for a node")
        .to_owned()
}
