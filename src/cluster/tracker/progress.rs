//! What counts as progress: counts, pods, containers that start for the first time. A crash loop does not count.

use health::cause;
use health::cause::newest;
use health::live;
use health::snapshot::Snapshot;
use health::status::HealthStatus;
use serde_json::Value;

/// A text that differs after progress, and whether an image is being pulled, which shows no progress of its own.
pub(super) fn fingerprint(live: &Value, health_status: &HealthStatus, snapshot: &Snapshot) -> (String, bool) {
    use std::fmt::Write as _;
    let mut text = format!("{:?} {}", health_status.replicas, health_status.message);
    let mut pulling = false;
    for pod in newest::pods(live, snapshot) {
        let _ = write!(text, "|{} {}", live::name(pod), live::text(pod, "/status/phase"));
        for (status, _) in cause::pod::containers(pod) {
            let first = live::count(status, "/restartCount") == 0;
            let up = status.pointer("/state/running").is_some();
            let _ = write!(text, " {}{}", u8::from(first && up), u8::from(live::flag(status, "/ready")));
        }
        let events = snapshot.events(live::uid(pod));
        pulling |= events.last().is_some_and(|last| last.reason == "Pulling")
            && live::text(pod, "/status/phase") == "Pending";
    }
    (text, pulling)
}
