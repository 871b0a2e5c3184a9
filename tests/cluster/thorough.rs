//! Any set, interrupted at any point: nothing that it made is unlisted, and the next run ends it. The phases are kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use crate::cluster::harness::Harness;
use crate::cluster::shared::config;
use crate::cluster::shared::object;
use serde_json::json;
use simulator::request::ApiResponse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use todo::cluster::ApplyOptions;
use todo::cluster::phase;
use todo::cluster::read_inventory;
use todo::manifest::Object;
use tokio::sync::Notify;

/// xorshift64*, by Marsaglia and Vigna: the same sets on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }
}

/// Some objects of many kinds; some of them with other contents than another roll would give them.
fn any_set(dice: &mut Dice) -> Vec<Object> {
    let named = |version: &str, kind: &str, body: serde_json::Value| {
        let mut value =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": kind.to_lowercase()}});
        for (name, part) in body.as_object().unwrap() {
            value[name] = part.clone();
        }
        object(value)
    };
    let n = dice.roll(3).to_string();
    let all = [
        config("a", json!({"n": n})),
        config("b", json!({})),
        named("v1", "Secret", json!({"stringData": {"n": n}})),
        named("v1", "ServiceAccount", json!({})),
        named("v1", "Service", json!({"spec": {"ports": [{"port": 80}]}})),
        named("rbac.authorization.k8s.io/v1", "ClusterRole", json!({"rules": []})),
        named("rbac.authorization.k8s.io/v1", "RoleBinding", json!({"subjects": []})),
        named("networking.k8s.io/v1", "Ingress", json!({"spec": {"n": n}})),
        named("policy/v1", "PodDisruptionBudget", json!({"spec": {"minAvailable": 1}})),
        named("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 1})),
        named("apps/v1", "StatefulSet", json!({"spec": {"serviceName": n, "template": {"metadata": {}}}})),
        named("batch/v1", "CronJob", json!({"spec": {"schedule": n}})),
        named(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"spec": {"group": "zoo.io",
            "scope": "Namespaced", "names": {"kind": "Mouse", "plural": "mice"}, "versions": [{"name": "v1"}]}}),
        ),
    ];
    all.into_iter().filter(|_| dice.roll(3) > 0).collect()
}

/// Runs until its `cut`th write, which is `done` or not when the run dies. Returns whether it came so far.
async fn dies(harness: &Harness, objects: &[Object], cut: usize, done: bool) -> bool {
    let (writes, dead) = (AtomicUsize::new(0), Arc::new(Notify::new()));
    let killer = Arc::clone(&dead);
    harness.api.answer_with(move |ask| {
        if !ask.writes() {
            return None;
        }
        let number = writes.fetch_add(1, Ordering::SeqCst);
        if number == cut {
            killer.notify_one();
            // What is done, is done now; without an answer to the client.
            return Some(if done { ApiResponse::Cut } else { ApiResponse::Hangup });
        }
        (number > cut).then_some(ApiResponse::Hangup)
    });
    let died = tokio::select! {
        biased;
        () = dead.notified() => true,
        finished = harness.try_up(objects, ApplyOptions { yes: true, ..ApplyOptions::default() }) => {
            finished.unwrap();
            false
        }
    };
    // The request that was under way reaches the server, the ones behind it do not.
    tokio::time::sleep(Duration::from_secs(1)).await;
    harness.api.answer_with(|_| None);
    harness.api.take("apis/coordination.k8s.io/v1/leases", "shop", "todo.shop");
    died
}

#[tokio::test(start_paused = true)]
async fn whatever_is_interrupted_wherever_is_listed_and_ended_by_the_next_run() {
    let mut cuts = 0;
    for seed in 1..=4 {
        let mut dice = Dice(seed);
        let (before, desired) = (any_set(&mut dice), any_set(&mut dice));
        for done in [false, true] {
            for cut in 0.. {
                let harness = Harness::without_sockets().await;
                let any = ApplyOptions { yes: true, prune_data: true, ..ApplyOptions::default() };
                harness.try_up(&before, any).await.unwrap();
                let died = dies(&harness, &desired, cut, done).await;
                let at = format!("seed {seed}, cut {cut}, {done}");

                let inventory = read_inventory(&harness.run, &harness.target).await.unwrap().unwrap();
                let listed: BTreeSet<String> =
                    inventory.entries.iter().map(|entry| entry.id.to_string()).collect();
                let labelled = harness.labelled();
                assert!(labelled.is_subset(&listed), "{at}: {labelled:?} but listed {listed:?}");

                harness.try_up(&desired, any).await.unwrap();
                let names: BTreeSet<String> = desired.iter().map(|o| o.id().to_string()).collect();
                assert_eq!(harness.labelled(), names, "{at}");
                let settled = harness.api.all();
                assert_eq!(harness.try_up(&desired, any).await.unwrap(), Vec::<String>::new(), "{at}");
                assert_eq!(settled, harness.api.all(), "{at}");
                cuts += 1;
                if !died {
                    break;
                }
            }
        }
    }
    assert!(cuts > 60, "{cuts}");
}

#[tokio::test]
async fn no_object_is_written_before_one_of_an_earlier_phase_nor_removed_after_it() {
    for seed in 1..=6 {
        let desired = any_set(&mut Dice(seed));
        let harness = Harness::new().await;
        let order = |said: &[String], word: &str| -> Vec<_> {
            let names = said.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
            let ids =
                names.filter_map(|name| desired.iter().map(Object::id).find(|id| id.to_string() == name));
            ids.map(|id| phase(&id.group, &id.kind)).collect()
        };
        let made = order(&harness.up(&desired).await, "Created");
        assert!(made.len() == desired.len() && made.is_sorted(), "seed {seed}: {made:?}");
        let mut gone = order(&harness.down(true).await, "Removed");
        gone.reverse();
        assert!(gone.len() == desired.len() && gone.is_sorted(), "seed {seed}: {gone:?}");
    }
}
