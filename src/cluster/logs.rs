//! The output of the application's containers: the last lines of several pods in the order of time, or line by line
//! as it is printed, through restarts and rollouts.
//!
//! Not the rendering of a line (`report`), and not the cause of a failure (`blame`). Every line is requested with its
//! time, because only that puts the lines of several pods in order, and a stream that breaks off can continue where
//! it was.

pub(crate) mod pick;

use crate::cluster::finalize::read_inventory;
use crate::cluster::inventory::Inventory;
use crate::cluster::rollout::watches::list;
use crate::cluster::target::Target;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::AsyncBufRead;
use futures::AsyncBufReadExt;
use futures::AsyncReadExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use kube::core::ApiResource;
use kube::core::GroupVersionKind;
use nearest::nearest;
use pick::Unknown;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use pick::Source;

/// The interval for checking for new pods, and whether a log that ended continues.
const POLL: Duration = Duration::from_secs(1);

/// The longest line; a longer one is split. Without this limit the line of a program that never ends it would grow
/// without bound.
const LONGEST: u64 = 1 << 20;

/// The requested logs.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Pods, their workloads, or Services; all pods of the project if there are none.
    pub names: Vec<String>,
    /// The container, instead of the default one.
    pub container: Option<String>,
    /// The previous run of the container.
    pub previous: bool,
    /// Not only the existing lines, but also new ones.
    pub follow: bool,
    /// The last lines of each container; all of them if not given.
    pub lines: Option<u32>,
    /// Only lines printed in this time before now, by the clock of the node.
    pub since: Option<Duration>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The container that printed it.
    pub source: Source,
    /// When, as the node's engine noted it.
    pub time: Option<Timestamp>,
    /// The line.
    pub text: String,
}

/// Lines as they are printed. Dropping it stops the reading.
#[derive(Debug)]
pub struct Logs {
    /// Whether a line must name its source.
    pub several: bool,
    lines: mpsc::Receiver<Line>,
    _reading: JoinSet<()>,
}

impl Logs {
    /// The next line; `None` after the last.
    pub async fn next(&mut self) -> Option<Line> {
        self.lines.recv().await
    }
}

/// Reads the requested logs. A container without a log is reported as a warning, and the others are read.
pub async fn logs(run: &Run, target: &Target, ask: Ask) -> Result<Logs> {
    let ids = deployed(run, target).await?;
    let sources = find(target, &ids, &ask).await?;
    if sources.is_empty() {
        let none = Code::LogUnavailable.warning("there is no pod whose log could be read");
        run.sink.warn(none.help("`todo status` says why"));
    }
    let (tell, lines) = mpsc::channel(256);
    let mut reading = JoinSet::new();
    let several = ask.follow || sources.len() > 1;
    if ask.follow {
        let target = target.clone();
        reading.spawn(async move { follow(&target, &ids, &ask, sources, tell).await });
    } else {
        let all = past(run, target, &ask, sources).await?;
        reading.spawn(async move {
            for line in all {
                if tell.send(line).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(Logs { several, lines, _reading: reading })
}

/// The objects of the project, without those that were kept on purpose.
pub(crate) async fn deployed(run: &Run, target: &Target) -> Result<Vec<ObjectId>> {
    let inventory = read_inventory(run, target).await?.filter(Inventory::is_deployed);
    let Some(inventory) = inventory else {
        return Err(Code::NothingDeployed
            .fault(FaultKind::Usage, "nothing of the project is deployed")
            .hint("deploy it with `todo up`"));
    };
    Ok(inventory.entries.into_iter().filter(|entry| !entry.kept).map(|entry| entry.id).collect())
}

/// The pods in the namespaces of the project, their owners, and the Services that select them.
pub(crate) async fn objects(target: &Target, ids: &[ObjectId]) -> Result<Vec<Value>> {
    let homes: BTreeSet<&str> = ids.iter().filter_map(|id| id.namespace.as_deref()).collect();
    let kinds = [("", "Pod"), ("apps", "ReplicaSet"), ("batch", "Job"), ("", "Service")];
    let lists = homes.iter().flat_map(|home| kinds.map(|(group, kind)| (group, kind, *home)));
    let lists = lists.map(|(group, kind, home)| async move {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        match list(target, &resource, Some(home)).await {
            // Without its owners a pod is still found by its own name.
            Err(kube::Error::Api(status)) if status.code == 403 && kind != "Pod" => Ok(Vec::new()),
            other => other.or_fault(Code::ClusterRequestFailed, FaultKind::Apply, || {
                format!("cannot list objects of kind {kind}")
            }),
        }
    });
    Ok(futures::future::try_join_all(lists).await?.concat())
}

/// The containers that the names refer to, in the cluster's current state.
async fn find(target: &Target, ids: &[ObjectId], ask: &Ask) -> Result<Vec<Source>> {
    let objects = objects(target, ids).await?;
    pick::sources(ids, &objects, &ask.names, ask.container.as_deref()).map_err(|name| {
        let is_container = ask.container.as_deref() == Some(name.name.as_str());
        unknown(if is_container { "container" } else { "workload" }, &name)
    })
}

/// The fault of a name that matches nothing.
pub(crate) fn unknown(what: &str, Unknown { name, known }: &Unknown) -> Fault {
    let fault = Code::WorkloadNotFound.fault(FaultKind::Usage, format!("the project has no {what} `{name}`"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
        None => fault.hint(format!("there are {}", known.join(", "))),
    }
}

/// The last lines of all, in the order of time.
async fn past(run: &Run, target: &Target, ask: &Ask, sources: Vec<Source>) -> Result<Vec<Line>> {
    let whole = sources.into_iter().map(|source| async move {
        let (tell, mut lines) = mpsc::channel(256);
        let begin = Begin::first(ask);
        let collecting = async {
            let mut all = Vec::new();
            while let Some(line) = lines.recv().await {
                all.push(line);
            }
            all
        };
        let reading = async {
            let ended = stream(target, &source, ask, begin, &tell).await;
            drop(tell);
            ended
        };
        let (ended, lines) = tokio::join!(reading, collecting);
        (source, ended.map(drop), lines)
    });
    let mut all = Vec::new();
    for (source, ended, lines) in futures::future::join_all(whole).await {
        if let Err(error) = ended {
            let why = match error {
                kube::Error::Api(status) => status.message.clone(),
                other => anyhow::Error::new(other).root_cause().to_string(),
            };
            let warning = Code::LogUnavailable.warning(format!("it has no log: {why}"));
            run.sink.warn(warning.about(format!("Pod/{}", source.pod)).help("`todo status` says how it is"));
        }
        all.extend(lines);
    }
    // Stable: lines without a time, and such as have the same, stay as they were printed.
    let mut latest = Timestamp::MIN;
    all.sort_by_cached_key(|line: &Line| {
        latest = line.time.unwrap_or(latest);
        latest
    });
    Ok(all)
}

/// Where in a log to begin.
#[derive(Clone, Copy, Default)]
struct Begin {
    lines: Option<u32>,
    /// So much before now, by the clock of the node.
    ago: Option<Duration>,
    /// After this.
    since: Option<Timestamp>,
}

impl Begin {
    fn first(ask: &Ask) -> Begin {
        Begin { lines: ask.lines, ago: ask.since, since: None }
    }
}

/// Reads until the receiver is dropped: new pods from their beginning, a restarted container from where its log was.
async fn follow(target: &Target, ids: &[ObjectId], ask: &Ask, first: Vec<Source>, tell: mpsc::Sender<Line>) {
    let mut streams: JoinSet<(Source, Option<Timestamp>)> = JoinSet::new();
    let mut open: BTreeSet<Source> = BTreeSet::new();
    let mut read: BTreeMap<Source, Option<Timestamp>> = BTreeMap::new();
    let mut sources = first;
    let mut first = Begin::first(ask);
    loop {
        for source in std::mem::take(&mut sources) {
            if !open.insert(source.clone()) {
                continue;
            }
            let since = read.get(&source).copied().flatten();
            let begin = if since.is_some() { Begin { since, ..Begin::default() } } else { first };
            let (target, ask, tell) = (target.clone(), ask.clone(), tell.clone());
            streams.spawn(async move {
                let last = stream(&target, &source, &ask, begin, &tell).await;
                (source, last.unwrap_or(None).or(since))
            });
        }
        // New containers are read from their beginning.
        first = Begin::default();
        tokio::select! {
            () = tell.closed() => return,
            () = tokio::time::sleep(POLL) => {}
        }
        while let Some(ended) = streams.try_join_next() {
            if let Ok((source, last)) = ended {
                open.remove(&source);
                read.insert(source, last);
            }
        }
        // If the server does not answer, the request is repeated in the next round.
        sources = find(target, ids, ask).await.unwrap_or_default();
    }
}

/// Reads one log to its end and returns the time of its last line.
async fn stream(
    target: &Target,
    source: &Source,
    ask: &Ask,
    begin: Begin,
    lines: &mpsc::Sender<Line>,
) -> std::result::Result<Option<Timestamp>, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(target.client.clone(), &source.namespace);
    let asked = LogParams {
        container: Some(source.container.clone()),
        follow: ask.follow,
        previous: ask.previous,
        tail_lines: begin.lines.map(i64::from),
        since_seconds: begin.ago.and_then(|ago| i64::try_from(ago.as_secs()).ok()),
        since_time: begin.since,
        timestamps: true,
        ..LogParams::default()
    };
    let log = pods.log_stream(&source.pod, &asked).await?;
    Ok(each_line(log, source, begin.since, lines).await)
}

async fn each_line(
    log: impl AsyncBufRead,
    source: &Source,
    since: Option<Timestamp>,
    tell: &mpsc::Sender<Line>,
) -> Option<Timestamp> {
    let mut log = std::pin::pin!(log);
    let mut last = since;
    let mut bytes = Vec::new();
    // A lost connection ends the log; with `follow` it is requested again.
    while log.as_mut().take(LONGEST).read_until(b'\n', &mut bytes).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        let timed = text.split_once(' ').unwrap_or((text, ""));
        let (time, text) = match timed.0.parse::<Timestamp>() {
            Ok(time) => (Some(time), timed.1),
            Err(_) => (None, text),
        };
        // `sinceTime` counts in seconds, so lines of that second are sent again.
        let again = time.is_some() && time <= since;
        let line = Line { source: source.clone(), time, text: text.to_owned() };
        bytes.clear();
        if !again {
            last = time.or(last);
            if tell.send(line).await.is_err() {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests;
