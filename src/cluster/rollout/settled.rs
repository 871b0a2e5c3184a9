//! The look at a cluster in which nothing was written: at what the comparison has read, and usually that is all.

use crate::cluster::apply::Applied;
use crate::cluster::health::Health;
use crate::cluster::judge::limits::Limits;
use crate::cluster::rollout::Rolled;
use crate::cluster::rollout::judge_of;
use crate::cluster::rollout::known;
use crate::cluster::rollout::read;
use crate::cluster::rollout::waits;
use crate::cluster::rollout::warnings;
use crate::cluster::snapshot::Snapshot;
use crate::cluster::target::Target;
use crate::fault::Result;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;

/// Everything is healthy already, or `None`: then it has to be watched.
pub(super) async fn look(target: &Target, applied: &Applied, limits: &Limits) -> Result<Option<Rolled>> {
    let mut snapshot = known(applied);
    // Whoever compared them has just read them, with all that their controllers say.
    for object in applied.objects.iter().filter(|object| waits(object)) {
        snapshot.know(object.id.clone(), object.after.clone());
    }
    let now = target.clock.now();
    let mut judge = judge_of(applied, limits, now);
    let verdicts = judge.observe(now, &snapshot);
    let content = judge
        .judgements()
        .all(|(_, judgement)| judgement.soft || matches!(judgement.health, Health::Ready | Health::Paused));
    if !content {
        return Ok(None);
    }
    let mut found = warnings(&judge, applied, &snapshot);
    if found
        .iter()
        .any(|finding| finding.subject.as_deref().is_some_and(|subject| subject.starts_with("Service/")))
    {
        // Pods may come from kinds that were not listed: look before crying.
        add_pods(target, applied, &mut snapshot).await;
        found = warnings(&judge, applied, &snapshot);
    }
    Ok(Some(Rolled { verdicts, warnings: found }))
}

async fn add_pods(target: &Target, applied: &Applied, snapshot: &mut Snapshot) {
    let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let homes: std::collections::BTreeSet<&String> =
        applied.objects.iter().filter_map(|object| object.id.namespace.as_ref()).collect();
    for namespace in homes {
        if let Ok(objects) = read(target, &pods, Some(namespace)).await {
            snapshot.replace("", "Pod", Some(namespace), objects);
        }
    }
}
