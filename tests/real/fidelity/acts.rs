//! The acts on both clusters: the life of an application with one object of each usual kind, and things that fail.

use crate::failures::Case;
use crate::real::fidelity::facts::Facts;
use crate::real::fidelity::facts::Reader;
use crate::real::fidelity::relay::Relay;
use crate::rehearsed::harness::Project;
use futures::future::join_all;
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use serde_json::json;

const NAMESPACE: &str = "todo-fidelity";

/// Those of `tests/failures` that make the API server, a controller or the kubelet write a message that no other does.
const FAILURES: [&str; 7] =
    ["admission", "cpu", "crash", "image-not-found", "job-fails", "quota", "secret-missing"];

const DEPLOY: &str =
    "name = \"life\"\nnamespace = \"todo-fidelity\"\n\n[[manifests]]\npath = \"manifests\"\n";

const SETTINGS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { LEVEL: info }\n";

const KEYS: &str = "apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { password: p }\n";

const DATA: &str = r"apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 64Mi } }
";

const SERVICE: &str = r"apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: http }]
";

const WEB: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      initContainers:
        - { name: before, image: "busybox:1.36", command: [sh, -c, "echo ready"] }
      containers:
        - name: web
          image: busybox:1.36
          command: [sh, -c, "exec sleep 3600"]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { exec: { command: ["true"] }, periodSeconds: 1 }
          resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 32Mi } }
          env:
            - { name: ROUND, value: first }
            - name: PASSWORD
              valueFrom: { secretKeyRef: { name: keys, key: password } }
          volumeMounts: [{ name: data, mountPath: /data }]
      volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
"#;

const DATABASE: &str = r#"apiVersion: apps/v1
kind: StatefulSet
metadata: { name: database }
spec:
  serviceName: database
  selector: { matchLabels: { app: database } }
  template:
    metadata: { labels: { app: database } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: database, image: "busybox:1.36", command: [sh, -c, "exec sleep 3600"] }]
"#;

const AGENT: &str = r#"apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: agent, image: "busybox:1.36", command: [sh, -c, "exec sleep 3600"] }]
"#;

const MIGRATE: &str = r#"apiVersion: batch/v1
kind: Job
metadata: { name: migrate }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: migrate, image: "busybox:1.36", command: [sh, -c, "echo done"] }]
"#;

const NIGHTLY: &str = r#"apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: nightly, image: "busybox:1.36", command: [sh, -c, "echo done"] }]
"#;

/// From the first `up` to `down --purge`.
pub(super) async fn life(project: &Project, relay: &Relay, server: &Client, reader: &Reader) -> Facts {
    project.write("deploy.toml", DEPLOY);
    for (name, text) in [
        ("settings", SETTINGS),
        ("keys", KEYS),
        ("data", DATA),
        ("service", SERVICE),
        ("web", WEB),
        ("database", DATABASE),
        ("agent", AGENT),
        ("migrate", MIGRATE),
        ("nightly", NIGHTLY),
    ] {
        project.write(&format!("manifests/{name}.yaml"), text);
    }
    let mut facts = Facts::new();
    let mut act = async |name: &str, arguments: &[&str], code: u8| {
        let output = project.todo(arguments).await;
        assert_eq!(output.code, code, "{name}: {output:#?}");
        println!("{name}: {:?}", output.took);
        facts.extend(reader.read(name, &relay.said()));
    };
    act("first up", &["up"], 0).await;
    act("second up", &["up"], 0).await;
    project.write("manifests/web.yaml", &WEB.replace("first", "second"));
    project.write("manifests/settings.yaml", &SETTINGS.replace("info", "debug"));
    act("edit", &["up"], 0).await;
    somebody_sets_the_level(server).await;
    act("conflict", &["up"], 40).await;
    act("force", &["up", "--force-conflicts"], 0).await;
    std::fs::remove_file(project.folder.path().join("manifests/nightly.yaml")).unwrap();
    std::fs::remove_file(project.folder.path().join("manifests/agent.yaml")).unwrap();
    act("prune", &["up"], 0).await;
    act("rollback", &["rollback"], 0).await;
    act("status", &["status"], 0).await;
    act("down", &["down"], 0).await;
    act("purge", &["down", "--purge"], 0).await;
    facts
}

/// Each in a namespace of its own, all at the same time.
pub(super) async fn failures(server: &Client, reader: &Reader) -> Facts {
    let cases = Case::all().into_iter().filter(|case| FAILURES.contains(&case.name.as_str()));
    let output = cases.map(async |case| {
        let relay = Relay::before(server.clone()).await;
        let project = Project::at(relay.address);
        project.copy(&case.folder);
        let arguments: Vec<&str> =
            ["up"].into_iter().chain(case.terms.arguments.iter().map(String::as_str)).collect();
        let output = project.todo(&arguments).await;
        assert_eq!(i32::from(output.code), case.terms.code, "{}: {output:#?}", case.name);
        reader.read(&case.name, &relay.said())
    });
    join_all(output).await.into_iter().flatten().collect()
}

async fn somebody_sets_the_level(server: &Client) {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": NAMESPACE}, "data": {"LEVEL": "trace"}});
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/settings?fieldManager=operator&force=true");
    let request = Request::patch(path).header("content-type", "application/apply-patch+yaml");
    server.request::<Value>(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap();
}

/// Takes away what an earlier run left.
pub(super) async fn forget(server: &Client) {
    let failures = FAILURES.iter().map(|name| format!("todo-failure-{name}"));
    let namespaces: Vec<String> = failures.chain([NAMESPACE.to_owned()]).collect();
    let path = |name: &String| format!("/api/v1/namespaces/{name}");
    for name in &namespaces {
        let _ = server.send(Request::delete(path(name)).body(Body::empty()).unwrap()).await;
    }
    for name in &namespaces {
        let there =
            async || server.send(Request::get(path(name)).body(Body::empty()).unwrap()).await.unwrap();
        while there().await.status() != 404 {
            let ending =
                format!("/api/v1/namespaces?watch=1&timeoutSeconds=1&fieldSelector=metadata.name={name}");
            let ending = server.send(Request::get(ending).body(Body::empty()).unwrap()).await.unwrap();
            ending.into_body().collect_bytes().await.unwrap();
        }
    }
}
