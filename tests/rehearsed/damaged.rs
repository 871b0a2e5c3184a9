//! An inventory or a revision that somebody has damaged, deleted or relabelled.

use crate::rehearsed::stage::Stage;
use crate::rehearsed::stage::Told;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use todo::flow::Answer;
use todo::report::status::Verdict;

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

async fn shop() -> Stage {
    let stage = Stage::new().await;
    stage.write("deploy.toml", "namespace = 'shop'\n[[manifests]]\npath = 'app.yaml'\n");
    stage.write("app.yaml", &app("1"));
    ended(&stage.todo(&["up"]).await, 0);
    stage
}

#[track_caller]
fn ended(told: &Told, code: u8) {
    assert_eq!(told.code, code, "{told:#?}");
}

fn pods(stage: &Stage) -> Vec<Value> {
    let api = stage.cluster.api();
    let all = api.all();
    let names = all.keys().filter_map(|key| key.strip_prefix("api/v1/pods shop/"));
    names.map(|name| api.get("api/v1/pods", "shop", name).unwrap()["metadata"]["uid"].clone()).collect()
}

fn secrets(stage: &Stage) -> BTreeMap<String, Value> {
    let api = stage.cluster.api();
    let all = api.all();
    let names = all.keys().filter_map(|key| key.strip_prefix("api/v1/secrets shop/")).map(str::to_owned);
    names.map(|name| (name.clone(), api.get(SECRETS, "shop", &name).unwrap())).collect()
}

fn change(stage: &Stage, name: &str, change: Change<'_>) {
    let mut secret = stage.cluster.api().get(SECRETS, "shop", name).unwrap();
    change(&mut secret);
    stage.cluster.api().put(SECRETS, secret);
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
        let stage = shop().await;
        let before = pods(&stage);
        change(&stage, RECORD, damage);
        let told = stage.todo(&["status"]).await;
        assert!(told.report.contains(RECORD), "{what}: {}", told.report);
        let Some(Answer::Status(report)) = told.answer else { panic!("{what}") };
        assert_eq!((report.verdict, report.workloads.len()), (Verdict::Ready, 2), "{what}");

        let told = stage.todo(&["up"]).await;
        ended(&told, 0);
        assert_eq!(pods(&stage), before, "{what}: the salt is the same");
        let aside: Vec<String> =
            secrets(&stage).into_keys().filter(|name| name.contains(".damaged-")).collect();
        let [aside] = aside.as_slice() else { panic!("{what}: {aside:?}") };
        assert!(told.report.contains(aside.as_str()), "{what}: {}", told.report);
        let again = stage.todo(&["up"]).await;
        assert_eq!((again.code, again.report.as_str()), (0, ""), "{what}: it is told once");
        assert_eq!(pods(&stage), before, "{what}");

        // What is no longer wanted is still found.
        stage.write("app.yaml", &app("1").replace("name: old", "name: new"));
        ended(&stage.todo(&["up"]).await, 0);
        assert!(stage.cluster.api().get("api/v1/configmaps", "shop", "old").is_none(), "{what}");
        ended(&stage.todo(&["down", "--purge"]).await, 0);
        assert!(stage.cluster.api().get("api/v1/namespaces", "", "shop").is_none(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_inventory_lets_down_find_everything_and_keep_the_data() {
    let stage = shop().await;
    change(&stage, RECORD, &|secret| secret["data"]["inventory"] = json!("AAAA"));
    let told = stage.todo(&["down"]).await;
    ended(&told, 0);
    assert!(pods(&stage).is_empty());
    let claim = || stage.cluster.api().get("api/v1/persistentvolumeclaims", "shop", "data");
    assert!(claim().is_some(), "{told:#?}");
    let Some(Answer::Status(report)) = stage.todo(&["status"]).await.answer else { panic!() };
    assert_eq!(report.verdict, Verdict::Absent);
    change(&stage, RECORD, &|secret| secret["data"]["inventory"] = json!("AAAA"));
    let Some(Answer::Status(report)) = stage.todo(&["status"]).await.answer else { panic!() };
    assert_eq!(report.verdict, Verdict::Absent, "only data is there");
    ended(&stage.todo(&["down", "--purge"]).await, 0);
    assert!(claim().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_inventory_is_rebuilt_with_the_salt_of_the_newest_revision() {
    let stage = shop().await;
    let before = pods(&stage);
    stage.cluster.api().take(SECRETS, "shop", RECORD);
    ended(&stage.todo(&["status"]).await, 0);
    ended(&stage.todo(&["up"]).await, 0);
    assert_eq!(pods(&stage), before);
    // Another folder still is another project.
    let second = crate::rehearsed::stage::Project::at(stage.address);
    second.write("deploy.toml", "namespace = 'shop'\n[[manifests]]\npath = 'app.yaml'\n");
    second.write("app.yaml", &app("1").replace("name: ", "name: b-"));
    stage.cluster.api().take(SECRETS, "shop", RECORD);
    for command in ["up", "down"] {
        ended(&second.todo(&[command]).await, 40);
    }
    ended(&stage.todo(&["down", "--purge"]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_newer_inventory_and_one_of_another_tool_are_left_alone() {
    let stage = shop().await;
    let annotation = |secret: &mut Value| {
        secret["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] = json!("kubectl/v1.35.0");
    };
    change(&stage, RECORD, &annotation);
    let before = secrets(&stage);
    for command in ["up", "down", "status", "plan"] {
        let told = stage.todo(&[command]).await;
        ended(&told, 40);
        assert!(told.report.contains("kubectl"), "{}", told.report);
    }
    assert_eq!(secrets(&stage), before);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_revision_is_told_and_the_others_lead_back() {
    let stage = shop().await;
    for value in ["2", "3"] {
        stage.write("app.yaml", &app(value));
        ended(&stage.todo(&["up"]).await, 0);
    }
    change(&stage, "todo.shop.v2", &|secret| secret["data"]["payload"] = json!("AAAA"));
    let told = stage.todo(&["history"]).await;
    assert!(told.report.contains("revision 2"), "{}", told.report);
    let Some(Answer::Listing(list)) = &told.answer else { panic!("{told:?}") };
    assert_eq!(list.rows.len(), 2);
    let told = stage.todo(&["rollback"]).await;
    assert!(told.code != 0 && told.report.contains("todo rollback 1"), "{told:#?}");
    ended(&stage.todo(&["rollback", "1"]).await, 0);
    // A revision without its labels is in nobody's way.
    change(&stage, "todo.shop.v4", &|secret| secret["metadata"]["labels"] = json!({}));
    stage.write("app.yaml", &app("5"));
    ended(&stage.todo(&["up"]).await, 0);
    ended(&stage.todo(&["up"]).await, 0);
}
