//! ResourceQuotas: their usage, as reported in their status.

use crate::admission::used;
use crate::cluster::ctx::ControllerContext;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::kinds;
use crate::quantity;
use serde_json::json;
use std::time::Duration;

/// Looks at one quota.
pub(super) fn reconcile(ctx: &mut ControllerContext<'_>, namespace: &str, name: &str) {
    let Some(mut quota) = ctx.get(kinds::QUOTA, namespace, name) else { return };
    // A new one counts a moment after it is created.
    if quota["status"]["hard"].is_null() && !ctx.due {
        let moment = Duration::from_millis(ctx.random(1_000, 3_000));
        return ctx.again(moment, Task::for_object(Controller::Quota, &quota));
    }
    let limits = quota["spec"]["hard"].clone();
    let mut taken = json!({});
    for (resource, _) in limits.as_object().into_iter().flatten() {
        taken[resource] = json!(quantity::shown(used(ctx.memory, namespace, resource)));
    }
    quota["status"] = json!({"hard": limits, "used": taken});
    ctx.keep(quota);
}
