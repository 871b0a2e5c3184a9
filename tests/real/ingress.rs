//! Behind an Ingress, past checks, through a port of localhost: how people reach what runs, on a real cluster.

use crate::real::http;
use crate::real::stage::Stage;

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

fn project(profile: &'static str) -> Stage {
    let stage = Stage::new(profile);
    std::fs::create_dir(stage.path("k8s")).unwrap();
    std::fs::write(stage.path("k8s/web.yaml"), WEB).unwrap();
    std::fs::write(stage.path("deploy.toml"), PROJECT).unwrap();
    std::fs::write(stage.path(".env"), "DATABASE_URL=postgres://me:hunter2@127.0.0.1:1/x\n").unwrap();
    stage
}

#[test]
#[ignore = "needs minikube"]
fn checks_before_and_after_the_rollout() {
    let stage = project("todo-checks");
    stage.up();
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
    std::fs::write(stage.path("deploy.toml"), format!("{PROJECT}{checks}")).unwrap();
    stage.edit("k8s/web.yaml", "LEVEL: info", "LEVEL: warn");
    let told = stage.todo(&["up"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(
        told.stderr.contains("`http://host.minikube.internal:1/api/tags` refuses connections"),
        "{}",
        told.stderr
    );
    // Where nothing is to be rolled out, the node is not asked.
    let told = stage.todo(&["up", "--verbose"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stderr.contains("nothing is to be rolled out"), "{}", told.stderr);
    assert!(!told.stderr.contains("refuses connections"), "{}", told.stderr);
    let told = stage.todo(&["check"]);
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    for words in ["page", "answers 200, with `Welcome`", "accepts connections", "missing"] {
        assert!(told.stdout.contains(words), "{words:?} is not in:\n{}", told.stdout);
    }

    // The database does not answer: said before anything is applied, and never by its value.
    let database =
        "[[check]]\nname = 'database'\nfrom = 'cluster'\ntcp = { secret = 'keys', key = 'DATABASE_URL' }\n";
    std::fs::write(stage.path("deploy.toml"), format!("{PROJECT}{database}")).unwrap();
    stage.edit("k8s/web.yaml", "LEVEL: warn", "LEVEL: debug");
    let told = stage.todo(&["up"]);
    told.failed_with(10, &["the address in `DATABASE_URL` of the Secret `keys` refuses connections"]);
    assert!(!told.stderr.contains("hunter2") && !told.stderr.contains("127.0.0.1:1"), "{}", told.stderr);
    let config = stage.kubectl(&["get", "configmap", "web", "-n", "todo-chatbot", "-o", "yaml"]);
    assert!(config.contains("LEVEL: warn"), "{config}");

    // With it gone, the changed ConfigMap starts the pods that read it anew, and no others.
    std::fs::write(stage.path("deploy.toml"), PROJECT).unwrap();
    let before = (stage.pods("web"), stage.pods("idle"));
    stage.up();
    let after = (stage.pods("web"), stage.pods("idle"));
    assert!(before.0 != after.0 && before.1 == after.1, "{before:?} {after:?}");
    std::fs::write(stage.path(".env"), "DATABASE_URL=postgres://me:other@127.0.0.1:1/x\n").unwrap();
    stage.up();
    assert!(after.0 != stage.pods("web") && after.1 == stage.pods("idle"));

    // An autoscaler's number of replicas stays, and `status` says that there are no metrics.
    std::fs::write(stage.path("k8s/scaler.yaml"), SCALER).unwrap();
    stage.up();
    stage.kubectl(&[
        "wait",
        "-n",
        "todo-chatbot",
        "deployment/idle",
        "--for=jsonpath={.status.readyReplicas}=2",
        "--timeout=90s",
    ]);
    stage.edit(
        "k8s/web.yaml",
        "matchLabels: {app: idle}}\n",
        "matchLabels: {app: idle}}\n  minReadySeconds: 1\n",
    );
    stage.up();
    assert_eq!(stage.pods("idle").len(), 2);
    // Below its minimum it scales without asking for metrics; it asks at its next look.
    let asked = "--for=condition=ScalingActive=False";
    stage.kubectl(&["wait", "-n", "todo-chatbot", "hpa/idle", asked, "--timeout=90s"]);
    let status = stage.todo(&["status"]).stdout;
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
    let stage = project("todo-ingress");
    stage.up();
    assert!(stage.serve_ingresses());

    stage.edit("k8s/web.yaml", "type: NodePort, ", "");
    std::fs::write(stage.path("k8s/ingress.yaml"), INGRESS).unwrap();
    let hosts = stage.path("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let file = hosts.to_str().unwrap().to_owned();
    let todo = |arguments: &[&str]| stage.todo_with(arguments, &[("TODO_HOSTS_FILE", &file)]);
    let told = todo(&["up"]);
    assert_eq!((told.code, told.stdout.trim()), (Some(0), "http://todo.local/"), "{}", told.stderr);
    assert!(told.stderr.contains("`todo up --hosts` writes it"), "{}", told.stderr);
    let status = stage.todo(&["status"]).stdout;
    assert!(status.contains("http://todo.local/"), "{status}");

    let told = todo(&["up", "--hosts", "--yes"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let written = std::fs::read_to_string(&hosts).unwrap();
    assert!(written.starts_with("127.0.0.1 localhost\n"), "{written}");
    let line = written.lines().nth(1).unwrap();
    assert!(line.ends_with(" todo.local # todo up: todo-chatbot"), "{written}");
    let address = line.split(' ').next().unwrap();
    assert_eq!(http::get(&format!("http://{address}:80/")).0, 404, "without its host nobody answers");

    // A class that nobody serves is told before anything is applied.
    stage.edit("k8s/ingress.yaml", "ingressClassName: nginx", "ingressClassName: alb");
    todo(&["up"])
        .failed_with(10, &["no controller is installed for IngressClass `alb`", "k8s/ingress.yaml:6:"]);

    assert_eq!(todo(&["down", "--hosts"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&hosts).unwrap(), "127.0.0.1 localhost\n");
}
