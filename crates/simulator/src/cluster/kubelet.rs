//! The kubelets of all nodes: a task for each pod that has a node.
//!
//! Follows `kubernetes: pkg/kubelet` in its messages and their order, not in how it works.

mod config;
mod container;
mod life;
mod probe;
mod pull;
pub(super) mod running;
mod unit;
mod volume;

use crate::cluster::kubelet::running::Running;
use crate::cluster::reading::has_ended;
use crate::cluster::reading::is_dying;
use crate::cluster::world::World;
use crate::kinds;
use crate::request::text;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The pods that run on the nodes.
#[derive(Default)]
pub(super) struct Kubelet {
    pods: Mutex<BTreeMap<(String, String), Tended>>,
}

struct Tended {
    running: Arc<Running>,
    /// That the pod is to end, and how long it may take.
    end: watch::Sender<Option<Duration>>,
    task: JoinHandle<()>,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubelet {
    /// Looks at one pod: takes it up, ends it, or lets go of it.
    pub(super) fn sync_pod(&self, world: &Arc<World>, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        let pod = world.get(kinds::POD, namespace, name);
        let uid = pod.as_ref().map(|pod| text(&pod["metadata"]["uid"])).unwrap_or_default();
        if pods.get(&key).is_some_and(|tended| tended.running.uid != uid) {
            pods.remove(&key);
        }
        let Some(pod) = pod.filter(|pod| !pod["spec"]["nodeName"].is_null()) else { return };
        if is_dying(&pod) {
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(0);
            match pods.get(&key) {
                Some(tended) => {
                    tended.end.send_replace(Some(Duration::from_secs(grace)));
                }
                None => life::let_go(world, &pod),
            }
        } else if !has_ended(&pod) && !pods.contains_key(&key) {
            pods.insert(key, tend(world, pod));
        }
    }

    /// The running state of a pod.
    pub(super) fn running(&self, namespace: &str, name: &str) -> Option<Arc<Running>> {
        let pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        pods.get(&(namespace.to_owned(), name.to_owned())).map(|tended| Arc::clone(&tended.running))
    }

    /// Everything ends at once, without a status update.
    pub(super) fn power_off(&self) {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn tend(world: &Arc<World>, pod: Value) -> Tended {
    let running = Arc::new(Running::new(world, pod));
    let (end, ending) = watch::channel(None);
    let task = tokio::spawn(life::live(Arc::clone(world), Arc::clone(&running), ending));
    Tended { running, end, task }
}
