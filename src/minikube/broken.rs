//! The messages about defects of a profile: the same for every command, each with its help.
//!
//! `minikube delete` is named last and only if a cluster is of no use any more: most of these leave it healthy.

use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::NodeService;
use crate::minikube::ServiceState;
use crate::project::name::Profile;
use std::fmt;
use std::path::Path;

/// A file that has to be read and cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which, where in it, and why.
    pub why: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Unreadable {
    /// A kubeconfig.
    pub(crate) fn kubeconfig(why: String) -> Unreadable {
        let help = "correct the file, or move it away; `todo up` then writes the profile's entry, and nothing else is lost";
        Unreadable { why, help: vec![help.to_owned()] }
    }

    /// The saved configuration of the profile.
    pub(crate) fn config(why: String, profile: &Profile) -> Unreadable {
        let help = format!(
            "restore the file from a backup; without it minikube cannot go on with the cluster. The last resort: `minikube delete -p {profile}` deletes the cluster with its data, then `todo up` makes a new one"
        );
        Unreadable { why, help: vec![help] }
    }

    /// A node, running or stopped, without a saved configuration: `path` is missing.
    pub(crate) fn forgotten(path: &Path, profile: &Profile) -> Unreadable {
        let why = format!(
            "`{}` does not exist, but the engine has the node's container `{profile}`; a start would replace it",
            path.display()
        );
        let help = vec![
            "if the profile belongs to another MINIKUBE_HOME, export that; or restore the file from a backup"
                .to_owned(),
            "or name another `profile` in deploy.toml".to_owned(),
            format!("if the cluster is not needed: `minikube delete -p {profile}` deletes it with its data"),
        ];
        Unreadable { why, help }
    }

    /// A certificate or key of minikube's own.
    pub(crate) fn certificate(path: &Path, why: String, profile: &Profile) -> Unreadable {
        let shown = path.display();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // minikube copies both to its nodes (`pkg/minikube/bootstrapper/certs.go`: `SetupCerts`).
        let help = if matches!(&*name, "ca.crt" | "ca.key") {
            format!("the node has a copy: `docker cp {profile}:/var/lib/minikube/certs/{name} {shown}`")
        } else {
            format!(
                "remove `{shown}`, then `minikube stop -p {profile}` and `todo up`: its start makes a new one, and the data in the cluster stays"
            )
        };
        Unreadable { why, help: vec![help] }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Break::ContainerGone { volume: true } => f.write_str("a node's container is gone"),
            Break::ContainerGone { volume: false } => f.write_str("the node's container and volume are gone"),
            Break::NodeDown(name) => write!(f, "the node `{name}` is down"),
            Break::ApiDown(why) => {
                write!(f, "the API server does not answer, and no kubelet runs in the node: {why}")
            }
            Break::ApiFails(why) => {
                write!(f, "the node runs, but its API server gives no usable answer: {why}")
            }
            Break::ServiceDown(service) => {
                let unit = &service.unit;
                match service.state {
                    ServiceState::Failed => write!(f, "the service `{unit}` of the node has failed")?,
                    ServiceState::Stopped => write!(f, "the service `{unit}` of the node is stopped")?,
                    ServiceState::Restarting => {
                        write!(f, "the service `{unit}` of the node ends again and again")?;
                    }
                }
                service.logged.as_ref().map_or(Ok(()), |line| write!(f, ": {line}"))
            }
            Break::BackOff { container, pause } => write!(
                f,
                "the API server does not answer: `{container}` has ended too often, so the kubelet waits {pause} before it starts it again"
            ),
            Break::DiskFull => f.write_str("the disk that holds the node's `/var` is full"),
            Break::KubeconfigStale(why) => write!(f, "the kubeconfig does not point to it: {why}"),
            Break::Foreign(name) => write!(f, "the container `{name}` is not minikube's"),
            Break::ForeignEntry(why) => {
                write!(f, "the kubeconfig's entry of this name belongs to another cluster: {why}")
            }
            Break::Unreadable(file) => f.write_str(&file.why),
        }
    }
}

impl Break {
    /// Whether the contents of the cluster are unknown, though it exists: every command ends with the same fault.
    pub(crate) fn hides_the_cluster(&self) -> bool {
        matches!(
            self,
            Break::Foreign(_)
                | Break::ForeignEntry(_)
                | Break::Unreadable(_)
                | Break::ApiFails(_)
                | Break::ServiceDown(_)
                | Break::BackOff { .. }
                | Break::DiskFull
        )
    }

    fn help(&self, profile: &Profile) -> Vec<String> {
        let logs = format!("see what the node says: `minikube logs -p {profile} --length=50`");
        match self {
            Break::Foreign(name) => vec![format!(
                "name another `profile` in deploy.toml, or rename that container: `docker rename {name} {name}-mine`"
            )],
            Break::ForeignEntry(_) => vec![format!(
                "name another `profile` in deploy.toml, or give the entry's cluster, user and context another name in the file: minikube would replace all that are called `{profile}`"
            )],
            Break::Unreadable(file) => file.help.clone(),
            Break::KubeconfigStale(_) => vec![without_entry(profile)],
            Break::ServiceDown(NodeService { unit, .. }) => vec![
                format!(
                    "see what it logged: `minikube ssh -p {profile} -- sudo journalctl -u {unit} -n 50 --no-pager`"
                ),
                format!(
                    "then correct the cause and start it: `minikube ssh -p {profile} -- sudo systemctl restart {unit}`"
                ),
            ],
            Break::BackOff { container, .. } => vec![
                format!(
                    "`todo up` restarts the kubelet, which then does not wait; or: `minikube ssh -p {profile} -- sudo systemctl restart kubelet`"
                ),
                format!("see why `{container}` ended: `minikube logs -p {profile} --length=50`"),
            ],
            Break::DiskFull => vec![format!(
                "see what takes the space: `minikube ssh -p {profile} -- sudo du -xh -d 2 /var`; images that nothing uses are removed by `minikube ssh -p {profile} -- docker image prune -a`"
            )],
            Break::ApiFails(_) => vec![
                logs,
                format!(
                    "if it does not recover, restart it with its data: `minikube stop -p {profile}`, then `todo up`"
                ),
            ],
            _ => vec![
                logs,
                format!(
                    "if nothing else helps: `minikube delete -p {profile}` deletes the cluster with its data, then `todo up` makes a new one"
                ),
            ],
        }
    }
}

/// How an entry that cannot be corrected is written again.
pub(crate) fn without_entry(profile: &Profile) -> String {
    format!(
        "the cluster was left as it is; remove its entry, and `todo up` writes a new one: `kubectl config delete-context {profile}; kubectl config delete-user {profile}; kubectl config delete-cluster {profile}`"
    )
}

/// A `fault` of writing the entry of a cluster that runs: the help does not concern the cluster.
pub(crate) fn entry_fault(profile: &Profile, fault: Fault) -> Fault {
    let fault = Fault { hints: Vec::new(), ..fault };
    fault.hint(format!(
        "the cluster was left as it is; see why its entry cannot be written: `minikube update-context -p {profile}`"
    ))
}

/// The fault of a profile that is in `state` and cannot be started.
pub(crate) fn fault(profile: &Profile, state: &MinikubeState) -> Fault {
    let (why, help) = match state {
        MinikubeState::Broken(broken) => (broken.to_string(), broken.help(profile)),
        MinikubeState::Running(_) => ("it runs, but minikube does not remember it".to_owned(), Vec::new()),
        MinikubeState::Absent => ("minikube does not know it".to_owned(), Vec::new()),
        MinikubeState::Stopped => ("it is stopped".to_owned(), Vec::new()),
        MinikubeState::Paused(_) => ("it is paused".to_owned(), Vec::new()),
    };
    let help = if help.is_empty() {
        vec![format!("see what the node says: `minikube logs -p {profile} --length=50`")]
    } else {
        help
    };
    let code = match state {
        MinikubeState::Broken(Break::ServiceDown(_)) => Code::NodeServiceDown,
        _ => Code::MinikubeProfileBroken,
    };
    let fault = code.fault(FaultKind::Minikube, why).context(format!("cannot use the profile `{profile}`"));
    help.into_iter().fold(fault, Fault::hint)
}

/// The fault of a state in which the contents of the cluster are unknown, with which every command therefore ends;
/// else `None`.
#[must_use]
pub fn refusal(profile: &Profile, state: &MinikubeState) -> Option<Fault> {
    match state {
        MinikubeState::Broken(broken) if broken.hides_the_cluster() => Some(fault(profile, state)),
        _ => None,
    }
}
