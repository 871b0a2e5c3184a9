//! What `todo status` found, as data: the table and `--output json` show the same struct.
//!
//! Not gathered here: the flow asks the cluster and fills it in. As with the events, fields are only ever added within
//! one `schema`.

use serde::Deserialize;
use serde::Serialize;

/// The version of this structure.
pub const SCHEMA: u32 = 1;

/// What `todo status` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The project's name.
    pub project: String,
    /// Where its objects are.
    pub namespace: String,
    /// All of it in one word; decides the exit code.
    pub verdict: ProjectHealth,
    /// The cluster.
    pub cluster: ClusterStatus,
    /// The newest revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionStatus>,
    /// The project's images, in the order of deploy.toml.
    pub images: Vec<ImageStatus>,
    /// The project's workloads and volume claims, those in trouble first.
    pub workloads: Vec<WorkloadStatus>,
    /// What people open.
    pub services: Vec<ServiceStatus>,
    /// The project's port-forwards that run in the background, or have ended unasked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwards: Vec<ForwardStatus>,
    /// Another project that is deployed under the same name in the same namespace; then nothing of this one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherProject>,
    /// Whether `todo up` would change anything, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_changes: Option<bool>,
}

/// A project that was deployed from another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProject {
    /// From where, if that was written down.
    pub origin: Option<String>,
    /// When something of it was written last (RFC 3339).
    pub last_written: Option<String>,
    /// How many objects it has.
    pub objects: usize,
}

/// All of it in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectHealth {
    /// Everything is there, healthy, and answers.
    Ready,
    /// Nothing of it is there, or the cluster is not running.
    Absent,
    /// Some of it is missing, not healthy or does not answer.
    Degraded,
}

impl ProjectHealth {
    /// The exit code of `todo status`: 0, 3 (LSB: not running) or 4.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            ProjectHealth::Ready => 0,
            ProjectHealth::Absent => 3,
            ProjectHealth::Degraded => 4,
        }
    }
}

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The minikube profile, or the context of another cluster.
    pub name: String,
    /// `running`, `stopped`, `paused`, `absent`, …, in the terms of the cluster's provider.
    pub state: String,
    /// The Kubernetes version, if the API server reported it.
    pub version: Option<String>,
    /// Its problem, if any.
    pub reason: Option<String>,
}

/// The last healthy revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionStatus {
    /// Its number, as in `todo history`.
    pub number: u64,
    /// The commit of the project's files, with `-dirty` where they were changed since, if that was known.
    pub git: Option<String>,
}

/// One image of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStatus {
    /// The name that manifests use.
    pub name: String,
    /// The reference that is deployed, if one is.
    pub reference: Option<String>,
    /// Whether the node has it.
    pub present: bool,
    /// Its size in bytes, where it is present.
    pub size: Option<u64>,
    /// Seconds since it was built, where that is known.
    pub age_s: Option<u64>,
}

/// How an object does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It does what it is for.
    Ready,
    /// It is on the way.
    Progressing,
    /// It will not get there by itself.
    Failed,
    /// It is paused.
    Paused,
    /// It is going away.
    Terminating,
    /// It is not in the cluster.
    Missing,
    /// The state is unknown.
    Unknown,
}

/// One workload or volume claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How it does.
    pub health: Health,
    /// Replicas that are ready, for kinds that have replicas.
    pub ready: Option<u32>,
    /// Replicas that are wanted, for kinds that have replicas.
    pub wanted: Option<u32>,
    /// Restarts of its pods' containers together.
    pub restarts: u32,
    /// How the container that ended last did: `OOMKilled, exit code 137`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
    /// Seconds since it was made.
    pub age_s: Option<u64>,
    /// Thousandths of a CPU that its pods use now, where the cluster measures it.
    pub cpu_m: Option<u64>,
    /// Bytes of memory that its pods use now, where the cluster measures it.
    pub memory: Option<u64>,
    /// Bytes of a claim's volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// How many of them are used; `None` also where that is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Why it is not ready.
    pub reason: Option<String>,
}

/// One service that people open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The Service's name.
    pub name: String,
    /// Its URL; `None` where only a forward reaches it.
    pub url: Option<String>,
    /// Whether it answered as expected just now.
    pub answers: bool,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Milliseconds until the answer.
    pub took_ms: Option<u64>,
    /// Why it does not answer, or what to know about the URL.
    pub reason: Option<String>,
}

/// One port-forward in a process of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardStatus {
    /// The Service that it points to.
    pub service: String,
    /// The number of its port.
    pub port: u16,
    /// Where it listens: `127.0.0.1:30080`.
    pub address: String,
    /// The URL that has answered through it, if one has.
    pub url: Option<String>,
    /// Whether its process runs.
    pub running: bool,
    /// Its process.
    pub pid: u32,
    /// Why it has ended, or why its last connection reached no pod.
    pub reason: Option<String>,
}
