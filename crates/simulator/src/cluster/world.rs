//! What the parts of the cluster share, and the round in which the controllers take their turns.
//!
//! One task does everything that controllers do, one object at a time and in one order, so that the same seed gives the
//! same history; only pods have tasks of their own, because most of what they do is waiting.

use crate::api::Api;
use crate::cluster::Settings;
use crate::cluster::claim;
use crate::cluster::collector;
use crate::cluster::ctx::ControllerContext;
use crate::cluster::daemon_set;
use crate::cluster::deployment;
use crate::cluster::endpoints;
use crate::cluster::job;
use crate::cluster::kubelet::Kubelet;
use crate::cluster::listener::Doors;
use crate::cluster::namespace;
use crate::cluster::queue::concern;
use crate::cluster::quota;
use crate::cluster::replica_set;
use crate::cluster::scheduler;
use crate::cluster::stateful_set;
use crate::cluster::task::Controller;
use crate::cluster::task::Task;
use crate::cluster::token;
use crate::kinds::Served;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The cluster behind its API.
pub(super) struct World {
    pub(super) api: Api,
    pub(super) settings: Settings,
    pub(super) kubelet: Kubelet,
    pub(super) doors: Doors,
    /// Whether the nodes run; connections end when they stop.
    pub(super) power: watch::Sender<bool>,
}

/// A task that is looked at so often in one moment follows from itself.
const AT_MOST: usize = 5_000;

impl World {
    pub(super) fn get(&self, kind: Served, namespace: &str, name: &str) -> Option<Value> {
        self.api.get(kind.collection, namespace, name)
    }

    /// Works on the objects as a part of the cluster.
    pub(super) fn ctx<R>(&self, work: impl FnOnce(&mut ControllerContext<'_>) -> R) -> R {
        self.controlled(false, &mut Vec::new(), work)
    }

    fn controlled<R>(
        &self,
        due: bool,
        later: &mut Vec<(Duration, Task)>,
        work: impl FnOnce(&mut ControllerContext<'_>) -> R,
    ) -> R {
        self.api.with(|memory| work(&mut ControllerContext { memory, settings: &self.settings, later, due }))
    }

    /// A moment of some milliseconds, as the seed has it.
    pub(super) fn a_moment(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.ctx(|ctx| ctx.random(least, most)))
    }

    fn run_task(self: &Arc<Self>, task: &Task, due: bool, later: &mut Vec<(Duration, Task)>) {
        let (namespace, name) = (task.namespace.as_str(), task.name.as_str());
        if task.controller == Controller::Kubelet {
            return self.kubelet.sync_pod(self, namespace, name);
        }
        self.controlled(due, later, |ctx| match task.controller {
            Controller::Namespace => namespace::reconcile(ctx, name),
            Controller::Claim => claim::reconcile(ctx, namespace, name),
            Controller::Quota => quota::reconcile(ctx, namespace, name),
            Controller::Deployment => deployment::reconcile(ctx, namespace, name),
            Controller::ReplicaSet => replica_set::reconcile(ctx, &replica_set::SET, namespace, name),
            Controller::Replication => {
                replica_set::reconcile(ctx, &replica_set::CONTROLLER, namespace, name);
            }
            Controller::Token => token::reconcile(ctx, namespace, name),
            Controller::StatefulSet => stateful_set::reconcile(ctx, namespace, name),
            Controller::DaemonSet => daemon_set::reconcile(ctx, namespace, name),
            Controller::Job => job::reconcile(ctx, namespace, name),
            Controller::Scheduler => scheduler::reconcile(ctx, namespace, name),
            Controller::Endpoints => endpoints::reconcile(ctx, namespace, name),
            Controller::Collector => collector::reconcile(ctx, task),
            Controller::Kubelet => {}
        });
        if task.controller == Controller::Endpoints {
            self.doors.check(self, namespace, name, later);
        }
    }

    /// Works for as long as the nodes run.
    pub(super) async fn control(self: Arc<Self>) {
        let mut news = self.api.news();
        let mut queue: BTreeSet<Task> = BTreeSet::new();
        // The nodes have not seen the objects that existed before they started.
        let mut seen = self.api.with(|memory| {
            for change in memory.as_news() {
                concern(memory, &change, &mut queue);
            }
            memory.version
        });
        let mut later: BTreeSet<(Instant, Task)> = BTreeSet::new();
        let mut due: BTreeSet<Task> = BTreeSet::new();
        loop {
            news.borrow_and_update();
            let mut left = AT_MOST;
            loop {
                self.api.with(|memory| {
                    for change in memory.since(seen) {
                        concern(memory, change, &mut queue);
                    }
                    seen = memory.version;
                });
                let Some(task) = queue.pop_first() else { break };
                let mut put_off = Vec::new();
                self.run_task(&task, due.remove(&task), &mut put_off);
                let now = Instant::now();
                for (after, task) in put_off {
                    later.retain(|(_, other)| *other != task);
                    later.insert((now + after.max(Duration::from_millis(1)), task));
                }
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            let next = later.first().map(|(at, _)| *at);
            tokio::select! {
                changed = news.changed(), if left > 0 => if changed.is_err() { return },
                () = until(next), if left > 0 => {
                    let now = Instant::now();
                    while later.first().is_some_and(|(at, _)| *at <= now) {
                        let Some((_, task)) = later.pop_first() else { break };
                        due.insert(task.clone());
                        queue.insert(task);
                    }
                }
                // A controller that requeues endlessly must not keep the clock from advancing.
                () = tokio::time::sleep(Duration::from_millis(100)), if left == 0 => {}
            }
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
