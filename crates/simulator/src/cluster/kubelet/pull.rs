//! A container's image: there, fetched, or waited for.

use super::running::RETRY;
use super::running::Running;
use super::unit::UnitState;
use crate::cluster::image::ImageInfo;
use crate::cluster::world::World;
use crate::request::text;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::sleep;

const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// Bytes a second that a registry gives.
const SPEED: u64 = 40_000_000;

/// Waits until the image is there.
pub(super) async fn image(world: &Arc<World>, pod: &Running, index: usize) -> ImageInfo {
    let spec = pod.unit(index).spec;
    let reference = text(&spec["image"]);
    if let Some(why) = unreadable(&reference) {
        refuse(world, pod, index, "InvalidImageName", "InspectFailed", &why).await;
    }
    let images = Arc::clone(&world.settings.images);
    let always = spec["imagePullPolicy"] == "Always";
    let mut pause = BACK_OFF;
    loop {
        if let Some(found) = images.find(&reference).filter(|_| !always) {
            let message = format!(
                "Container image \"{reference}\" already present on machine and can be accessed by the pod"
            );
            pod.emit_event(world, index, "Normal", "Pulled", &message);
            return found;
        }
        if spec["imagePullPolicy"] == "Never" {
            let why = format!("Container image \"{reference}\" is not present with pull policy of Never");
            wait(world, pod, index, "ErrImageNeverPull", &why);
            pod.emit_event(world, index, "Warning", "ErrImageNeverPull", &why);
            pod.emit_event(world, index, "Warning", "Failed", "Error: ErrImageNeverPull");
            sleep(RETRY).await;
            continue;
        }
        pod.emit_event(world, index, "Normal", "Pulling", &format!("Pulling image \"{reference}\""));
        let began = Instant::now();
        sleep(world.a_moment(400, 1200)).await;
        let why = match images.pull(&reference) {
            Ok(found) => {
                sleep(Duration::from_millis(found.size * 1000 / SPEED)).await;
                let took = format!("{}ms", began.elapsed().as_millis());
                let message = format!(
                    "Successfully pulled image \"{reference}\" in {took} ({took} including waiting). Image size: {} bytes.",
                    found.size
                );
                pod.emit_event(world, index, "Normal", "Pulled", &message);
                return found;
            }
            Err(why) => why.0,
        };
        wait(world, pod, index, "ErrImagePull", &why);
        pod.emit_event(
            world,
            index,
            "Warning",
            "Failed",
            &format!("Failed to pull image \"{reference}\": {why}"),
        );
        pod.emit_event(world, index, "Warning", "Failed", "Error: ErrImagePull");
        sleep(world.a_moment(900, 1800)).await;
        let message = format!("Back-off pulling image \"{reference}\"");
        wait(world, pod, index, "ImagePullBackOff", &format!("{message}: ErrImagePull: {why}"));
        pod.emit_event(world, index, "Normal", "BackOff", &message);
        pod.emit_event(world, index, "Warning", "Failed", "Error: ImagePullBackOff");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

pub(super) fn wait(world: &World, pod: &Running, index: usize, reason: &'static str, why: &str) {
    pod.change(world, index, |unit| {
        if let UnitState::Ended(ended) = unit.now.clone() {
            unit.last = Some(ended);
        }
        unit.now = UnitState::Waiting(reason, why.to_owned());
    });
}

/// Emits the events again and again; never returns.
async fn refuse(
    world: &Arc<World>,
    pod: &Running,
    index: usize,
    reason: &'static str,
    event: &str,
    why: &str,
) {
    loop {
        wait(world, pod, index, reason, why);
        pod.emit_event(world, index, "Warning", event, why);
        pod.emit_event(world, index, "Warning", "Failed", &format!("Error: {reason}"));
        sleep(RETRY).await;
    }
}

/// Why a reference cannot be read, in the words of the reference library (`distribution/reference`).
fn unreadable(reference: &str) -> Option<String> {
    let intro = |why: &str| {
        Some(format!(
            "Failed to apply default image tag \"{reference}\": couldn't parse image name \"{reference}\": invalid reference format{why}"
        ))
    };
    let name = reference.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    };
    // A first part with a dot or a port is a registry, which may contain capital letters.
    let path = match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    };
    if path.chars().any(char::is_uppercase) {
        let large: Vec<&str> = path.split('/').filter(|part| part.chars().any(char::is_uppercase)).collect();
        return intro(&format!(": repository name ({}) must be lowercase", large[large.len() - 1]));
    }
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "._-/".contains(c));
    if path.is_empty() || path.contains(odd) || reference.contains(char::is_whitespace) {
        return intro("");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::unreadable;

    #[test]
    fn names_are_read_as_the_runtime_reads_them() {
        for fine in ["web", "web:1", "ghcr.io/acme/web:V1", "localhost:5000/web@sha256:0", "busybox:1.36"] {
            assert_eq!(unreadable(fine), None, "{fine}");
        }
        assert!(unreadable("Acme/Web:1").unwrap().ends_with("repository name (Web) must be lowercase"));
        assert!(unreadable("a b").unwrap().ends_with("invalid reference format"));
    }
}
