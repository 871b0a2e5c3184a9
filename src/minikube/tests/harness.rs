//! A directory with the whole environment: a home with a profile, a kubeconfig, a `minikube` that is a shell script,
//! a Docker engine on a socket and an API server on a port, all of which answer by the files in the directory.

use crate::docker::fake;
use crate::event::EventKind;
use crate::fault::Result;
use crate::minikube;
use crate::minikube::MinikubeState;
use crate::minikube::Node;
use crate::project;
use crate::project::check::sample;
use crate::run::Run;
use crate::signal::CancelHandle;
use crate::world::World;
use serde_json::json;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::sync::mpsc;

/// Events that a start prints.
pub(super) const EVENTS: &str = r#"cat <<'END'
{"specversion":"1.0","type":"io.k8s.sigs.minikube.info","data":{"message":"HTTPS_PROXY=http://me:secret@proxy"}}
{"specversion":"1.0","type":"io.k8s.sigs.minikube.step","data":{"currentstep":"5","message":"Pulling base image ...","name":"Pulling Base Image","totalsteps":"19"}}
{"specversion":"1.0","type":"io.k8s.sigs.minikube.download.progress","data":{"artifact":"kicbase","progress":"0.5"}}
{"specversion":"1.0","type":"io.k8s.sigs.minikube.error","data":{"message":"The docker driver should not be used with root privileges."}}
END"#;

/// A failure with its reason.
pub(super) const OUT_OF_MEMORY: &str = r#"echo '{"specversion":"1.0","type":"io.k8s.sigs.minikube.error","data":{"advice":"Give it more","exitcode":"23","issues":"","message":"Docker has 1000MB of memory","name":"RSRC_NEW","url":""}}'"#;

/// minikube's announcement before it deletes every object.
pub(super) const RESET: &str = r#"echo '{"specversion":"1.0","type":"io.k8s.sigs.minikube.error","data":{"message":"Unable to restart control-plane node(s), will reset cluster: <no value>"}}'"#;

/// The events of a start that did not complete.
pub(super) const BEGUN: &str = "{\"data\":{\"name\":\"Initial Minikube Setup\"}}\n";

pub(super) struct Harness {
    folder: tempfile::TempDir,
    engine: Arc<Mutex<Vec<String>>>,
    events: RefCell<mpsc::UnboundedReceiver<crate::event::Event>>,
    pub(super) run: Run,
    pub(super) asker: CancelHandle,
    pub(super) desired: project::Minikube,
}

impl Harness {
    /// A machine with an engine, minikube, and no profile.
    pub(super) async fn absent() -> Harness {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_owned();
        std::fs::create_dir_all(here.join("bin")).unwrap();
        let socket = here.join("docker.sock");
        let variables = [
            ("HOME", here.clone()),
            ("HERE", here.clone()),
            ("KUBECONFIG", here.join("kubeconfig")),
            ("PATH", format!("{}:/usr/bin:/bin", here.join("bin").display()).into()),
            ("DOCKER_HOST", format!("unix://{}", socket.display()).into()),
        ];
        let (run, events, asker) = Run::fake(World::fake(&here, variables));
        let desired = sample(&here, "[minikube]\nprofile = 'mini'").minikube;
        let engine = Arc::new(Mutex::new(Vec::new()));
        serve_engine(&socket, here.clone(), Arc::clone(&engine));
        let harness = Harness { folder, engine, events: RefCell::new(events), run, asker, desired };
        let api = serve_api(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), here.clone());
        harness.write("api", &api.to_string());
        harness.write("kubeconfig", "apiVersion: v1\nkind: Config\ncurrent-context: work\n");
        let script =
            "#!/bin/sh\necho \"$*\" >>\"$HERE/calls\"\n[ ! -f \"$HERE/on-$1\" ] || . \"$HERE/on-$1\"\n";
        harness.write("bin/minikube", script);
        std::fs::set_permissions(harness.path("bin/minikube"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        harness
    }

    /// The same with a profile that runs.
    pub(super) async fn running() -> Harness {
        let harness = Harness::absent().await;
        harness.sh(&harness.runs()).await;
        harness
    }

    /// Runs a script in which `HERE` is the directory.
    pub(super) async fn sh(&self, script: &str) {
        let sh = crate::exec::Call::new("/bin/sh").args(["-ec", script]).env("HERE", self.folder.path());
        sh.output(&self.run).await.unwrap();
    }

    /// From now on `KUBECONFIG` names these files of the directory.
    pub(super) fn kubeconfig_is(&mut self, names: &str) {
        let files: Vec<String> = names.split(':').map(|name| self.path(name).display().to_string()).collect();
        let mine = Arc::clone(&self.run.world);
        let variables = mine.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = variables.chain([("KUBECONFIG".into(), files.join(":").into())]);
        self.run.world = Arc::new(World::fake(self.folder.path(), variables.collect::<Vec<_>>()));
    }

    /// From now on nothing listens on the API server's port.
    pub(super) fn silence(&self) {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        for file in ["container.json", "kubeconfig"] {
            self.write(file, &self.read_file(file).replace(&self.read_file("api"), &port));
        }
    }

    /// A script that starts the profile: its container, its config.json and its kubeconfig entry.
    pub(super) fn runs(&self) -> String {
        let api = self.read_file("api");
        let port = |outside: &str| json!([{"HostIp": "127.0.0.1", "HostPort": outside}]);
        let container = json!({
            "Id": "mini", "State": {"Status": "running"},
            "Config": {"Labels": {"name.minikube.sigs.k8s.io": "mini"}},
            "NetworkSettings": {
                "Ports": {"2376/tcp": port("32776"), "8443/tcp": port(&api), "30080/tcp": port("30080")},
                "Networks": {"mini": {"IPAddress": "192.168.49.2"}},
            },
        });
        let config = json!({
            "Driver": "docker", "CPUs": 2, "Memory": 3072, "APIServerPort": 8443, "Addons": null,
            "KubernetesConfig": {"KubernetesVersion": "v1.35.1", "ContainerRuntime": "docker"},
            "Nodes": [{"Name": "", "IP": "192.168.49.2", "Port": 8443}],
        });
        format!(
            "mkdir -p \"$HERE/.minikube/profiles/mini\" \"$HERE/.minikube/machines/mini\"
             touch \"$HERE/.minikube/machines/mini/id_rsa\"
             echo '{container}' >\"$HERE/container.json\"
             touch \"$HERE/.minikube/profiles/mini/client.crt\"
             echo '{config}' >\"$HERE/.minikube/profiles/mini/config.json\"
             for file in ca.crt ca.key; do echo '-----BEGIN -----' >\"$HERE/.minikube/$file\"; done
             cat >\"$HERE/kubeconfig\" <<END
apiVersion: v1
clusters:
- cluster: {{server: 'http://127.0.0.1:{api}'}}
  name: mini
contexts:
- context: {{cluster: mini, user: mini}}
  name: mini
current-context: work
kind: Config
users:
- name: mini
  user: {{}}
END"
        )
    }

    /// A line of script that changes the user's current context as minikube does.
    pub(super) fn switches_context(&self) -> String {
        let kubeconfig = self.path("kubeconfig");
        format!("sed -i 's/current-context: work/current-context: mini/' '{}'", kubeconfig.display())
    }

    /// The script of `minikube COMMAND`, and its exit code.
    pub(super) fn on(&self, command: &str, script: &str, code: i32) {
        self.write(&format!("on-{command}"), &format!("{script}\nexit {code}\n"));
    }

    pub(super) fn container(&self, status: &str) {
        self.write("container.json", &self.read_file("container.json").replace("running", status));
    }

    pub(super) async fn ensure(&self) -> Result<Node> {
        minikube::ensure(&self.run, &self.desired).await
    }

    pub(super) async fn inspect(&self) -> Result<MinikubeState> {
        minikube::inspect(&self.run, &self.desired).await
    }

    pub(super) fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    pub(super) fn events(&self) -> Vec<EventKind> {
        let mut received = self.events.borrow_mut();
        std::iter::from_fn(|| received.try_recv().ok()).map(|event| event.kind).collect()
    }

    /// The requests to the engine that begin with `what`.
    pub(super) fn engine_saw(&self, what: &str) -> Vec<String> {
        self.engine.lock().unwrap().iter().filter(|seen| seen.starts_with(what)).cloned().collect()
    }

    pub(super) fn current_context(&self) -> String {
        let text = self.kubeconfig();
        let line = text.lines().find_map(|line| line.strip_prefix("current-context:"));
        line.unwrap().trim().to_owned()
    }

    pub(super) fn kubeconfig(&self) -> String {
        self.read_file("kubeconfig")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read_file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

/// A Docker engine whose one container is `container.json`, whose volume exists if `volume` does, and whose container
/// lacks every file if there is a file `lost`. Its processes are in `processes`; without that, a kubelet.
fn serve_engine(socket: &Path, here: PathBuf, saw: Arc<Mutex<Vec<String>>>) {
    fake::serve(socket, move |request| {
        saw.lock().unwrap().push(request.to_owned());
        engine(&here, request)
    });
}

fn engine(here: &Path, request: &str) -> (u16, String) {
    let file = |name: &str| std::fs::read_to_string(here.join(name)).ok();
    let none = || (404, r#"{"message":"no such thing"}"#.to_owned());
    match request {
        "GET /_ping" => (200, "OK".to_owned()),
        "GET /containers/mini/json" => file("container.json").map_or_else(none, |text| (200, text)),
        "GET /volumes/mini" => file("volume").map_or_else(none, |_| {
            (200, r#"{"Name":"mini","Driver":"local","Mountpoint":"","Labels":{},"Scope":"local","Options":null}"#.to_owned())
        }),
        "GET /containers/mini/top" => {
            let lines = file("processes").unwrap_or_else(|| "/var/lib/minikube/binaries/v1.35.1/kubelet --config=x".to_owned());
            let processes: Vec<_> = lines.lines().map(|line| ["1", line]).collect();
            (200, json!({"Titles": ["PID", "CMD"], "Processes": processes}).to_string())
        }
        "POST /containers/mini/unpause" => {
            let text = file("container.json").unwrap_or_default().replace("paused", "running");
            std::fs::write(here.join("container.json"), text).unwrap();
            (204, String::new())
        }
        "HEAD /containers/mini/archive" if file("lost").is_some() => none(),
        "HEAD /containers/mini/archive" | "PUT /containers/mini/archive" | "PUT /containers/empty/archive" => {
            (200, String::new())
        }
        "POST /images/create" => (200, r#"{"status":"sha256:empty"}"#.to_owned()),
        "POST /containers/create" => (201, r#"{"Id":"empty","Warnings":[]}"#.to_owned()),

        "DELETE /containers/mini" => {
            std::fs::remove_file(here.join("container.json")).unwrap();
            (204, String::new())
        }
        "DELETE /containers/empty" | "POST /containers/mini/kill" => (204, String::new()),
        "DELETE /images/sha256:empty" => (200, "[]".to_owned()),
        _ => (400, format!(r#"{{"message":"unexpected: {request}"}}"#)),
    }
}

/// An API server that has a list of nodes and, unless there is a file `incomplete`, what minikube makes last; or
/// answers with the status in the file `status`. Returns its port.
fn serve_api(listener: tokio::net::TcpListener, here: PathBuf) -> u16 {
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let status = std::fs::read_to_string(here.join("status")).ok();
            let status = status.and_then(|text| text.trim().parse::<u16>().ok());
            let rights = !here.join("incomplete").exists();
            tokio::spawn(fake::exchange(socket, move |request| {
                match (request, status) {
                (_, Some(code)) => (
                    code,
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "x", "code": code}).to_string(),
                ),
                ("GET /api/v1/nodes", None) => {
                    (200, r#"{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[]}"#.to_owned())
                }
                ("GET /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/minikube-rbac", None) if rights => {
                    (200, r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"minikube-rbac"}}"#.to_owned())
                }
                _ => (404, r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"not found","reason":"NotFound","code":404}"#.to_owned()),
            }
            }));
        }
    });
    port
}
