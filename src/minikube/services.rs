//! The services that a node needs and systemd runs in it: the container runtime, cri-dockerd and the kubelet.
//!
//! Checked in nodes that are containers, if their API server does not answer. A service counts as down if two checks
//! some seconds apart find it down: one that is restarted is down for a moment. Other nodes cannot be checked.

use crate::docker::exec::exec;
use crate::minikube::Break;
use crate::project::Runtime;
use bollard::Docker;
use futures::stream;
use std::time::Duration;

/// How long between the two looks.
const BETWEEN: Duration = Duration::from_secs(3);

/// How long a command in the node may take.
const COMMAND: Duration = Duration::from_secs(10);

/// How long a service may take to start.
const START: Duration = Duration::from_secs(60);

/// From which back-off on a container of the control plane is not waited for. Shorter ones are usual while etcd starts.
const LONG: Duration = Duration::from_secs(60);

/// Prints a block of properties for each service, the free space of the disk, and the back-off of the control plane
/// that the running kubelet has logged last (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`: `doBackOff`).
const SCRIPT: &str = r#"systemctl show --property=Id,LoadState,ActiveState,NRestarts \
  docker.service containerd.service cri-docker.service kubelet.service docker.socket cri-docker.socket
echo
echo "Free=$(df --output=avail -k /var | tail -n 1)"
run=$(systemctl show --property=InvocationID --value kubelet)
journalctl _SYSTEMD_INVOCATION_ID="$run" --since=-15s --output=cat --no-pager |
  grep -o 'back-off [0-9a-z]* restarting failed container=\(etcd\|kube-apiserver\)' | tail -n 1
exit 0"#;

/// A service of the node that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeService {
    /// Its name, as systemd has it, without `.service`.
    pub unit: String,
    /// Its state in systemd.
    pub state: ServiceState,
    /// The last that it logged, where that may be the reason.
    pub logged: Option<String>,
}

/// How a service does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// It ended with an error, and systemd no longer starts it.
    Failed,
    /// It was stopped.
    Stopped,
    /// It ends, and systemd starts it, again and again.
    Restarting,
}

/// The output of the script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Report {
    units: Vec<Unit>,
    free_kib: Option<u64>,
    /// The container, and how long the kubelet waits before it starts it again.
    back_off: Option<(String, String)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Unit {
    name: String,
    loaded: bool,
    active: String,
    restarts: u64,
}

/// The defect that keeps the API server from recovering by itself, if the node shows one.
///
/// A stopped kubelet is not among them: that is [`Break::ApiDown`].
pub(crate) async fn broken(engine: &Docker, container: &str, runtime: Runtime) -> Option<Break> {
    let first = report(engine, container).await?;
    if first.free_kib == Some(0) {
        return Some(Break::DiskFull);
    }
    if let Some((of, pause)) = first.back_off.as_ref().filter(|(_, pause)| go_duration(pause) > Some(LONG)) {
        return Some(Break::BackOff { container: of.clone(), pause: pause.clone() });
    }
    if first.is_well(runtime) {
        return None;
    }
    tokio::time::sleep(BETWEEN).await;
    let second = report(engine, container).await?;
    let (unit, state) = down(&first, &second, runtime)?;
    // The log of a service from before it was stopped is not the cause.
    let logged = match state {
        ServiceState::Stopped => None,
        ServiceState::Failed | ServiceState::Restarting => logged(engine, container, &unit).await,
    };
    Some(Break::ServiceDown(NodeService { unit, state, logged }))
}

/// The same, asked until there is something.
pub(crate) async fn until_broken(engine: &Docker, container: &str, runtime: Runtime) -> Break {
    loop {
        tokio::time::sleep(BETWEEN).await;
        if let Some(broken) = broken(engine, container, runtime).await {
            return broken;
        }
    }
}

/// The service whose restart may help, and which `broken` proves to be down or to wait.
pub(crate) fn to_restart(broken: &Break) -> Option<&str> {
    match broken {
        Break::BackOff { .. } => Some("kubelet"),
        Break::ServiceDown(service) if service.state != ServiceState::Restarting => Some(&service.unit),
        _ => None,
    }
}

/// Restarts a service, and starts those that were stopped with it. The next inspection shows whether that helped.
pub(crate) async fn restart(engine: &Docker, container: &str, unit: &str, runtime: Runtime) {
    let needed = needed(runtime).join(" ");
    // A socket that has started its service too often has failed like it.
    let script = format!(
        "for unit in {needed}; do systemctl reset-failed $unit.service $unit.socket; done
         systemctl restart {unit} && systemctl start {needed}"
    );
    let command = ["sh", "-c", &script];
    let _ = tokio::time::timeout(START, exec(engine, container, &command, stream::empty())).await;
}

async fn report(engine: &Docker, container: &str) -> Option<Report> {
    run(engine, container, &["sh", "-c", SCRIPT]).await.map(|printed| Report::parse(&printed))
}

/// The last line of the service itself; systemd's about it are of its own unit.
async fn logged(engine: &Docker, container: &str, unit: &str) -> Option<String> {
    let unit = format!("_SYSTEMD_UNIT={unit}.service");
    let command = ["journalctl", &unit, "--lines=1", "--output=cat", "--no-pager"];
    let line = run(engine, container, &command).await?;
    Some(line.trim().to_owned()).filter(|line| !line.is_empty() && !line.starts_with("-- "))
}

async fn run(engine: &Docker, container: &str, command: &[&str]) -> Option<String> {
    let ran = tokio::time::timeout(COMMAND, exec(engine, container, command, stream::empty())).await;
    ran.ok()?.ok()
}

impl Report {
    fn parse(printed: &str) -> Report {
        let mut report = Report::default();
        for block in printed.split("\n\n") {
            let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            if let Some(id) = value("Id") {
                report.units.push(Unit {
                    name: id.strip_suffix(".service").unwrap_or(id).to_owned(),
                    loaded: value("LoadState") == Some("loaded"),
                    active: value("ActiveState").unwrap_or_default().to_owned(),
                    restarts: value("NRestarts").and_then(|count| count.parse().ok()).unwrap_or(0),
                });
            }
        }
        report.free_kib = printed.lines().find_map(|line| line.strip_prefix("Free=")?.trim().parse().ok());
        report.back_off = printed.lines().find_map(|line| {
            let (pause, container) =
                line.strip_prefix("back-off ")?.split_once(" restarting failed container=")?;
            Some((container.to_owned(), pause.to_owned()))
        });
        report
    }

    fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name && unit.loaded)
    }

    /// Whether systemd listens in place of the service.
    fn is_listening(&self, name: &str) -> bool {
        self.unit(&format!("{name}.socket")).is_some_and(|socket| socket.active == "active")
    }

    fn is_well(&self, runtime: Runtime) -> bool {
        let needed = needed(runtime).iter().filter_map(|name| self.unit(name));
        needed.into_iter().all(|unit| unit.active == "active" && unit.restarts == 0)
    }
}

/// The services in the order in which the later need the earlier.
const fn needed(runtime: Runtime) -> &'static [&'static str] {
    match runtime {
        Runtime::Docker => &["docker", "cri-docker", "kubelet"],
        Runtime::Containerd => &["containerd", "kubelet"],
    }
}

/// The first service that was down both times, or restarted twice in between.
fn down(first: &Report, second: &Report, runtime: Runtime) -> Option<(String, ServiceState)> {
    let state = |name: &str| {
        let (before, now) = (first.unit(name)?, second.unit(name)?);
        match (before.active.as_str(), now.active.as_str()) {
            ("failed", "failed") => Some(ServiceState::Failed),
            // A connection to its socket starts it.
            ("inactive", "inactive") if second.is_listening(name) => None,
            ("inactive", "inactive") => Some(ServiceState::Stopped),
            _ if now.restarts >= before.restarts + 2 => Some(ServiceState::Restarting),
            _ => None,
        }
    };
    if matches!(state("kubelet"), Some(ServiceState::Failed | ServiceState::Stopped)) {
        return None;
    }
    needed(runtime).iter().find_map(|name| Some(((*name).to_owned(), state(name)?)))
}

/// A duration as Go prints it: `2m40s`, `10s`.
fn go_duration(text: &str) -> Option<Duration> {
    let (mut total, mut digits) = (0, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                digits.push(letter);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total += digits.parse::<u64>().ok()? * unit;
        digits.clear();
    }
    Some(Duration::from_secs(total))
}

#[cfg(test)]
mod tests;
