//! Paused workloads, and readiness gates that no controller sets: reported as such, and soon.

use crate::rehearsed::harness::Harness;
use std::time::Duration;

const PROJECT: &str = "name = \"shop\"\nnamespace = \"shop\"\n\n[[manifests]]\npath = \"manifests\"\n";

/// A Deployment of one container that listens on 8080 with more of its spec and of its pods', and a Service of that port.
fn manifests(spec: &str, pod: &str, container: &str, target: u16) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: web }}\nspec:\n  {spec}\n  selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      {pod}\n      containers:\n        - name: web\n          image: nginx:1\n          ports: [{{ containerPort: 8080 }}]\n          {container}\n---\napiVersion: v1\nkind: Service\nmetadata: {{ name: web }}\nspec: {{ type: NodePort, selector: {{ app: web }}, ports: [{{ name: http, port: 80, targetPort: {target} }}] }}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn what_stands_still_is_told_by_its_cause() {
    const PROBE: &str = "readinessProbe: { tcpSocket: { port: 8080 } }";
    for (spec, pod, container, target, code, cause, within) in [
        ("paused: true", "", "", 8080, 50, "workload-paused", 30),
        ("replicas: 0", "", "", 8080, 60, "endpoints-not-ready", 30),
        (
            "replicas: 1",
            "readinessGates: [{ conditionType: example.com/ok }]",
            "",
            8080,
            50,
            "readiness-gate-unmet",
            120,
        ),
        (
            "replicas: 1",
            "schedulingGates: [{ name: example.com/quota }]",
            "",
            8080,
            50,
            "scheduling-gated",
            120,
        ),
        // A pod that reports itself ready will not begin to listen on another port.
        ("replicas: 1", "", PROBE, 9090, 60, "port-not-listening", 25),
        ("replicas: 1", "", PROBE, 8080, 0, "", 60),
    ] {
        let harness = Harness::new().await;
        harness.write("deploy.toml", PROJECT);
        harness.write("manifests/web.yaml", &manifests(spec, pod, container, target));
        let output = harness.todo(&["up"]).await;
        let name = format!("{spec} {pod} {container} {target}");
        assert_eq!(output.code, code, "{name}: {output:#?}");
        assert!(
            cause.is_empty() || output.report.contains(&format!("error[{cause}]")),
            "{name}: {output:#?}"
        );
        assert!(!output.report.contains("selector-mismatch"), "{name}: {output:#?}");
        assert!(output.took < Duration::from_secs(within), "{name}: {output:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn down_says_that_there_is_nothing_to_go_back_to() {
    let harness = Harness::new().await;
    harness.write("deploy.toml", PROJECT);
    harness.write("manifests/web.yaml", &manifests("replicas: 1", "", "", 8080));
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let output = harness.todo(&["down"]).await;
    assert!(output.done.iter().any(|done| done == "Removed revisions"), "{output:#?}");
    let again = harness.todo(&["down"]).await;
    assert!(!again.done.iter().any(|done| done == "Removed revisions"), "{again:#?}");
}
