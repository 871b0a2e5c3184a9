//! Runs into which something goes wrong on purpose.

use crate::rehearsed::stage::Stage;
use simulator::cluster::fault::ApiCall;
use simulator::cluster::fault::ApiFault;
use simulator::cluster::fault::ContainerStart;
use simulator::cluster::fault::Faults;
use simulator::cluster::fault::PodFault;
use simulator::request::Ask;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use todo::flow::Answer;
use todo::report::status::Verdict;
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

/// Every n-th call goes wrong in this way.
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

async fn shop(faults: impl Faults + 'static) -> Stage {
    let stage = Stage::with(3, Arc::new(faults)).await;
    stage.write("deploy.toml", PROJECT);
    stage.write("manifests/web.yaml", WEB);
    stage
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falters_is_asked_again_and_the_end_is_the_same() {
    let undisturbed = shop(simulator::cluster::fault::NoFaults).await;
    assert_eq!(undisturbed.todo(&["up"]).await.code, 0);
    let wanted = undisturbed.cluster.objects();
    for fault in [
        ApiFault::Status(503, "ServiceUnavailable".to_owned()),
        ApiFault::Status(429, "TooManyRequests".to_owned()),
        ApiFault::Close,
        ApiFault::CutAfter(40),
        ApiFault::Slow(Duration::from_secs(2)),
        ApiFault::Garbage,
    ] {
        let stage = shop(EveryNth(5, fault.clone(), Mutex::new(0))).await;
        let told = stage.todo(&["up"]).await;
        assert_eq!(told.code, 0, "{fault:?}: {told:#?}");
        let there = stage.cluster.objects();
        let ours = |key: &&String| !key.contains("Secret shop/todo");
        let keys: Vec<&String> = there.keys().filter(ours).collect();
        assert_eq!(keys, wanted.keys().filter(ours).collect::<Vec<_>>(), "{fault:?}");
        for key in keys {
            assert_eq!(there[key], wanted[key], "{fault:?} {key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_once_is_started_again() {
    for fault in [PodFault::Crash { code: 1, lines: vec!["oops".to_owned()] }, PodFault::OutOfMemory] {
        let stage = shop(First(1, fault.clone())).await;
        let told = stage.todo(&["up"]).await;
        assert_eq!(told.code, 0, "{fault:?}: {told:#?}");
    }
    let stage = shop(First(99, PodFault::Crash { code: 7, lines: vec!["oops".to_owned()] })).await;
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 50);
    assert!(
        told.report.contains("error[crash-loop]")
            && told.report.contains("code 7")
            && told.report.contains("| oops"),
        "{}",
        told.report
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
    let stage = shop(Evicted(Mutex::new(false))).await;
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 0, "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lock_somebody_takes_away_stops_waiting_and_leaves_the_lock_to_them() {
    const LEASES: &str = "apis/coordination.k8s.io/v1/leases";
    let stage = shop(First(99, PodFault::NotReady)).await;
    let taken = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut lease = stage.cluster.api().get(LEASES, "shop", "todo.shop").unwrap();
        lease["spec"]["holderIdentity"] = "ann on another box #1".into();
        stage.cluster.api().put(LEASES, lease);
    };
    let (told, ()) = tokio::join!(stage.todo(&["up"]), taken);
    assert_eq!(told.code, 70, "{told:#?}");
    assert!(told.report.contains("error[lock-lost]"), "{}", told.report);
    assert!(told.took < Duration::from_secs(60), "{:?}", told.took);
    let lease = stage.cluster.api().get(LEASES, "shop", "todo.shop").unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "ann on another box #1");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_reads_no_files_hides_what_the_programs_print_of_secrets() {
    let line = "cannot log in with hunter2-hunter2".to_owned();
    let stage = shop(First(99, PodFault::Crash { code: 7, lines: vec![line] })).await;
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { password: hunter2-hunter2 }\n";
    stage.write("manifests/keys.yaml", secret);
    for command in ["up", "restart"] {
        let told = stage.todo(&[command]).await;
        assert_eq!(told.code, 50, "{command}: {told:#?}");
        assert!(told.report.contains("| cannot log in with ***"), "{command}: {}", told.report);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_others_have_filled_is_told_with_who_they_are_and_serves_again_without_them() {
    let stage = shop(simulator::cluster::fault::NoFaults).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    stage.cluster.fill();
    let asks = "ports: [{ containerPort: 8080 }], resources: { requests: { memory: 64Mi } }";
    stage.write("manifests/web.yaml", &WEB.replace("ports: [{ containerPort: 8080 }]", asks));
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 50, "{told:#?}");
    assert!(told.report.contains("Insufficient memory"), "{}", told.report);
    assert!(told.report.contains("somebody-else-mini"), "{}", told.report);
    let gone = Ask {
        method: "DELETE".to_owned(),
        path: "/api/v1/namespaces/default/pods/somebody-else-mini".to_owned(),
        query: std::collections::BTreeMap::new(),
        content: String::new(),
        body: serde_json::Value::Null,
    };
    let _ = stage.cluster.api().answer(&gone);
    assert_eq!(stage.todo(&["up"]).await.code, 0);
}

/// A program that ends after two seconds, with nothing that says when it is ready.
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
    let stage = shop(simulator::cluster::fault::NoFaults).await;
    let manifest = "manifests/crash.yaml";
    for (name, text) in
        [("it fails", CRASHES.to_owned()), ("it ends well", CRASHES.replace("exit 3", "exit 0"))]
    {
        stage.write(manifest, &text);
        let told = stage.todo(&["up"]).await;
        assert_eq!(told.code, 50, "{name}: {told:#?}");
        for pause in [0, 700, 1300, 300, 11_000, 9_000, 23_000, 1_100, 41_000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let looked = stage.todo(&["status"]).await;
            let Some(Answer::Status(report)) = &looked.answer else { panic!("{looked:#?}") };
            assert_ne!(report.verdict, Verdict::Ready, "{name}: {report:#?}");
            let told = stage.todo(&["up"]).await;
            assert_eq!(told.code, 50, "{name}, {pause} ms later: {told:#?}");
            assert!(told.report.contains("| gone"), "{name}: {}", told.report);
        }
    }
    stage.write(manifest, &CRASHES.replace("sleep 2; exit 3", "sleep infinity"));
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told = stage.todo(&["up"]).await;
    assert_eq!((told.code, told.took < Duration::from_secs(1)), (0, true), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_that_stays_the_only_one_is_forgotten() {
    let stage = shop(First(1, PodFault::Crash { code: 1, lines: vec!["oops".to_owned()] })).await;
    assert_eq!(stage.todo(&["up"]).await.code, 0);
    let told = stage.todo(&["up"]).await;
    assert_eq!((told.code, told.took < Duration::from_secs(1)), (0, true), "{told:#?}");
}

/// The API server answers nobody from one moment after the first call to another.
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

/// What is ready only after a minute.
fn slow() -> String {
    let probe = "ports: [{ containerPort: 8080 }], readinessProbe: { tcpSocket: { port: 8080 }, initialDelaySeconds: 60 }";
    WEB.replace("ports: [{ containerPort: 8080 }]", probe)
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_silent_for_a_while_is_waited_for_and_one_that_stays_silent_is_named() {
    let stage = shop(Silent::between(10, 50)).await;
    stage.write("manifests/web.yaml", &slow());
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 0, "{told:#?}");

    let stage = shop(Silent::between(10, 100_000)).await;
    stage
        .write("manifests/web.yaml", &slow().replace("initialDelaySeconds: 60", "initialDelaySeconds: 6000"));
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 40, "{told:#?}");
    assert!(told.report.contains("has not answered for 120 s"), "{}", told.report);
    assert!((120..150).contains(&told.took.as_secs()), "{:?}", told.took);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_kubelet_no_longer_reports_is_named() {
    let stage = shop(First(99, PodFault::NotReady)).await;
    let unreported = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let mut node = stage.cluster.api().get("api/v1/nodes", "", "mini").unwrap();
        for condition in node["status"]["conditions"].as_array_mut().unwrap() {
            condition["status"] = "Unknown".into();
        }
        stage.cluster.api().put("api/v1/nodes", node);
    };
    let (told, ()) = tokio::join!(stage.todo(&["up"]), unreported);
    assert_eq!(told.code, 20, "{told:#?}");
    assert!(told.report.contains("the kubelet of `mini` has stopped reporting"), "{}", told.report);
    assert!((50..60).contains(&told.took.as_secs()), "{:?}", told.took);
}
