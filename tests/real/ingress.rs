//! Behind an Ingress, past checks, through a port of localhost: how people reach what runs, on a real cluster.

use crate::real::harness::Harness;
use crate::real::http;

const WEB: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'nginx:alpine', envFrom: [{configMapRef: {name: web}}, {secretRef: {name: keys}}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: idle}
spec:
  replicas: 1
  selector: {matchLabels: {app: idle}}
  template:
    metadata: {labels: {app: idle}}
    spec:
      containers: [{name: web, image: 'nginx:alpine'}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {LEVEL: info}
";

const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: nginx
  rules: [{host: todo.local, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
";

const SCALER: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: idle}
spec:
  minReplicas: 2
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: idle}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
";

const PROJECT: &str = "namespace = 'todo-chatbot'
[[manifests]]
path = 'k8s'
[secret.keys]
env-file = '.env'
keys = ['DATABASE_URL']
[service.web]
";

fn project(profile: &'static str) -> Harness {
    let harness = Harness::new(profile);
    std::fs::create_dir(harness.path("k8s")).unwrap();
    std::fs::write(harness.path("k8s/web.yaml"), WEB).unwrap();
    std::fs::write(harness.path("deploy.toml"), PROJECT).unwrap();
    std::fs::write(harness.path(".env"), "DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/x\n").unwrap();
    harness
}

#[test]
#[ignore = "needs minikube"]
fn checks_before_and_after_the_rollout() {
    let harness = project("todo-checks");
    harness.up();
    let checks = "[[check]]
name = 'page'
service = 'web'
contains = 'Welcome'
[[check]]
name = 'by name'
url = 'http://web.todo-chatbot.svc.cluster.local/'
from = 'cluster'
when = 'after'
[[check]]
name = 'the API server'
tcp = 'control-plane.minikube.internal:8443'
from = 'cluster'
[[check]]
name = 'Ollama'
url = 'http://host.minikube.internal:1/api/tags'
from = 'cluster'
required = false
";
    std::fs::write(harness.path("deploy.toml"), format!("{PROJECT}{checks}")).unwrap();
    harness.edit("k8s/web.yaml", "LEVEL: info", "LEVEL: warn");
    let output = harness.todo(&["up"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stderr.contains("`http://host.minikube.internal:1/api/tags` refuses connections"),
        "{}",
        output.stderr
    );
    // Where nothing is to be rolled out, the node is not asked.
    let output = harness.todo(&["up", "--verbose"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("nothing is to be rolled out"), "{}", output.stderr);
    assert!(!output.stderr.contains("refuses connections"), "{}", output.stderr);
    let output = harness.todo(&["check"]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    for words in ["page", "answers 200, with `Welcome`", "accepts connections", "missing"] {
        assert!(output.stdout.contains(words), "{words:?} is not in:\n{}", output.stdout);
    }

    // The database does not answer: reported before anything is applied, and never by its value.
    let database =
        "[[check]]\nname = 'database'\nfrom = 'cluster'\ntcp = { secret = 'keys', key = 'DATABASE_URL' }\n";
    std::fs::write(harness.path("deploy.toml"), format!("{PROJECT}{database}")).unwrap();
    harness.edit("k8s/web.yaml", "LEVEL: warn", "LEVEL: debug");
    let output = harness.todo(&["up"]);
    output.failed_with(10, &["the address in `DATABASE_URL` of the Secret `keys` refuses connections"]);
    assert!(
        !output.stderr.contains("hunter2") && !output.stderr.contains("127.0.0.1:1"),
        "{}",
        output.stderr
    );
    let config = harness.kubectl(&["get", "configmap", "web", "-n", "todo-chatbot", "-o", "yaml"]);
    assert!(config.contains("LEVEL: warn"), "{config}");

    // With it gone, the changed ConfigMap starts the pods that read it again, and no others.
    std::fs::write(harness.path("deploy.toml"), PROJECT).unwrap();
    let before = (harness.pods("web"), harness.pods("idle"));
    harness.up();
    let after = (harness.pods("web"), harness.pods("idle"));
    assert!(before.0 != after.0 && before.1 == after.1, "{before:?} {after:?}");
    std::fs::write(harness.path(".env"), "DATABASE_URL=postgres://me:other@127.0.0.1:1/x\n").unwrap();
    harness.up();
    assert!(after.0 != harness.pods("web") && after.1 == harness.pods("idle"));

    // An autoscaler's number of replicas stays, and `status` reports that there are no metrics.
    std::fs::write(harness.path("k8s/scaler.yaml"), SCALER).unwrap();
    harness.up();
    harness.kubectl(&[
        "wait",
        "-n",
        "todo-chatbot",
        "deployment/idle",
        "--for=jsonpath={.status.readyReplicas}=2",
        "--timeout=90s",
    ]);
    harness.edit(
        "k8s/web.yaml",
        "matchLabels: {app: idle}}\n",
        "matchLabels: {app: idle}}\n  minReadySeconds: 1\n",
    );
    harness.up();
    assert_eq!(harness.pods("idle").len(), 2);
    // Below its minimum it scales without asking for metrics; it asks at its next look.
    let asked = "--for=condition=ScalingActive=False";
    harness.kubectl(&["wait", "-n", "todo-chatbot", "hpa/idle", asked, "--timeout=90s"]);
    let status = harness.todo(&["status"]).stdout;
    assert!(status.contains("of 2 to 3; cpu ? of 70%; there are no metrics"), "{status}");
}

#[test]
#[ignore = "needs minikube and, in TODO_TEST_INGRESS, a command that installs an Ingress controller of class nginx"]
fn an_ingress_is_served_by_the_controller_that_is_there() {
    if std::env::var_os("TODO_TEST_INGRESS").is_none() {
        println!(
            "skipped: TODO_TEST_INGRESS does not say how to install an Ingress controller of class nginx"
        );
        return;
    }
    let harness = project("todo-ingress");
    harness.up();
    assert!(harness.serve_ingresses());

    harness.edit("k8s/web.yaml", "type: NodePort, ", "");
    std::fs::write(harness.path("k8s/ingress.yaml"), INGRESS).unwrap();
    let hosts = harness.path("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let file = hosts.to_str().unwrap().to_owned();
    let todo = |arguments: &[&str]| harness.todo_with(arguments, &[("TODO_HOSTS_FILE", &file)]);
    let output = todo(&["up"]);
    assert_eq!((output.code, output.stdout.trim()), (Some(0), "http://todo.local/"), "{}", output.stderr);
    assert!(output.stderr.contains("`todo up --hosts` writes it"), "{}", output.stderr);
    let status = harness.todo(&["status"]).stdout;
    assert!(status.contains("http://todo.local/"), "{status}");

    let output = todo(&["up", "--hosts", "--yes"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let written = std::fs::read_to_string(&hosts).unwrap();
    assert!(written.starts_with("127.0.0.1 localhost\n"), "{written}");
    let line = written.lines().nth(1).unwrap();
    assert!(line.ends_with(" todo.local # todo up: todo-chatbot"), "{written}");
    let address = line.split(' ').next().unwrap();
    assert_eq!(http::get(&format!("http://{address}:80/")).0, 404, "without its host nobody answers");

    // A class without a controller is reported before anything is applied.
    harness.edit("k8s/ingress.yaml", "ingressClassName: nginx", "ingressClassName: alb");
    todo(&["up"])
        .failed_with(10, &["no controller is installed for IngressClass `alb`", "k8s/ingress.yaml:6:"]);

    assert_eq!(todo(&["down", "--hosts"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&hosts).unwrap(), "127.0.0.1 localhost\n");
}
