//! When the running pods of the project were scheduled, had their images, started and were ready, since their creation.

use crate::answer::timeline::PodTimes;
use crate::cluster::logs;
use crate::cluster::logs::pick;
use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use crate::fault::Result;
use crate::run::Run;
use health::live;
use jiff::Timestamp;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;
use std::collections::BTreeSet;

/// The times of the project's pods, in the order of their creation.
///
/// # Errors
/// If the cluster is unreachable, or nothing is deployed.
pub async fn pod_times(run: &Run, target: &Target) -> Result<Vec<PodTimes>> {
    let ids = logs::deployed(run, target).await?;
    let objects = logs::objects(target, &ids).await?;
    let mut pods = pick::pods(&ids, &objects);
    pods.sort_by_key(|pod| live::moment(pod, "/metadata/creationTimestamp"));
    let homes: BTreeSet<&str> = pods.iter().map(|pod| live::namespace(pod)).collect();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Event"));
    let mut events = Vec::new();
    for home in homes {
        // Without events the rest is known all the same.
        events.extend(list(target, &resource, Some(home)).await.unwrap_or_default());
    }
    Ok(pods.into_iter().map(|pod| times(pod, &events)).collect())
}

fn times(pod: &Value, events: &[Value]) -> PodTimes {
    let created = live::moment(pod, "/metadata/creationTimestamp");
    let after = |at: Option<Timestamp>| u64::try_from(at?.duration_since(created?).as_secs()).ok();
    let reached = |name: &str| {
        let mut conditions = live::list(pod, "/status/conditions").iter();
        let condition =
            conditions.find(|condition| condition["type"] == name && condition["status"] == "True")?;
        live::moment(condition, "/lastTransitionTime")
    };
    let is_pulled = |event: &&Value| {
        event["reason"] == "Pulled" && live::text(event, "/involvedObject/uid") == live::uid(pod)
    };
    let pulled =
        events.iter().filter(is_pulled).filter_map(|event| live::moment(event, "/firstTimestamp")).max();
    let statuses = live::list(pod, "/status/containerStatuses").iter();
    let started = statuses.filter_map(|status| live::moment(status, "/state/running/startedAt")).max();
    PodTimes {
        pod: live::name(pod).to_owned(),
        scheduled_s: after(reached("PodScheduled")),
        image_s: after(pulled),
        started_s: after(started),
        ready_s: after(reached("Ready")),
    }
}

#[cfg(test)]
mod tests {
    use super::PodTimes;
    use super::times;
    use serde_json::json;

    #[test]
    fn times_count_from_the_creation_and_what_is_not_known_is_left_out() {
        let at = |second: u32| format!("2026-01-01T10:00:{second:02}Z");
        let pod = json!({
            "metadata": {"name": "web-1", "uid": "u", "creationTimestamp": at(0)},
            "status": {
                "conditions": [
                    {"type": "PodScheduled", "status": "True", "lastTransitionTime": at(1)},
                    {"type": "Ready", "status": "True", "lastTransitionTime": at(9)},
                ],
                "containerStatuses": [{"state": {"running": {"startedAt": at(6)}}}, {"state": {"running": {"startedAt": at(4)}}}],
            },
        });
        let events = [
            json!({"reason": "Pulled", "involvedObject": {"uid": "u"}, "firstTimestamp": at(3)}),
            json!({"reason": "Pulled", "involvedObject": {"uid": "other"}, "firstTimestamp": at(8)}),
        ];
        let all = PodTimes {
            pod: "web-1".to_owned(),
            scheduled_s: Some(1),
            image_s: Some(3),
            started_s: Some(6),
            ready_s: Some(9),
        };
        assert_eq!(times(&pod, &events), all);
        let mut waiting = pod.clone();
        waiting["status"] =
            json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": at(9)}]});
        assert_eq!(times(&waiting, &[]), PodTimes { pod: "web-1".to_owned(), ..PodTimes::default() });
    }
}
