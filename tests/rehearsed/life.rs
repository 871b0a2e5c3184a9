//! The life of an application in the rehearsal: it is deployed, changed, rolled back, and deleted.

use crate::rehearsed::harness::Harness;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;
use simulator::request::Ask;
use std::time::Duration;
use todo::flow::Answer;
use todo::flow::plan::CHANGES;

const PROJECT: &str =
    "name = \"shop\"\nnamespace = \"shop\"\n\n[[manifests]]\npath = \"manifests\"\n\n[service.web]\n";

const DATA: &str = r"apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 1Gi } }
";

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { password: p }\n";

const SERVICE: &str = r"apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: http }]
";

fn web(image: &str, replicas: u32) -> String {
    format!(
        r"apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      containers:
        - name: web
          image: {image}
          ports: [{{ name: http, containerPort: 8080 }}]
          readinessProbe: {{ httpGet: {{ port: http }}, periodSeconds: 1 }}
          env:
            - name: PASSWORD
              valueFrom: {{ secretKeyRef: {{ name: keys, key: password }} }}
          volumeMounts: [{{ name: data, mountPath: /data }}]
      volumes: [{{ name: data, persistentVolumeClaim: {{ claimName: data }} }}]
"
    )
}

async fn shop() -> Harness {
    let harness = Harness::new().await;
    harness.write("deploy.toml", PROJECT);
    for (name, text) in [("data", DATA), ("keys", SECRET), ("service", SERVICE), ("web", &web("nginx:1", 2))]
    {
        harness.write(&format!("manifests/{name}.yaml"), text);
    }
    harness
}

fn pods(harness: &Harness) -> Vec<Value> {
    let all = harness.cluster.api().all();
    let names = all.keys().filter_map(|key| key.strip_prefix("api/v1/pods shop/"));
    names.map(|name| harness.cluster.api().get("api/v1/pods", "shop", name).unwrap()).collect()
}

fn left(harness: &Harness, namespace: &str) -> Vec<String> {
    let all = harness.cluster.objects();
    all.into_keys().filter(|key| key.contains(&format!(" {namespace}/"))).collect()
}

#[tokio::test(start_paused = true)]
async fn it_comes_up_and_answers_and_nothing_changes_the_second_time() {
    let harness = shop().await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let Some(Answer::Url(open)) = &output.answer else { panic!("{output:#?}") };
    assert!(open.url.starts_with("http://127.0.0.1:"), "{}", open.url);
    assert_eq!(pods(&harness).len(), 2);
    assert!(pods(&harness).iter().all(|pod| pod["status"]["phase"] == "Running"));
    assert_eq!(harness.cluster.volumes().len(), 1);

    // Pods that have just started are watched by the next run, too.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = harness.cluster.api().all();
    let _ = harness.cluster.api().asked();
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let records = |asked: &Ask| asked.path.ends_with("/secrets/todo.shop.releases");
    assert!(!harness.cluster.api().asked().iter().any(records), "nothing was written down about charts");
    assert_eq!(output.done.iter().filter(|item| !item.starts_with("Unchanged")).count(), 1, "{output:#?}");
    let lease = |key: &&String| !key.contains("leases") && !key.contains("events");
    let after = harness.cluster.api().all();
    let changed: Vec<&String> =
        after.keys().filter(lease).filter(|key| before.get(*key) != after.get(*key)).collect();
    assert_eq!(changed, Vec::<&String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_new_image_replaces_the_pods_one_after_the_other_and_what_is_gone_is_pruned() {
    let harness = shop().await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: '1' }\n";
    harness.write("manifests/extra.yaml", extra);
    harness.write("manifests/web.yaml", &web("nginx:2", 3));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let images: Vec<Value> =
        pods(&harness).iter().map(|pod| pod["spec"]["containers"][0]["image"].clone()).collect();
    assert_eq!(images, [json!("nginx:2"), json!("nginx:2"), json!("nginx:2")]);
    assert!(left(&harness, "shop").contains(&"ConfigMap shop/extra".to_owned()));
    std::fs::remove_file(harness.project.folder.path().join("manifests/extra.yaml")).unwrap();
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(!left(&harness, "shop").contains(&"ConfigMap shop/extra".to_owned()), "{output:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_goes_back_to_what_ran() {
    let harness = shop().await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    harness.write("manifests/web.yaml", &web("nginx:0.0.0-nowhere", 2));
    let output = harness.todo(&["up", "--rollback"]).await;
    assert_eq!(output.code, 50);
    assert!(output.report.contains("rolled back to revision 1"), "{}", output.report);
    let mut images: Vec<String> = pods(&harness)
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| pod["spec"]["containers"][0]["image"].to_string())
        .collect();
    images.dedup();
    assert_eq!(images, ["\"nginx:1\""]);
}

#[tokio::test(start_paused = true)]
async fn down_takes_everything_away_but_what_holds_data() {
    let harness = shop().await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let before = harness.cluster.volumes();
    let output = harness.todo(&["down"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert_eq!(pods(&harness), Vec::<Value>::new());
    assert_eq!(harness.cluster.volumes(), before);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    assert_eq!(harness.cluster.volumes(), before);
    let output = harness.todo(&["down", "--purge"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert_eq!(left(&harness, "shop"), Vec::<String>::new());
    assert_eq!(left(&harness, ""), left(&Harness::new().await, ""));
}

#[tokio::test(start_paused = true)]
async fn what_goes_beyond_the_projects_namespace_is_planned_by_its_name() {
    let harness = shop().await;
    let rights = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: { name: all }\n\
        roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }\n\
        subjects: [{ kind: ServiceAccount, name: default, namespace: shop }]\n---\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata: { name: coredns, namespace: kube-system }\ndata: { a: '1' }\n";
    harness.write("manifests/rights.yaml", rights);
    let output = harness.todo(&["plan"]).await;
    let Some(Answer::Planned { listing: plan, .. }) = output.answer else { panic!("{output:#?}") };
    let planned: Vec<String> = plan.rows.iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    for line in
        ["create ClusterRoleBinding/all", "create ConfigMap/coredns in kube-system", "create Deployment/web"]
    {
        assert!(planned.contains(&line.to_owned()), "{line} is not in {planned:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_has_an_exit_code_for_scripts() {
    let harness = shop().await;
    let code = async |arguments: &[&str]| match harness.todo(arguments).await.answer {
        Some(Answer::Planned { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(&["plan", "--exit-code"]).await, CHANGES, "nothing is there yet");
    assert_eq!(code(&["plan"]).await, 0);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    assert_eq!(code(&["plan", "--exit-code"]).await, 0, "everything is there");
    harness.write("manifests/more.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: more }\n");
    assert_eq!(code(&["plan", "--exit-code"]).await, CHANGES, "one object is new");
}

#[tokio::test(start_paused = true)]
async fn the_cluster_has_values_of_secrets_in_secrets_alone() {
    let harness = shop().await;
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: more }}\nstringData: {{ password: {value} }}\n"
        )
    };
    let values = ["hunter2-hunter2", "swordfish-swordfish"];
    for value in values {
        harness.write("manifests/more.yaml", &secret(value));
        let output = harness.todo(&["up"]).await;
        assert_eq!(output.code, 0, "{output:#?}");
    }
    let objects = harness.cluster.objects();
    let has = |object: &Value| {
        let text = object.to_string();
        values.iter().any(|value| text.contains(value) || text.contains(&STANDARD.encode(value)))
    };
    assert!(has(&objects["Secret shop/more"]), "{:#?}", objects.keys());
    for (key, object) in objects.iter().filter(|(key, _)| !key.starts_with("Secret ")) {
        assert!(!has(object), "{key}: {object:#}");
    }
    let revisions = objects.iter().filter(|(_, object)| object["type"] == "todo.dev/revision.v1");
    assert!(revisions.count() >= 2, "what is gone back to is kept in Secrets: {:#?}", objects.keys());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_ends_in_the_same_way() {
    let mut ends = Vec::new();
    for _ in 0..2 {
        let harness = shop().await;
        assert_eq!(harness.todo(&["up"]).await.code, 0);
        let letters =
            |pod: &Value| pod["metadata"]["name"].as_str().unwrap().rsplit('-').next().unwrap().to_owned();
        ends.push((pods(&harness).iter().map(letters).collect::<Vec<_>>(), harness.cluster.objects()));
    }
    assert_eq!(ends[0].0, ends[1].0);
    assert!(ends[0].1.contains_key("Pod shop/web-<template>-<letters>"), "{:#?}", ends[0].1.keys());
    let written = |key: &str| key.starts_with("Secret shop/todo");
    for (key, object) in ends[0].1.iter().filter(|(key, _)| !written(key)) {
        assert_eq!(ends[1].1.get(key), Some(object), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_stopped_starts_its_pods_again() {
    let harness = shop().await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    harness.cluster.stop();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    harness.cluster.resume();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let restarts: Vec<Value> = pods(&harness)
        .iter()
        .map(|pod| pod["status"]["containerStatuses"][0]["restartCount"].clone())
        .collect();
    assert_eq!(restarts, [json!(1), json!(1)]);
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
}
