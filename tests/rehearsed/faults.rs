//! Runs with injected faults.

use crate::rehearsed::harness::Harness;
use simulator::cluster::fault::ApiCall;
use simulator::cluster::fault::ApiFault;
use simulator::cluster::fault::ContainerStart;
use simulator::cluster::fault::Faults;
use simulator::cluster::fault::PodFault;
use simulator::request::Ask;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use todo::answer::status::ProjectHealth;
use todo::flow::Answer;
use tokio::time::Instant;

const PROJECT: &str = "name = \"shop\"\nnamespace = \"shop\"\n\n[[manifests]]\npath = \"manifests\"\n";

const WEB: &str = r"apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { level: info }
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

/// Every n-th call fails like this.
struct EveryNth(usize, ApiFault, Mutex<usize>);

impl Faults for EveryNth {
    fn api(&self, _call: &ApiCall) -> Option<ApiFault> {
        let mut calls = self.2.lock().unwrap();
        *calls += 1;
        calls.is_multiple_of(self.0).then(|| self.1.clone())
    }
}

/// The first starts go wrong in this way.
struct First(u32, PodFault);

impl Faults for First {
    fn pod(&self, start: &ContainerStart) -> Option<PodFault> {
        (start.restarts < self.0).then(|| self.1.clone())
    }
}

async fn shop(faults: impl Faults + 'static) -> Harness {
    let harness = Harness::with(3, Arc::new(faults)).await;
    harness.write("deploy.toml", PROJECT);
    harness.write("manifests/web.yaml", WEB);
    harness
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falters_is_asked_again_and_the_end_is_the_same() {
    let undisturbed = shop(simulator::cluster::fault::NoFaults).await;
    assert_eq!(undisturbed.todo(&["up"]).await.code, 0);
    let desired = undisturbed.cluster.objects();
    for fault in [
        ApiFault::Status(503, "ServiceUnavailable".to_owned()),
        ApiFault::Status(429, "TooManyRequests".to_owned()),
        ApiFault::Close,
        ApiFault::CutAfter(40),
        ApiFault::Slow(Duration::from_secs(2)),
        ApiFault::Garbage,
    ] {
        let harness = shop(EveryNth(5, fault.clone(), Mutex::new(0))).await;
        let output = harness.todo(&["up"]).await;
        assert_eq!(output.code, 0, "{fault:?}: {output:#?}");
        let there = harness.cluster.objects();
        let ours = |key: &&String| !key.contains("Secret shop/todo");
        let keys: Vec<&String> = there.keys().filter(ours).collect();
        assert_eq!(keys, desired.keys().filter(ours).collect::<Vec<_>>(), "{fault:?}");
        for key in keys {
            assert_eq!(there[key], desired[key], "{fault:?} {key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_once_is_started_again() {
    for fault in [PodFault::Crash { code: 1, lines: vec!["oops".to_owned()] }, PodFault::OutOfMemory] {
        let harness = shop(First(1, fault.clone())).await;
        let output = harness.todo(&["up"]).await;
        assert_eq!(output.code, 0, "{fault:?}: {output:#?}");
    }
    let harness = shop(First(99, PodFault::Crash { code: 7, lines: vec!["oops".to_owned()] })).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 50);
    assert!(
        output.report.contains("error[crash-loop]")
            && output.report.contains("code 7")
            && output.report.contains("| oops"),
        "{}",
        output.report
    );
}

/// One pod is thrown out.
struct Evicted(Mutex<bool>);

impl Faults for Evicted {
    fn pod(&self, _start: &ContainerStart) -> Option<PodFault> {
        (!std::mem::replace(&mut *self.0.lock().unwrap(), true)).then_some(PodFault::Evict)
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_thrown_out_is_replaced() {
    let harness = shop(Evicted(Mutex::new(false))).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lock_somebody_takes_away_stops_waiting_and_leaves_the_lock_to_them() {
    const LEASES: &str = "apis/coordination.k8s.io/v1/leases";
    let harness = shop(First(99, PodFault::NotReady)).await;
    let taken = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut lease = harness.cluster.api().get(LEASES, "shop", "todo.shop").unwrap();
        lease["spec"]["holderIdentity"] = "ann on another box #1".into();
        harness.cluster.api().put(LEASES, lease);
    };
    let (output, ()) = tokio::join!(harness.todo(&["up"]), taken);
    assert_eq!(output.code, 70, "{output:#?}");
    assert!(output.report.contains("error[lock-lost]"), "{}", output.report);
    assert!(output.took < Duration::from_secs(60), "{:?}", output.took);
    let lease = harness.cluster.api().get(LEASES, "shop", "todo.shop").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "ann on another box #1");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_reads_no_files_hides_what_the_programs_print_of_secrets() {
    let line = "cannot log in with hunter2-hunter2".to_owned();
    let harness = shop(First(99, PodFault::Crash { code: 7, lines: vec![line] })).await;
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { password: hunter2-hunter2 }\n";
    harness.write("manifests/keys.yaml", secret);
    for command in ["up", "restart"] {
        let output = harness.todo(&[command]).await;
        assert_eq!(output.code, 50, "{command}: {output:#?}");
        assert!(output.report.contains("| cannot log in with ***"), "{command}: {}", output.report);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_others_have_filled_is_told_with_who_they_are_and_serves_again_without_them() {
    let harness = shop(simulator::cluster::fault::NoFaults).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    harness.cluster.fill();
    let asks = "ports: [{ containerPort: 8080 }], resources: { requests: { memory: 64Mi } }";
    harness.write("manifests/web.yaml", &WEB.replace("ports: [{ containerPort: 8080 }]", asks));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 50, "{output:#?}");
    assert!(output.report.contains("Insufficient memory"), "{}", output.report);
    assert!(output.report.contains("somebody-else-mini"), "{}", output.report);
    let gone = Ask {
        method: "DELETE".to_owned(),
        path: "/api/v1/namespaces/default/pods/somebody-else-mini".to_owned(),
        query: std::collections::BTreeMap::new(),
        content: String::new(),
        body: serde_json::Value::Null,
    };
    let _ = harness.cluster.api().handle(&gone);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
}

/// A program that ends after two seconds, without a readiness probe.
const CRASHES: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: { name: crash }
spec:
  selector: { matchLabels: { app: crash } }
  template:
    metadata: { labels: { app: crash } }
    spec: { containers: [{ name: c, image: "busybox:1.36", command: [sh, -c, "echo gone; sleep 2; exit 3"] }] }
"#;

#[tokio::test(start_paused = true)]
async fn a_container_that_crashes_every_other_second_is_green_at_no_moment() {
    let harness = shop(simulator::cluster::fault::NoFaults).await;
    let manifest = "manifests/crash.yaml";
    for (name, text) in
        [("it fails", CRASHES.to_owned()), ("it ends well", CRASHES.replace("exit 3", "exit 0"))]
    {
        harness.write(manifest, &text);
        let output = harness.todo(&["up"]).await;
        assert_eq!(output.code, 50, "{name}: {output:#?}");
        for pause in [0, 700, 1300, 300, 11_000, 9_000, 23_000, 1_100, 41_000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let looked = harness.todo(&["status"]).await;
            let Some(Answer::Status(report)) = &looked.answer else { panic!("{looked:#?}") };
            assert_ne!(report.verdict, ProjectHealth::Ready, "{name}: {report:#?}");
            let output = harness.todo(&["up"]).await;
            assert_eq!(output.code, 50, "{name}, {pause} ms later: {output:#?}");
            assert!(output.report.contains("| gone"), "{name}: {}", output.report);
        }
    }
    harness.write(manifest, &CRASHES.replace("sleep 2; exit 3", "sleep infinity"));
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let output = harness.todo(&["up"]).await;
    assert_eq!((output.code, output.took < Duration::from_secs(1)), (0, true), "{output:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_stays_the_only_one_is_forgotten() {
    let harness = shop(First(1, PodFault::Crash { code: 1, lines: vec!["oops".to_owned()] })).await;
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let output = harness.todo(&["up"]).await;
    assert_eq!((output.code, output.took < Duration::from_secs(1)), (0, true), "{output:#?}");
}

/// The API server answers no request from one moment after the first call to another.
struct Silent {
    from: Duration,
    to: Duration,
    began: Mutex<Option<Instant>>,
}

impl Silent {
    fn between(from: u64, to: u64) -> Silent {
        Silent { from: Duration::from_secs(from), to: Duration::from_secs(to), began: Mutex::new(None) }
    }
}

impl Faults for Silent {
    fn api(&self, _call: &ApiCall) -> Option<ApiFault> {
        let elapsed = self.began.lock().unwrap().get_or_insert_with(Instant::now).elapsed();
        (self.from <= elapsed && elapsed < self.to).then_some(ApiFault::Hang)
    }
}

/// A workload that is ready only after a minute.
fn slow() -> String {
    let probe = "ports: [{ containerPort: 8080 }], readinessProbe: { tcpSocket: { port: 8080 }, initialDelaySeconds: 60 }";
    WEB.replace("ports: [{ containerPort: 8080 }]", probe)
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_silent_for_a_while_is_waited_for_and_one_that_stays_silent_is_named() {
    let harness = shop(Silent::between(10, 50)).await;
    harness.write("manifests/web.yaml", &slow());
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");

    let harness = shop(Silent::between(10, 100_000)).await;
    harness
        .write("manifests/web.yaml", &slow().replace("initialDelaySeconds: 60", "initialDelaySeconds: 6000"));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 40, "{output:#?}");
    assert!(output.report.contains("has not answered for 120 s"), "{}", output.report);
    assert!((120..150).contains(&output.took.as_secs()), "{:?}", output.took);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_kubelet_no_longer_reports_is_named() {
    let harness = shop(First(99, PodFault::NotReady)).await;
    let unreported = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut node = harness.cluster.api().get("api/v1/nodes", "", "mini").unwrap();
        for condition in node["status"]["conditions"].as_array_mut().unwrap() {
            condition["status"] = "Unknown".into();
        }
        harness.cluster.api().put("api/v1/nodes", node);
    };
    let (output, ()) = tokio::join!(harness.todo(&["up"]), unreported);
    assert_eq!(output.code, 20, "{output:#?}");
    assert!(output.report.contains("the kubelet of `mini` has stopped reporting"), "{}", output.report);
    assert!((50..60).contains(&output.took.as_secs()), "{:?}", output.took);
}
