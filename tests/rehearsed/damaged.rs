//! An inventory or a revision that another client has damaged, deleted or relabelled.

use crate::rehearsed::harness::Harness;
use crate::rehearsed::harness::RunOutput;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use todo::answer::status::ProjectHealth;
use todo::flow::Answer;

type Change<'a> = &'a dyn Fn(&mut Value);

const SECRETS: &str = "api/v1/secrets";
const RECORD: &str = "todo.shop";

fn app(value: &str) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{key: '{value}'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: old}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 10Mi}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {{name: web, image: 'nginx:1', envFrom: [{{secretRef: {{name: keys}}}}]}}
"
    )
}

async fn shop() -> Harness {
    let harness = Harness::new().await;
    harness.write("deploy.toml", "namespace = 'shop'\n[[manifests]]\npath = 'app.yaml'\n");
    harness.write("app.yaml", &app("1"));
    ended(&harness.todo(&["up"]).await, 0);
    harness
}

#[track_caller]
fn ended(output: &RunOutput, code: u8) {
    assert_eq!(output.code, code, "{output:#?}");
}

fn pods(harness: &Harness) -> Vec<Value> {
    let api = harness.cluster.api();
    let all = api.all();
    let names = all.keys().filter_map(|key| key.strip_prefix("api/v1/pods shop/"));
    names.map(|name| api.get("api/v1/pods", "shop", name).unwrap()["metadata"]["uid"].clone()).collect()
}

fn secrets(harness: &Harness) -> BTreeMap<String, Value> {
    let api = harness.cluster.api();
    let all = api.all();
    let names = all.keys().filter_map(|key| key.strip_prefix("api/v1/secrets shop/")).map(str::to_owned);
    names.map(|name| (name.clone(), api.get(SECRETS, "shop", &name).unwrap())).collect()
}

fn change(harness: &Harness, name: &str, change: Change<'_>) {
    let mut secret = harness.cluster.api().get(SECRETS, "shop", name).unwrap();
    change(&mut secret);
    harness.cluster.api().put(SECRETS, secret);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_inventory_is_rebuilt_kept_aside_and_restarts_no_pod() {
    let ways: [(&str, Change<'_>); 4] = [
        ("empty", &|secret| secret["data"]["inventory"] = json!("")),
        ("garbage", &|secret| secret["data"]["inventory"] = json!("AAAAAAAA")),
        ("without its key", &|secret| {
            secret["data"].as_object_mut().unwrap().remove("inventory");
        }),
        ("with nothing at all", &|secret| {
            secret["data"] = json!({"inventory": "AAAA"});
            secret["metadata"]["labels"] = json!({});
            secret["metadata"]["annotations"] = json!({});
        }),
    ];
    for (what, damage) in ways {
        let harness = shop().await;
        let before = pods(&harness);
        change(&harness, RECORD, damage);
        let output = harness.todo(&["status"]).await;
        assert!(output.report.contains(RECORD), "{what}: {}", output.report);
        let Some(Answer::Status(report)) = output.answer else { panic!("{what}") };
        assert_eq!((report.verdict, report.workloads.len()), (ProjectHealth::Ready, 2), "{what}");

        let output = harness.todo(&["up"]).await;
        ended(&output, 0);
        assert_eq!(pods(&harness), before, "{what}: the salt is the same");
        let aside: Vec<String> =
            secrets(&harness).into_keys().filter(|name| name.contains(".damaged-")).collect();
        let [aside] = aside.as_slice() else { panic!("{what}: {aside:?}") };
        assert!(output.report.contains(aside.as_str()), "{what}: {}", output.report);
        let again = harness.todo(&["up"]).await;
        assert_eq!((again.code, again.report.as_str()), (0, ""), "{what}: it is told once");
        assert_eq!(pods(&harness), before, "{what}");

        // Prune candidates are still found.
        harness.write("app.yaml", &app("1").replace("name: old", "name: new"));
        ended(&harness.todo(&["up"]).await, 0);
        assert!(harness.cluster.api().get("api/v1/configmaps", "shop", "old").is_none(), "{what}");
        ended(&harness.todo(&["down", "--purge"]).await, 0);
        assert!(harness.cluster.api().get("api/v1/namespaces", "", "shop").is_none(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_inventory_lets_down_find_everything_and_keep_the_data() {
    let harness = shop().await;
    change(&harness, RECORD, &|secret| secret["data"]["inventory"] = json!("AAAA"));
    let output = harness.todo(&["down"]).await;
    ended(&output, 0);
    assert!(pods(&harness).is_empty());
    let claim = || harness.cluster.api().get("api/v1/persistentvolumeclaims", "shop", "data");
    assert!(claim().is_some(), "{output:#?}");
    let Some(Answer::Status(report)) = harness.todo(&["status"]).await.answer else { panic!() };
    assert_eq!(report.verdict, ProjectHealth::Absent);
    change(&harness, RECORD, &|secret| secret["data"]["inventory"] = json!("AAAA"));
    let Some(Answer::Status(report)) = harness.todo(&["status"]).await.answer else { panic!() };
    assert_eq!(report.verdict, ProjectHealth::Absent, "only data is there");
    ended(&harness.todo(&["down", "--purge"]).await, 0);
    assert!(claim().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_inventory_is_rebuilt_with_the_salt_of_the_newest_revision() {
    let harness = shop().await;
    let before = pods(&harness);
    harness.cluster.api().take(SECRETS, "shop", RECORD);
    ended(&harness.todo(&["status"]).await, 0);
    ended(&harness.todo(&["up"]).await, 0);
    assert_eq!(pods(&harness), before);
    // Another directory still is another project.
    let second = crate::rehearsed::harness::Project::at(harness.address);
    second.write("deploy.toml", "namespace = 'shop'\n[[manifests]]\npath = 'app.yaml'\n");
    second.write("app.yaml", &app("1").replace("name: ", "name: b-"));
    harness.cluster.api().take(SECRETS, "shop", RECORD);
    for command in ["up", "down"] {
        ended(&second.todo(&[command]).await, 40);
    }
    ended(&harness.todo(&["down", "--purge"]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_newer_inventory_and_one_of_another_tool_are_left_alone() {
    let harness = shop().await;
    let annotation = |secret: &mut Value| {
        secret["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] = json!("kubectl/v1.35.0");
    };
    change(&harness, RECORD, &annotation);
    let before = secrets(&harness);
    for command in ["up", "down", "status", "plan"] {
        let output = harness.todo(&[command]).await;
        ended(&output, 40);
        assert!(output.report.contains("kubectl"), "{}", output.report);
    }
    assert_eq!(secrets(&harness), before);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_revision_is_told_and_the_others_lead_back() {
    let harness = shop().await;
    for value in ["2", "3"] {
        harness.write("app.yaml", &app(value));
        ended(&harness.todo(&["up"]).await, 0);
    }
    change(&harness, "todo.shop.v2", &|secret| secret["data"]["payload"] = json!("AAAA"));
    let output = harness.todo(&["history"]).await;
    assert!(output.report.contains("revision 2"), "{}", output.report);
    let Some(Answer::Listing(list)) = &output.answer else { panic!("{output:?}") };
    assert_eq!(list.rows.len(), 2);
    let output = harness.todo(&["rollback"]).await;
    assert!(output.code != 0 && output.report.contains("todo rollback 1"), "{output:#?}");
    ended(&harness.todo(&["rollback", "1"]).await, 0);
    // A revision without its labels has no effect.
    change(&harness, "todo.shop.v4", &|secret| secret["metadata"]["labels"] = json!({}));
    harness.write("app.yaml", &app("5"));
    ended(&harness.todo(&["up"]).await, 0);
    ended(&harness.todo(&["up"]).await, 0);
}
