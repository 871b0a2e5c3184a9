//! Files written into containers, and the marks that say so.

use crate::cluster::lock;
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

/// What is written into the containers of one image.
pub(super) struct Work {
    pub(super) name: ImageName,
    /// The context's directory.
    pub(super) root: PathBuf,
    /// For containers that have what the last round gave them.
    pub(super) step: Plan,
    /// For new ones.
    pub(super) whole: Plan,
    pub(super) containers: Vec<Place>,
}

/// A container, how it is reached, and what runs in it.
pub(super) struct Place {
    pub(super) running: Running,
    pub(super) access: Access,
    pub(super) process: Process,
}

/// Marks the pods, then writes. If a container cannot be written, its image has to be built.
pub(super) async fn write(
    to: &Connected<'_>,
    work: &[Work],
    pods: &[Value],
    current: &BTreeSet<String>,
    stamps: &Stamps,
    reloads: &mut Reloads,
) -> Result<Option<Unsynced>> {
    lock::hold(to.run, &to.target).await?;
    let marks = marks(work);
    let marked = pods.iter().filter_map(|pod| {
        let mark = marks.get(&(live::namespace(pod), live::name(pod)))?;
        Some(synced::mark(&to.target, pod, mark))
    });
    try_join_all(marked).await?;
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
        let plan = |place: &Place| if current.contains(&place.running.id) { &self.step } else { &self.whole };
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

    /// What is written; without a step only new containers get something.
    fn plan(&self) -> &Plan {
        if self.step == Plan::default() { &self.whole } else { &self.step }
    }

    fn copied(&self, containers: usize) -> String {
        let files = self.plan().files().max(1);
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        let new = if self.step == Plan::default() { "new " } else { "" };
        let plural = if containers == 1 { "" } else { "s" };
        let then = self.plan().then.iter().map(|after| match after {
            After::Run(command) => format!(", then `{command}`"),
            After::Signal(signal) => format!(", then SIG{}", signal.name()),
        });
        format!("{files} copied to {containers} {new}container{plural}{}", then.collect::<String>())
    }
}

/// What each pod has beside its images, when all is written.
pub(super) fn marks(work: &[Work]) -> BTreeMap<(&str, &str), Mark> {
    let mut marks: BTreeMap<(&str, &str), Mark> = BTreeMap::new();
    for one in work {
        for Place { running, .. } in &one.containers {
            let mark = marks.entry((&running.namespace, &running.pod)).or_default();
            mark.files += one.whole.files();
            mark.set = one.whole.digest(&mark.set);
            mark.containers.insert(running.container.clone(), running.id.clone());
        }
    }
    marks
}
