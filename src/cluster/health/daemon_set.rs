//! DaemonSets.

use crate::cluster::health::Judgement;
use crate::cluster::health::ready_of;
use crate::cluster::live;
use serde_json::Value;

pub(super) fn judge(object: &Value) -> Judgement {
    let Some(wanted) = live::number(object, "/status/desiredNumberScheduled") else {
        return Judgement::progressing("Scheduling", "its controller has not counted the nodes yet");
    };
    let ready = live::count(object, "/status/numberReady");
    let of = |judgement: Judgement| judgement.replicas(ready, wanted);
    if wanted == 0 {
        return of(Judgement::ready("NoNodes", "no node asks for it").note("no node matches its selector"));
    }
    if live::text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return of(if ready >= wanted {
            Judgement::ready("OnDelete", ready_of(ready, wanted))
                .note("pods change only when they are deleted")
        } else {
            Judgement::progressing("Starting", ready_of(ready, wanted))
        });
    }
    let updated = live::count(object, "/status/updatedNumberScheduled");
    if updated < wanted {
        return of(Judgement::progressing("Updating", format!("{updated} of {wanted} pods are new")));
    }
    if ready < wanted || live::count(object, "/status/numberAvailable") < wanted {
        return of(Judgement::progressing("Starting", ready_of(ready, wanted)));
    }
    of(Judgement::ready("AllNodesReady", ready_of(ready, wanted)))
}
