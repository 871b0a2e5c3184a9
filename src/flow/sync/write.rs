//! Writes files into containers, and marks their pods.

use crate::cluster::synced;
use crate::cluster::synced::Mark;
use crate::cluster::synced::Running;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::sync::Unsynced;
use crate::flow::sync::access::Access;
use crate::flow::sync::reloads::NOT_RELOADED;
use crate::flow::sync::reloads::Reloads;
use crate::flow::sync::reloads::restarted;
use crate::flow::sync::reloads::restarting;
use crate::image::archive::NotWritten;
use crate::image::archive::Stamps;
use crate::image::sync::After;
use crate::image::sync::Plan;
use crate::image::sync::process::Process;
use crate::project::name::ImageName;
use futures::future::try_join_all;
use health::live;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The files to write into the containers of one image.
pub(super) struct Work {
    pub(super) name: ImageName,
    /// The context's directory.
    pub(super) root: PathBuf,
    /// For containers that have the files of the last round.
    pub(super) step: Plan,
    /// For new ones.
    pub(super) whole: Plan,
    pub(super) containers: Vec<SyncTarget>,
}

/// A container, how it is accessed, and its process.
pub(super) struct SyncTarget {
    pub(super) running: Running,
    pub(super) access: Access,
    pub(super) process: Process,
}

/// Marks the pods that have no mark yet, writes, and updates the marks of the others: a mark is set before the pod
/// differs from its image. If a container cannot be written, its image has to be built.
pub(super) async fn write(
    to: &Connected<'_>,
    work: &[Work],
    pods: &[Value],
    current: &BTreeSet<String>,
    stamps: &Stamps,
    reloads: &mut Reloads,
) -> Result<Option<Unsynced>> {
    let marks = marks(work);
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for pod in pods {
        if let Some(mark) = marks.get(&(live::namespace(pod), live::name(pod))) {
            let pods = if synced::is_marked(pod) { &mut later } else { &mut first };
            pods.push(synced::mark(&to.target, pod, mark));
        }
    }
    try_join_all(first).await?;
    for one in work {
        let item = to.run.sink.item(Step::Image, one.name.as_str());
        if let Some(After::Run(command)) = one.plan().then.first() {
            item.waiting(format!("`{command}` in its containers"));
        }
        match one.write(current, stamps, reloads, &item).await {
            Ok(0) => item.finish(Outcome::Unchanged, None),
            Ok(written) => item.finish(Outcome::Changed, Some(one.copied(written))),
            Err(why) => {
                item.finish(Outcome::Skipped, None);
                return Ok(Some(why));
            }
        }
    }
    try_join_all(later).await?;
    Ok(None)
}

impl Work {
    /// Writes into all containers at once. Returns into how many there was something to write.
    async fn write(
        &self,
        current: &BTreeSet<String>,
        stamps: &Stamps,
        reloads: &mut Reloads,
        item: &OpenItem,
    ) -> std::result::Result<usize, Unsynced> {
        let failed = |error: NotWritten| Unsynced::not_written(&self.name, &error);
        let plan =
            |place: &SyncTarget| if current.contains(&place.running.id) { &self.step } else { &self.whole };
        let unsure = self.containers.iter().find(|place| {
            restarting(plan(place), &place.process) && !reloads.is_known(&self.name, &place.process)
        });
        let before = match unsure {
            Some(place) => Some((place, place.access.processes().await.map_err(failed)?)),
            None => None,
        };
        let writes = self.containers.iter().filter(|place| *plan(place) != Plan::default());
        let writes = writes.map(|place| place.access.apply(&self.root, plan(place), stamps));
        let written = try_join_all(writes).await.map_err(failed)?.len();
        if let Some((place, before)) = before {
            item.waiting("its process to restart");
            let restarts = restarted(&place.access, &before).await.map_err(failed)?;
            reloads.add(&self.name, &place.process, restarts);
            if !restarts {
                return Err(Unsynced::new(&self.name, NOT_RELOADED));
            }
        }
        Ok(written)
    }

    /// The plan to carry out; without a step only new containers get files.
    fn plan(&self) -> &Plan {
        if self.step == Plan::default() { &self.whole } else { &self.step }
    }

    fn copied(&self, containers: usize) -> String {
        let plan = self.plan();
        let new = if self.step == Plan::default() { "new " } else { "" };
        let plural = if containers == 1 { "" } else { "s" };
        let then = plan.then.iter().map(|after| match after {
            After::Run(command) => format!(", then `{command}`"),
            After::Signal(signal) => format!(", then SIG{}", signal.name()),
        });
        format!("{} {containers} {new}container{plural}{}", moved(plan), then.collect::<String>())
    }
}

/// `2 files copied to`, `1 file removed from`, or both.
fn moved(plan: &Plan) -> String {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    match (plan.files() - plan.deletions.len(), plan.deletions.len()) {
        (0, 0) => "directories made in".to_owned(),
        (written, 0) => format!("{} copied to", files(written)),
        (0, removed) => format!("{} removed from", files(removed)),
        (written, removed) => format!("{} copied to, {removed} removed from", files(written)),
    }
}

/// The mark of each pod after everything is written.
pub(super) fn marks(work: &[Work]) -> BTreeMap<(&str, &str), Mark> {
    let mut marks: BTreeMap<(&str, &str), Mark> = BTreeMap::new();
    for item in work {
        for SyncTarget { running, .. } in &item.containers {
            let mark = marks.entry((&running.namespace, &running.pod)).or_default();
            mark.files += item.whole.files();
            mark.set = item.whole.digest(&mark.set);
            mark.containers.insert(running.container.clone(), running.id.clone());
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::moved;
    use crate::image::sync::FileWrite;
    use crate::image::sync::Plan;
    use crate::image::sync::WriteKind;

    #[test]
    fn files_that_were_removed_are_not_said_to_be_copied() {
        let write = |kind| {
            let (source, destination) = (String::new(), String::new());
            FileWrite { source, destination, uid: 0, gid: 0, mode: 0o644, kind }
        };
        let file = || write(WriteKind::File { size: 0, hash: [0; 32] });
        let gone = |count| vec!["/a".to_owned(); count];
        for (writes, deletions, expected) in [
            (vec![file()], gone(0), "1 file copied to"),
            (vec![file(), file(), write(WriteKind::Directory)], gone(0), "2 files copied to"),
            (vec![], gone(1), "1 file removed from"),
            (vec![file(), file()], gone(3), "2 files copied to, 3 removed from"),
            (vec![write(WriteKind::Directory)], gone(0), "directories made in"),
        ] {
            assert_eq!(moved(&Plan { writes, deletions, ..Plan::default() }), expected);
        }
    }
}
