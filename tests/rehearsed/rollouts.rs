//! What a NodePort does while the pods behind it are replaced, and what `todo` makes of it.

use crate::rehearsed::harness::Harness;
use serde_json::Value;
use serde_json::json;
use simulator::request::Ask;
use std::time::Duration;
use todo::event::Sink;
use todo::project::check::load;
use todo::project::name::Namespace;
use todo::run::Run;
use todo::service::NodeNetwork;
use todo::service::VerifiedUrl;
use todo::service::verify;
use todo::signal::Cancel;
use todo::world::World;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::timeout;

const PROJECT: &str =
    "name = \"web\"\nnamespace = \"web\"\n\n[[manifests]]\npath = \"manifests\"\n\n[service.web]\n";

/// One pod behind a NodePort of its own for each test: they have one address.
fn web(node_port: u16) -> String {
    format!(
        r"apiVersion: v1
kind: Service
metadata: {{ name: web }}
spec: {{ type: NodePort, selector: {{ app: web }}, ports: [{{ port: 80, targetPort: 8080, nodePort: {node_port} }}] }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: 1
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      containers:
        - name: web
          image: nginx:1
          ports: [{{ containerPort: 8080 }}]
"
    )
}

async fn deployed(node_port: u16) -> Harness {
    let harness = Harness::new().await;
    harness.write("deploy.toml", PROJECT);
    harness.write("manifests/web.yaml", &web(node_port));
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    harness
}

/// Changes the Deployment as `kubectl patch` does.
fn patch(harness: &Harness, spec: &Value) {
    let ask = Ask {
        method: "PATCH".to_owned(),
        path: "/apis/apps/v1/namespaces/web/deployments/web".to_owned(),
        query: [("fieldManager".to_owned(), "kubectl".to_owned())].into(),
        content: "application/merge-patch+json".to_owned(),
        body: json!({ "spec": spec }),
    };
    let _ = harness.cluster.api().handle(&ask);
}

/// Replaces the pod, and waits until the Deployment reports that it is done.
async fn roll(harness: &Harness, run: u32) {
    patch(harness, &json!({"template": {"metadata": {"annotations": {"run": run.to_string()}}}}));
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let deployment = harness.cluster.api().get("apis/apps/v1/deployments", "web", "web").unwrap();
        let status = &deployment["status"];
        let counts = ["replicas", "updatedReplicas", "availableReplicas"].map(|count| status[count] == 1);
        let seen = status["observedGeneration"] == deployment["metadata"]["generation"];
        if seen && counts == [true; 3] {
            return;
        }
        assert!(Instant::now() < until, "{status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Requests the URL as `up` does on a node whose address can be reached.
async fn url(harness: &Harness) -> VerifiedUrl {
    let (sink, _events) = Sink::new();
    let (_asker, cancel) = Cancel::new();
    let world = World::fake("/", [("A", "b")]);
    let run = Run::new(sink, cancel, world);
    let project = load(&harness.project.folder.path().join("deploy.toml")).unwrap();
    let server = kube::Config::new(format!("http://{}", harness.address).parse().unwrap());
    let client = kube::Client::try_from(server).unwrap();
    let namespace = Namespace::parse("web").unwrap();
    let reach = NodeNetwork { address: Some([127, 77, 0, 1].into()), ..NodeNetwork::default() };
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut verified =
        verify(&run, &client, &namespace, &reach, &project.services, &[], deadline).await.unwrap();
    verified.remove(0)
}

/// What a connection to the node's port meets now.
async fn meets(node_port: u16) -> &'static str {
    let connect = TcpStream::connect(("127.77.0.1", node_port));
    let mut stream = match timeout(Duration::from_millis(20), connect).await {
        Err(_) => return "nothing",
        Ok(Err(_)) => return "a refusal",
        Ok(Ok(stream)) => stream,
    };
    let mut answer = String::new();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n").await;
    let _ = stream.read_to_string(&mut answer).await;
    if answer.starts_with("HTTP/1.1 200") { "an answer" } else { "an end" }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_of_one_replica_never_loses_the_nodes_address() {
    let node_port = 30131;
    let harness = deployed(node_port).await;
    let mut gaps = 0;
    for run in 1..=25 {
        roll(&harness, run).await;
        // The worst moment to ask is the one at which the old pod has gone.
        let until = Instant::now() + Duration::from_millis(1_500);
        let mut met = meets(node_port).await;
        while met == "an answer" && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
            met = meets(node_port).await;
        }
        gaps += u32::from(met != "an answer");
        let verified = url(&harness).await;
        let desired = format!("http://127.77.0.1:{node_port}/");
        assert_eq!((verified.url, verified.notes), (desired, Vec::new()), "{run}");
        assert!(verified.forward.is_none(), "{run}");
    }
    assert!(gaps > 0, "kube-proxy's delay is not rehearsed");
}

/// `kubernetes: pkg/proxy/iptables`: rules are written at most once a second.
#[tokio::test(start_paused = true)]
async fn a_node_port_follows_its_pods_as_late_as_kube_proxy() {
    let node_port = 30133;
    let harness = deployed(node_port).await;
    let mut met = Vec::new();
    for run in 1..=10 {
        roll(&harness, run).await;
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            met.push(meets(node_port).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(met.last(), Some(&"an answer"), "{met:?}");
    }
    let lost = if cfg!(target_os = "linux") { "nothing" } else { "a refusal" };
    assert!(met.contains(&lost), "{met:?}");
    // Without a pod the rules reject.
    patch(&harness, &json!({"replicas": 0}));
    let until = Instant::now() + Duration::from_secs(5);
    while meets(node_port).await != "a refusal" {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
