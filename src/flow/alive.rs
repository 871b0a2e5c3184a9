//! Watches the cluster while other work runs, so that a node that fails meanwhile is reported at once.
//!
//! The work itself does not notice that: watches, builds and requests over a connection whose other end is gone are
//! silent for minutes. So the API server is queried every two seconds, and if it does not answer, minikube's state is
//! read: a node that has stopped ends the run, an API server that restarts is waited for. For a `[target]` only the
//! API server can be queried.

use crate::cluster::Pulse;
use crate::cluster::SilentNode;
use crate::cluster::Target;
use crate::cluster::pulse;
use crate::event::Code;
use crate::event::OpenItem;
use crate::event::OpenStep;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::minikube;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use crate::project::Project;
use crate::run::Run;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The interval between two queries. A shorter run makes none.
const PERIOD: Duration = Duration::from_secs(2);

/// The duration of a silence after which it is reported.
const WORTH_TELLING: Duration = Duration::from_secs(3);

/// How long an API server may be silent while its node runs: a restart takes half a minute, on a busy machine more.
const SILENCE: Duration = Duration::from_secs(120);

/// How long minikube's state may also be unknown: if Docker itself has stopped, so have its nodes.
const UNKNOWN: Duration = Duration::from_secs(20);

/// How long the only nodes may stay without a report once Kubernetes has noticed, which takes it 50 s.
const UNREPORTED: Duration = Duration::from_secs(20);

/// How long a lease may stay as it is: the kubelet renews it every 10 s.
const LEASE: Duration = Duration::from_secs(15);

/// Does `work` for as long as there is a cluster to do it in.
///
/// # Errors
/// Those of the work; [`FaultKind::Minikube`] if the node has stopped, its kubelet no longer reports, or its API
/// server stays silent ([`FaultKind::Apply`] for a `[target]`).
pub(crate) async fn while_up<T>(
    run: &Run,
    project: &Project,
    target: &Target,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let ended = tokio::select! {
        biased;
        ended = work => ended,
        fault = observe(run, project, target) => return Err(fault),
    };
    match ended {
        // A build or a request may be the first to notice that its other end is gone.
        Err(fault) if may_come_from_the_node(fault.kind) => match stopped(run, project).await {
            Ok(Some(named)) => Err(caused(named, fault)),
            _ => Err(fault),
        },
        ended => ended,
    }
}

const fn may_come_from_the_node(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Prerequisite
            | FaultKind::Minikube
            | FaultKind::Image
            | FaultKind::Apply
            | FaultKind::Rollout
            | FaultKind::Service
    )
}

/// The specific fault, with the work's fault as its deeper cause.
fn caused(named: Fault, by: Fault) -> Fault {
    let hints = named.hints;
    Fault { hints, ..named.code.caused_by(named.kind, by.error).context(named.error) }
}

/// Ends when the cluster no longer exists or has stopped.
async fn observe(run: &Run, project: &Project, target: &Target) -> Fault {
    let mut api = Silence::new("API server");
    let mut nodes = Silence::new("node");
    let mut leases = Leases::default();
    loop {
        tokio::time::sleep(PERIOD).await;
        match pulse(target).await {
            Pulse::Answers { silent: named, all } => {
                api.ends("answers again");
                let silent = leases.unchanged(&named);
                let all = all && silent.len() == named.len();
                if silent.is_empty() {
                    nodes.ends("reports again");
                    continue;
                }
                let kubelets = format!("`{}`", silent.join("`, `"));
                let lasted = nodes.lasts();
                nodes.report(
                    run,
                    format!("the kubelet of {kubelets} has stopped reporting: what is said of its pods may be out of date"),
                );
                if all && lasted >= UNREPORTED {
                    return unreported(project, &kubelets, &silent[0]);
                }
            }
            Pulse::Silent(why) => {
                let lasted = api.lasts();
                let node = match stopped(run, project).await {
                    Ok(Some(fault)) => return fault,
                    Err(fault) if lasted >= UNKNOWN => return fault,
                    Ok(None) if lasted >= SILENCE => return silent(project, &why),
                    Ok(None) if project.elsewhere.is_none() => "; its node runs",
                    _ => "",
                };
                if lasted >= WORTH_TELLING {
                    api.report(run, format!("it does not answer ({why}){node}; retrying"));
                }
            }
        }
    }
}

/// The leases of nodes that are reported as silent: the last value of each, and since when.
#[derive(Default)]
struct Leases(BTreeMap<String, (Option<String>, Instant)>);

impl Leases {
    /// The names of the nodes whose lease has been unchanged for too long. A node that renews its lease is alive,
    /// whatever its condition.
    fn unchanged(&mut self, nodes: &[SilentNode]) -> Vec<String> {
        self.0.retain(|name, _| nodes.iter().any(|node| node.name == *name));
        let now = Instant::now();
        let mut is_unchanged = |node: &SilentNode| {
            let seen = self.0.entry(node.name.clone()).or_insert_with(|| (node.renewed.clone(), now));
            if seen.0 != node.renewed {
                *seen = (node.renewed.clone(), now);
            }
            now - seen.1 >= LEASE
        };
        nodes.iter().filter(|node| is_unchanged(node)).map(|node| node.name.clone()).collect()
    }
}

/// A component that has stopped answering, as it is shown.
struct Silence {
    item: &'static str,
    since: Option<Instant>,
    open_item: Option<(OpenStep, OpenItem)>,
}

impl Silence {
    fn new(item: &'static str) -> Silence {
        Silence { item, since: None, open_item: None }
    }

    /// How long it has lasted; it begins with the first call.
    fn lasts(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now).elapsed()
    }

    fn report(&mut self, run: &Run, why: String) {
        let (_, item) = self
            .open_item
            .get_or_insert_with(|| (run.sink.step(Step::Minikube), run.sink.item(Step::Minikube, self.item)));
        item.waiting(why);
    }

    fn ends(&mut self, how: &str) {
        self.since = None;
        if let Some((step, item)) = self.open_item.take() {
            item.finish(Outcome::Done, Some(how.to_owned()));
            step.finish(Outcome::Unchanged, Some(format!("the {} {how}", self.item)));
        }
    }
}

/// Why the cluster is gone, if minikube's state shows it.
async fn stopped(run: &Run, project: &Project) -> Result<Option<Fault>> {
    if project.elsewhere.is_some() {
        return Ok(None);
    }
    let profile = &project.minikube.profile;
    let (what, hint) = match minikube::inspect(run, &project.minikube).await? {
        MinikubeState::Stopped => (format!("the node of the profile `{profile}` has stopped"), "starts it"),
        MinikubeState::Absent => (format!("the profile `{profile}` was deleted"), "creates it again"),
        MinikubeState::Paused(Pause::Container) => {
            (format!("the node of the profile `{profile}` was paused"), "continues it")
        }
        MinikubeState::Paused(Pause::Kubernetes) => {
            (format!("the Kubernetes of the profile `{profile}` was paused"), "continues it")
        }
        MinikubeState::Broken(Break::NodeDown(name)) => {
            (format!("the node `{name}` of the profile `{profile}` has stopped"), "starts it")
        }
        MinikubeState::Broken(Break::ContainerGone { .. }) => {
            (format!("a node's container of the profile `{profile}` was removed"), "creates it again")
        }
        MinikubeState::Broken(Break::Foreign(name)) => (
            format!("the container `{name}` is no longer a node of the profile `{profile}`"),
            "says what to do",
        ),
        state @ MinikubeState::Broken(Break::ServiceDown(_) | Break::BackOff { .. } | Break::DiskFull) => {
            return Ok(minikube::refusal(profile, &state));
        }
        // An API server that is silent may be restarting, and its entry being written.
        MinikubeState::Running(_) | MinikubeState::Broken(_) => return Ok(None),
    };
    let fault = Code::NodeStopped.fault(FaultKind::Minikube, format!("{what} during the run"));
    Ok(Some(fault.hint(format!("`todo up` {hint}: what is already done is kept"))))
}

/// The API server stays silent while its node runs.
fn silent(project: &Project, why: &str) -> Fault {
    let seconds = SILENCE.as_secs();
    match &project.elsewhere {
        Some(other) => {
            let context = &other.context;
            let message =
                format!("the API server of the context `{context}` has not answered for {seconds} s");
            Code::ClusterUnreachable.fault(FaultKind::Apply, why.to_owned()).context(message).hint(format!(
                "see whether it can be reached: `kubectl --context {context} get nodes`, then run this again"
            ))
        }
        None => {
            let profile = &project.minikube.profile;
            let message = format!(
                "the API server of the profile `{profile}` has not answered for {seconds} s, though its node runs"
            );
            Code::ClusterUnreachable.fault(FaultKind::Minikube, why.to_owned()).context(message).hint(
                format!("see why: `minikube logs -p {profile} --length=50`; `todo up` repairs what it can"),
            )
        }
    }
}

/// No node reports any more, so the reported status of pods is stale.
fn unreported(project: &Project, names: &str, first: &str) -> Fault {
    let fault = Code::KubeletNotReporting
        .fault(FaultKind::Minikube, format!("the kubelet of {names} has stopped reporting"));
    match &project.elsewhere {
        Some(other) => {
            fault.hint(format!("see why: `kubectl --context {} describe node {first}`", other.context))
        }
        None => {
            let profile = &project.minikube.profile;
            fault
                .hint(format!(
                    "see why: `minikube ssh -p {profile} -n {first} -- sudo journalctl -u kubelet -n 50`"
                ))
                .hint(format!(
                    "restart it: `minikube ssh -p {profile} -n {first} -- sudo systemctl restart kubelet`"
                ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LEASE;
    use super::Leases;
    use crate::cluster::SilentNode;

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_renews_its_lease_is_not_silent_whatever_the_controller_says() {
        let node = |renewed: &str| SilentNode { name: "a".to_owned(), renewed: Some(renewed.to_owned()) };
        let mut leases = Leases::default();
        for renewed in ["1", "2", "3"] {
            assert!(leases.unchanged(&[node(renewed)]).is_empty(), "{renewed}");
            tokio::time::advance(LEASE).await;
        }
        assert_eq!(leases.unchanged(&[node("3")]), ["a"]);
        assert!(leases.unchanged(&[]).is_empty());
        assert!(leases.unchanged(&[node("3")]).is_empty(), "it was ready in between");
    }
}
