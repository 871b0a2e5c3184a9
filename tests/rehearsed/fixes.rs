//! What `todo doctor` finds that it can put right, and what `--fix` makes of it.

use crate::rehearsed::harness::Harness;
use crate::rehearsed::harness::RunOutput;
use serde_json::Value;
use serde_json::json;
use todo::flow::Answer;

const LEASES: &str = "apis/coordination.k8s.io/v1/leases";
const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { a: '1' }\n";

/// The lock, held by a process of this machine with that number, which began at that tick.
fn lock(process: u32, start: &str) -> Value {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let mark = format!("{} {} {process} {start}", boot.trim(), space.display());
    let now = format!("{:.6}", jiff::Timestamp::now());
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "todo.shop", "namespace": "shop", "annotations": {"todo.dev/process": mark}},
        "spec": {"holderIdentity": "kim@box, process 7 #1", "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now},
    })
}

fn rows(output: &RunOutput) -> Vec<String> {
    assert_eq!(output.code, 0, "{output:#?}");
    let Some(Answer::Listing(list)) = &output.answer else { panic!("{output:#?}") };
    list.rows.iter().map(|row| row.join(" ")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_lock_of_a_run_that_has_ended_is_released_when_that_is_agreed_to() {
    let harness = Harness::new().await;
    harness.write(
        "deploy.toml",
        "name = \"shop\"\nnamespace = \"shop\"\n\n[[manifests]]\npath = \"manifests\"\n",
    );
    harness.write("manifests/a.yaml", CONFIG);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let is_held = || harness.cluster.api().get(LEASES, "shop", "todo.shop").is_some();
    let is_offered =
        |output: &RunOutput| rows(output).iter().any(|row| row.contains("is locked by a run that has ended"));

    let process = std::fs::read_to_string("/proc/1/stat").unwrap();
    let start = process.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    harness.cluster.api().put(LEASES, lock(1, start));
    assert!(!is_offered(&harness.todo(&["doctor", "--fix", "--yes"]).await) && is_held(), "it runs");

    let mut lease = harness.cluster.api().get(LEASES, "shop", "todo.shop").unwrap();
    lease["metadata"]["annotations"] = lock(u32::MAX - 1, "1")["metadata"]["annotations"].clone();
    harness.cluster.api().put(LEASES, lease);
    assert!(is_offered(&harness.todo(&["doctor"]).await) && is_held());
    assert!(is_offered(&harness.todo(&["doctor", "--fix"]).await) && is_held(), "nobody could be asked");
    let output = harness.todo(&["doctor", "--fix", "--yes"]).await;
    let fixed: Vec<String> = rows(&output).into_iter().filter(|row| row.starts_with("fixed ")).collect();
    assert_eq!(fixed.len(), 1, "{output:#?}");
    assert!(fixed[0].contains("kim@box") && !fixed[0].contains("todo unlock"), "what was done: {fixed:?}");
    assert!(output.report.contains("fix-available"), "it is shown before it is done: {output:#?}");
    assert!(!is_held());
    assert!(!is_offered(&harness.todo(&["doctor"]).await));
}
