//! The tracker's results as events: one item per object that is waited for.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::tracker::HealthTracker;
use crate::event::Amount;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Sink;
use crate::event::Step;
use crate::event::Unit;
use crate::manifest::ObjectId;
use health::status;
use health::status::Health;
use health::status::ObjectHealth;
use std::collections::BTreeMap;

struct Item {
    open: Option<OpenItem>,
    shown: (String, Option<Amount>),
}

/// The items of one rollout. Items still open when it is dropped have failed.
pub(super) struct Items {
    sink: Sink,
    items: BTreeMap<ObjectId, Item>,
}

impl Items {
    pub(super) fn start(sink: &Sink, objects: &[AppliedObject]) -> Items {
        let items = objects.iter().filter(|object| waits(object)).map(|object| {
            let open = Some(sink.item(Step::Rollout, object.id.to_string()));
            (object.id.clone(), Item { open, shown: Default::default() })
        });
        Items { sink: sink.clone(), items: items.collect() }
    }

    /// Emits the changes.
    pub(super) fn update(&mut self, healths: &[ObjectHealth], tracker: &HealthTracker) {
        for (object_health, (_, health_status)) in healths.iter().zip(tracker.health_statuses()) {
            let Some(item) = self.items.get_mut(&object_health.object) else { continue };
            if status::is_well(object_health.health, &object_health.reason) {
                if let Some(open) = item.open.take() {
                    let outcome =
                        if object_health.health == Health::Paused { Outcome::Kept } else { Outcome::Ready };
                    open.finish(outcome, Some(object_health.message.clone()));
                    item.shown = Default::default();
                }
                continue;
            }
            // A claim is content until a pod uses it, and a pod can fall over again.
            let open = item
                .open
                .get_or_insert_with(|| self.sink.item(Step::Rollout, object_health.object.to_string()));
            let amount = health_status.replicas.map(|replicas| Amount {
                done: u64::try_from(replicas.ready).unwrap_or(0),
                total: u64::try_from(replicas.desired).ok(),
                unit: Unit::Replicas,
            });
            let shown = (object_health.message.clone(), amount);
            if shown != item.shown {
                if amount != item.shown.1 {
                    open.progress(health_status.reason.clone(), amount);
                }
                open.waiting(object_health.message.clone());
                item.shown = shown;
            }
        }
    }

    /// Notes on all open items that the API server does not answer.
    pub(super) fn problem(&mut self, why: &str) {
        for item in self.items.values_mut() {
            if let Some(open) = &item.open {
                open.waiting(format!("the API server does not answer, retrying: {why}"));
                item.shown = Default::default();
            }
        }
    }

    /// Ends all items: one that is neither failed nor ready ends as skipped.
    pub(super) fn close(&mut self, healths: &[ObjectHealth]) {
        for object_health in healths {
            let Some(open) = self.items.get_mut(&object_health.object).and_then(|item| item.open.take())
            else {
                continue;
            };
            match object_health.health {
                Health::Failed => open.finish(Outcome::Failed, Some(object_health.message.clone())),
                Health::Ready => open.finish(Outcome::Ready, Some(object_health.message.clone())),
                _ => open.finish(
                    Outcome::Skipped,
                    Some(format!("not waited for any longer: {}", object_health.message)),
                ),
            }
        }
    }
}
