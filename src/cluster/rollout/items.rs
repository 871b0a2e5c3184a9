//! The judge's verdicts as events: one item per object that is waited for.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::judge::Judge;
use crate::event::Amount;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Sink;
use crate::event::Step;
use crate::event::Unit;
use crate::manifest::ObjectId;
use health::status;
use health::status::Health;
use health::status::Verdict;
use std::collections::BTreeMap;

struct Item {
    open: Option<OpenItem>,
    shown: (String, Option<Amount>),
}

/// The items of one rollout. Those that are open when it is dropped have failed.
pub(super) struct Items {
    sink: Sink,
    items: BTreeMap<ObjectId, Item>,
}

impl Items {
    pub(super) fn open(sink: &Sink, objects: &[AppliedObject]) -> Items {
        let items = objects.iter().filter(|object| waits(object)).map(|object| {
            let open = Some(sink.item(Step::Rollout, object.id.to_string()));
            (object.id.clone(), Item { open, shown: Default::default() })
        });
        Items { sink: sink.clone(), items: items.collect() }
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, verdicts: &[Verdict], judge: &Judge) {
        for (verdict, (_, judgement)) in verdicts.iter().zip(judge.judgements()) {
            let Some(item) = self.items.get_mut(&verdict.object) else { continue };
            if status::is_well(verdict.health, &verdict.reason) {
                if let Some(open) = item.open.take() {
                    let outcome =
                        if verdict.health == Health::Paused { Outcome::Kept } else { Outcome::Ready };
                    open.finish(outcome, Some(verdict.message.clone()));
                    item.shown = Default::default();
                }
                continue;
            }
            // A claim is content until a pod uses it, and a pod can fall over again.
            let open =
                item.open.get_or_insert_with(|| self.sink.item(Step::Rollout, verdict.object.to_string()));
            let amount = judgement.replicas.map(|replicas| Amount {
                done: u64::try_from(replicas.ready).unwrap_or(0),
                total: u64::try_from(replicas.wanted).ok(),
                unit: Unit::Replicas,
            });
            let shown = (verdict.message.clone(), amount);
            if shown != item.shown {
                if amount != item.shown.1 {
                    open.progress(judgement.reason.clone(), amount);
                }
                open.waiting(verdict.message.clone());
                item.shown = shown;
            }
        }
    }

    /// Says on all open items that the API server does not answer.
    pub(super) fn problem(&mut self, why: &str) {
        for item in self.items.values_mut() {
            if let Some(open) = &item.open {
                open.waiting(format!("the API server does not answer, retrying: {why}"));
                item.shown = Default::default();
            }
        }
    }

    /// Ends all items: what is not broken itself is left as it is.
    pub(super) fn close(&mut self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            let Some(open) = self.items.get_mut(&verdict.object).and_then(|item| item.open.take()) else {
                continue;
            };
            match verdict.health {
                Health::Failed => open.finish(Outcome::Failed, Some(verdict.message.clone())),
                Health::Ready => open.finish(Outcome::Ready, Some(verdict.message.clone())),
                _ => open.finish(
                    Outcome::Skipped,
                    Some(format!("not waited for any longer: {}", verdict.message)),
                ),
            }
        }
    }
}
