//! Kinds other than Deployments, what the server refuses, and the ports of the node.

use crate::rehearsed::harness::Harness;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

const PROJECT: &str = "name = \"kinds\"\nnamespace = \"kinds\"\n\n[[manifests]]\npath = \"manifests\"\n";

pub(super) async fn harness(manifests: &str) -> Harness {
    let harness = Harness::new().await;
    harness.write("deploy.toml", PROJECT);
    harness.write("manifests/all.yaml", manifests);
    harness
}

pub(super) fn get(harness: &Harness, collection: &str, name: &str) -> Value {
    harness.cluster.api().get(collection, "kinds", name).unwrap_or_default()
}

const ALL: &str = r#"apiVersion: v1
kind: Service
metadata: { name: database }
spec: { clusterIP: None, selector: { app: database }, ports: [{ port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: database }
spec:
  serviceName: database
  replicas: 2
  selector: { matchLabels: { app: database } }
  template:
    metadata: { labels: { app: database } }
    spec:
      containers:
        - name: database
          image: postgres:16
          ports: [{ containerPort: 5432 }]
          readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 }
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: agent, image: nginx:1 }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: migrate }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: migrate, image: busybox:1.36, command: [sh, -c, "echo done; exit 0"] }]
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec: { restartPolicy: Never, containers: [{ name: nightly, image: busybox:1.36 }] }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: quota }
spec: { hard: { pods: "20" } }
"#;

#[tokio::test(start_paused = true)]
async fn every_kind_of_workload_comes_up_and_is_unchanged_then() {
    let harness = harness(ALL).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert_eq!(get(&harness, "apis/apps/v1/statefulsets", "database")["status"]["readyReplicas"], 2);
    assert_eq!(harness.cluster.volumes().len(), 2);
    assert_eq!(get(&harness, "apis/apps/v1/daemonsets", "agent")["status"]["numberAvailable"], 1);
    assert_eq!(get(&harness, "apis/batch/v1/jobs", "migrate")["status"]["succeeded"], 1);
    assert_eq!(get(&harness, "api/v1/resourcequotas", "quota")["status"]["used"]["pods"], "3");
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    // Pods that have just started are watched by the next run, too, which writes nothing.
    let written = |text: &&String| !text.starts_with("Unchanged") && !text.starts_with("Ready");
    assert_eq!(output.done.iter().filter(written).count(), 0, "{output:#?}");

    harness.write("manifests/all.yaml", &ALL.replace("postgres:16", "nginx:2").replace("nginx:1", "nginx:2"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    for pod in ["database-0", "database-1"] {
        assert_eq!(get(&harness, "api/v1/pods", pod)["spec"]["containers"][0]["image"], "nginx:2");
    }
    let output = harness.todo(&["down", "--purge"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(
        harness.cluster.objects().keys().all(|key| !key.contains("kinds")),
        "{:?}",
        harness.cluster.objects().keys()
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_changed_is_run_anew_and_a_selector_is_not_changed() {
    let harness = harness(ALL).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let before = get(&harness, "apis/batch/v1/jobs", "migrate")["metadata"]["uid"].clone();
    harness.write("manifests/all.yaml", &ALL.replace("echo done; exit 0", "echo again; exit 0"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert_ne!(get(&harness, "apis/batch/v1/jobs", "migrate")["metadata"]["uid"], before);

    harness.write("manifests/all.yaml", &ALL.replace("app: agent", "app: other"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 40, "{output:#?}");
    assert!(
        output.report.contains("spec.selector") && output.report.contains("field is immutable"),
        "{}",
        output.report
    );
}

pub(super) const OPEN: &str = r"apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, targetPort: 8080, nodePort: 30123 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx:1, ports: [{ containerPort: 8080 }] }] }
";

#[tokio::test(start_paused = true)]
async fn a_node_port_answers_at_the_nodes_address_and_nobody_else_may_have_it() {
    let harness = harness(OPEN).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    opened(&harness, 30123).await;
    let answer = ask("127.77.0.1:30123", "web", "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("A rehearsal."), "{answer}");

    let taken = "apiVersion: v1\nkind: Service\nmetadata: { name: other }\nspec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30123 }] }\n";
    harness.write("manifests/other.yaml", taken);
    let output = harness.todo(&["up"]).await;
    assert_ne!(output.code, 0);
    assert!(output.report.contains("30123"), "{}", output.report);

    harness.cluster.stop();
    tokio::task::yield_now().await;
    assert_eq!(harness.cluster.open_ports().len(), 0);
}

/// A container need not declare its ports, so a Service may point to any of them.
#[tokio::test(start_paused = true)]
async fn a_service_may_lead_to_a_port_where_no_port_is_declared() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: NodePort, selector: { app: web }, ports: [{ port: 9090, nodePort: 30990 }] }\n";
    let harness = harness(&format!("{service}{}", deployment("web", 1, "nginx:1", ""))).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
}

/// Waits until kube-proxy has opened a port of the node, which it does within a second or so.
async fn opened(harness: &Harness, port: u16) {
    let until = Instant::now() + Duration::from_secs(3);
    while !harness.cluster.open_ports().contains(&port) {
        assert!(
            Instant::now() < until,
            "{:?} {:?}",
            harness.cluster.open_ports(),
            harness.cluster.shut_ports()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What answers at an address of the node, whole.
async fn ask(at: &str, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A Deployment of one container, as a document after another.
fn deployment(name: &str, replicas: u32, image: &str, ports: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: {name} }}\nspec: {{ replicas: {replicas}, \
         selector: {{ matchLabels: {{ app: {name} }} }}, template: {{ metadata: {{ labels: {{ app: {name} }} }}, \
         spec: {{ containers: [{{ name: {name}, image: '{image}', ports: [{ports}] }}] }} }} }}\n"
    )
}

const ROUTES: &str = "apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: nginx }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: v1
kind: Service
metadata: { name: controller }
spec: { type: NodePort, selector: { app: controller }, ports: [{ port: 80, nodePort: 30188 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: none, port: 81 }] }
---
apiVersion: v1
kind: Service
metadata: { name: idle }
spec: { selector: { app: idle }, ports: [{ port: 80 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec:
  ingressClassName: nginx
  rules:
    - host: web.test
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }
          - { path: /idle, pathType: Prefix, backend: { service: { name: idle, port: { number: 80 } } } }
          - { path: /none, pathType: Exact, backend: { service: { name: web, port: { number: 81 } } } }
";

#[tokio::test(start_paused = true)]
async fn an_ingress_controller_answers_with_whom_the_rules_name() {
    let harness = harness(
        &[
            ROUTES.to_owned(),
            deployment("controller", 1, "controller:1", "{ containerPort: 80, hostPort: 18188 }"),
            deployment("web", 1, "nginx:1", "{ containerPort: 8080 }"),
            deployment("idle", 0, "nginx:1", ""),
        ]
        .concat(),
    )
    .await;
    harness.write("deploy.toml", &format!("{PROJECT}[service.web]\n"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    opened(&harness, 30188).await;
    for at in ["127.77.0.1:30188", "127.77.0.1:18188"] {
        for (host, path, status) in [
            ("web.test", "/", 200),
            ("web.test:18188", "/page", 200),
            ("other.test", "/", 404),
            // No pod, and a port that no pod listens on.
            ("web.test", "/idle", 503),
            ("web.test", "/none", 502),
        ] {
            let answer = ask(at, host, path).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{at} {host}{path}: {answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_somebody_else_has_set_is_a_conflict() {
    let harness = harness(OPEN).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let ask = simulator::request::Ask {
        method: "PATCH".to_owned(),
        path: "/apis/apps/v1/namespaces/kinds/deployments/web".to_owned(),
        query: [("fieldManager".to_owned(), "argocd".to_owned())].into(),
        content: "application/merge-patch+json".to_owned(),
        body: json!({"spec": {"replicas": 3}}),
    };
    let _ = harness.cluster.api().handle(&ask);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(get(&harness, "apis/apps/v1/deployments", "web")["status"]["readyReplicas"], 3);
    harness.write(
        "manifests/all.yaml",
        &OPEN.replace("  selector: { matchLabels", "  replicas: 2\n  selector: { matchLabels"),
    );
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 40, "{output:#?}");
    assert!(output.report.contains("argocd"), "{}", output.report);
}

/// What `kubectl` with this field manager does to the Deployment `web`: a merge patch.
pub(super) fn patched(harness: &Harness, manager: &str, patch: Value) {
    let ask = simulator::request::Ask {
        method: "PATCH".to_owned(),
        path: "/apis/apps/v1/namespaces/kinds/deployments/web".to_owned(),
        query: [("fieldManager".to_owned(), manager.to_owned())].into(),
        content: "application/merge-patch+json".to_owned(),
        body: patch,
    };
    let _ = harness.cluster.api().handle(&ask);
}

#[tokio::test(start_paused = true)]
async fn what_people_have_changed_of_the_manifests_fields_is_taken_back_with_a_note() {
    let harness =
        harness(&OPEN.replace("  selector: { matchLabels", "  replicas: 1\n  selector: { matchLabels")).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    patched(&harness, "kubectl-edit", json!({"spec": {"replicas": 3}}));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(
        output.report.contains("spec.replicas") && output.report.contains("kubectl-edit"),
        "{}",
        output.report
    );
    assert_eq!(get(&harness, "apis/apps/v1/deployments", "web")["spec"]["replicas"], 1);
}
