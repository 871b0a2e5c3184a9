//! What a NodePort does while the pods behind it are replaced, and what `todo` makes of it.

use crate::rehearsed::stage::Stage;
use std::time::Duration;
use todo::event::Sink;
use todo::project::check::load;
use todo::project::name::Namespace;
use todo::run::Run;
use todo::service::Proved;
use todo::service::Reach;
use todo::service::prove;
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
fn web(run: u32, strategy: &str, node_port: u16) -> String {
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
  strategy: {{ type: {strategy} }}
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      containers:
        - name: web
          image: nginx:1
          ports: [{{ containerPort: 8080 }}]
          env: [{{ name: RUN, value: '{run}' }}]
"
    )
}

async fn up(stage: &Stage, run: u32, strategy: &str, node_port: u16) {
    stage.write("deploy.toml", PROJECT);
    stage.write("manifests/web.yaml", &web(run, strategy, node_port));
    let told = stage.todo(&["up"]).await;
    assert_eq!(told.code, 0, "{told:#?}");
}

/// Asks for the URL as `up` does on a node whose address can be reached.
async fn url(stage: &Stage) -> Proved {
    let (sink, _events) = Sink::new();
    let (_asker, cancel) = Cancel::new();
    let world = World::fake("/", [("A", "b")]).into();
    let run = Run { sink, cancel, world, verbose: false };
    let project = load(&stage.project.folder.path().join("deploy.toml")).unwrap();
    let server = kube::Config::new(format!("http://{}", stage.address).parse().unwrap());
    let client = kube::Client::try_from(server).unwrap();
    let namespace = Namespace::parse("web").unwrap();
    let reach = Reach { address: Some([127, 77, 0, 1].into()), ..Reach::default() };
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut proved =
        prove(&run, &client, &namespace, &reach, &project.services, &[], deadline).await.unwrap();
    proved.remove(0)
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
    for (strategy, node_port) in [("RollingUpdate", 30131), ("Recreate", 30132)] {
        let stage = Stage::new().await;
        for run in 1..=25 {
            up(&stage, run, strategy, node_port).await;
            let proved = url(&stage).await;
            let wanted = format!("http://127.77.0.1:{node_port}/");
            assert_eq!((proved.url, proved.notes), (wanted, Vec::new()), "{strategy} {run}");
            assert!(proved.forward.is_none(), "{strategy} {run}");
        }
    }
}

/// `kubernetes: pkg/proxy/iptables`: rules are written at most once a second.
#[tokio::test(start_paused = true)]
async fn a_node_port_follows_its_pods_as_late_as_kube_proxy() {
    let (stage, node_port) = (Stage::new().await, 30133);
    let mut met = Vec::new();
    for run in 1..=10 {
        up(&stage, run, "RollingUpdate", node_port).await;
        let began = Instant::now();
        loop {
            let now = meets(node_port).await;
            met.push(now);
            // Two answers in a row from one pod: the one before has gone by then.
            if now == "an answer" && began.elapsed() > Duration::from_secs(1) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(3), "{met:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(met.contains(&"an answer") && met.contains(&"a refusal"), "{met:?}");
    #[cfg(target_os = "linux")]
    assert!(met.contains(&"nothing"), "{met:?}");
    // Without a pod the rules reject.
    let none = web(11, "RollingUpdate", node_port).replace("replicas: 1", "replicas: 0");
    stage.write("manifests/web.yaml", &none);
    let _ = stage.todo(&["up"]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(meets(node_port).await, "a refusal");
}
