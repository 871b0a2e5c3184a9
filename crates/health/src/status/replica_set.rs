//! ReplicaSets and ReplicationControllers that are not a Deployment's.

use crate::live;
use crate::status::Judgement;
use crate::status::ready_of;
use crate::status::starting;
use serde_json::Value;

pub(super) fn judge(object: &Value) -> Judgement {
    let wanted = live::number(object, "/spec/replicas").unwrap_or(1);
    let existing = live::count(object, "/status/replicas");
    let ready = live::count(object, "/status/readyReplicas");
    let available = live::count(object, "/status/availableReplicas");
    let of = |judgement: Judgement| judgement.replicas(ready, wanted);
    if existing != wanted {
        return of(Judgement::progressing("Scaling", format!("{existing} of {wanted} pods exist")));
    }
    if ready < wanted || available < wanted {
        return of(Judgement::progressing("Starting", starting(ready, available, wanted)));
    }
    of(Judgement::ready("ReplicasReady", ready_of(ready, wanted)))
}
