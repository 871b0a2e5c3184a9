//! Which files are written into which container, decided for all of them before any is written.

use crate::cluster::synced;
use crate::cluster::synced::NotRunning;
use crate::cluster::synced::Running;
use crate::flow::connected::Connected;
use crate::flow::load::Planned;
use crate::flow::sync::LastDeployed;
use crate::flow::sync::Scope;
use crate::flow::sync::Unsynced;
use crate::flow::sync::access::Access;
use crate::flow::sync::access::Engines;
use crate::flow::sync::reloads::NOT_RELOADED;
use crate::flow::sync::reloads::Reloads;
use crate::flow::sync::reloads::restarting;
use crate::flow::sync::write::SyncTarget;
use crate::flow::sync::write::Work;
use crate::image::archive::NotWritten;
use crate::image::archive::Observed;
use crate::image::archive::base_config;
use crate::image::archive::paths_of_image;
use crate::image::sync::Plan;
use crate::image::sync::SyncDecision;
use crate::image::sync::WriteKind;
use crate::image::sync::decide_all;
use crate::image::sync::facts::Question;
use crate::image::sync::facts::SyncFacts;
use crate::image::sync::process::Noticed;
use crate::image::sync::process::Process;
use crate::image::sync::process::noticed;
use crate::image::sync::reason::Reason;
use crate::manifest::bind::repository;
use crate::manifest::pods;
use crate::project::name::ImageName;
use health::live;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub(super) type Decisions = BTreeMap<ImageName, SyncDecision>;

pub(super) struct Attempt<'a> {
    pub(super) to: &'a Connected<'a>,
    pub(super) deployed: &'a mut LastDeployed,
    pub(super) engines: &'a Engines,
    pub(super) reloads: &'a Reloads,
    pub(super) pods: &'a [serde_json::Value],
    pub(super) now: &'a Planned,
    pub(super) scope: Scope,
}

impl Attempt<'_> {
    /// The files to write, or the first image that has to be built and why, if that has to be explained.
    pub(super) async fn decide(&mut self) -> std::result::Result<Vec<Work>, Option<Unsynced>> {
        loop {
            let (step, whole) = planned(self.deployed, self.now)?;
            let asked: BTreeSet<(ImageName, Question)> =
                [&step, &whole].into_iter().flat_map(questions).collect();
            if asked.is_empty() {
                return Ok(self.work(step, whole).await?);
            }
            self.resolve(asked).await?;
        }
    }

    async fn work(
        &mut self,
        mut step: Decisions,
        mut whole: Decisions,
    ) -> std::result::Result<Vec<Work>, Unsynced> {
        let mut work = Vec::new();
        for image in &self.now.images {
            let name = &image.image.name;
            let plan = |decisions: &mut Decisions| match decisions.remove(name) {
                Some(SyncDecision::Sync(plan)) => plan,
                _ => Plan::default(),
            };
            let (step, whole) = (plan(&mut step), plan(&mut whole));
            if step == Plan::default() && whole == Plan::default() {
                continue;
            }
            if self.runs_later(name) {
                return Err(Unsynced::new(name, "a Job, a CronJob or an init container starts from it"));
            }
            if self.to.project.elsewhere.is_some() && image.image.sync.iter().flatten().next().is_none() {
                return Err(Unsynced::new(
                    name,
                    "the cluster is a target, and deploy.toml has no `sync` rules for the image",
                ));
            }
            let running = self.running(name).map_err(|why| Unsynced::new(name, why))?;
            let mut containers = Vec::new();
            for item in running {
                let (access, process) = self.check(name, &item, [&step, &whole]).await?;
                containers.push(SyncTarget { running: item, access, process });
            }
            work.push(Work { name: name.clone(), root: image.context.root.clone(), step, whole, containers });
        }
        Ok(work)
    }

    fn running(&self, name: &ImageName) -> std::result::Result<Vec<Running>, String> {
        let reference = self.deployed.references.get(name).ok_or("its name in the cluster is not known")?;
        let found = synced::containers(self.pods, reference);
        let starts = |other: &&NotRunning| matches!(other, NotRunning::Waiting(_));
        match found.others.iter().find(|other| self.scope == Scope::All || !starts(other)) {
            Some(other) => Err(other.to_string()),
            None if found.running.is_empty() && self.scope == Scope::All => {
                Err("no container of it is running".to_owned())
            }
            None => Ok(found.running),
        }
    }

    /// Whether something other than the containers that run now uses the image.
    fn runs_later(&self, name: &ImageName) -> bool {
        pods::all(&self.now.plan.objects).any(|(object, template)| {
            let later = matches!(object.kind(), "Job" | "CronJob");
            template.every_container().iter().any(|container| {
                let image = container.value["image"].as_str().unwrap_or_default();
                (later || container.init) && repository(image) == repository(name.as_str())
            })
        })
    }

    /// The access to a container if the plans can be carried out in it, and its process notices them.
    async fn check(
        &mut self,
        name: &ImageName,
        item: &Running,
        plans: [&Plan; 2],
    ) -> std::result::Result<(Access, Process), Unsynced> {
        let not_written = |error: NotWritten| Unsynced::not_written(name, &error);
        let reloads = self.reloads;
        let (access, observed) = self.seen(name, item).await.map_err(not_written)?;
        for plan in plans {
            observed.check(plan).map_err(not_written)?;
            if let Some(path) = unnoticed(plan, &observed.process) {
                let why = format!("its process is not known to notice a change of `{path}`");
                return Err(Unsynced::new(name, why));
            }
            if restarting(plan, &observed.process) && reloads.is_refuted(name, &observed.process) {
                return Err(Unsynced::new(name, NOT_RELOADED));
            }
        }
        Ok((access.clone(), observed.process.clone()))
    }

    /// The access to a container and its properties, which do not change during the container's life.
    async fn seen(
        &mut self,
        name: &ImageName,
        item: &Running,
    ) -> std::result::Result<&(Access, Observed), NotWritten> {
        if !self.deployed.seen.contains_key(&item.id) {
            let is_its_pod = |pod: &&serde_json::Value| {
                live::name(pod) == item.pod && live::namespace(pod) == item.namespace
            };
            let pod = self.pods.iter().find(is_its_pod).ok_or(NotWritten::Gone)?;
            let reference = self.deployed.references.get(name).ok_or(NotWritten::Gone)?;
            let found = Access::find(&self.to.target, self.engines, pod, item, reference).await?;
            self.deployed.seen.insert(item.id.clone(), found);
        }
        self.deployed.seen.get(&item.id).ok_or(NotWritten::Gone)
    }

    async fn resolve(&mut self, asked: BTreeSet<(ImageName, Question)>) -> std::result::Result<(), Unsynced> {
        let mut below: BTreeMap<(ImageName, String), Vec<String>> = BTreeMap::new();
        for (name, question) in asked {
            let answered = match question {
                Question::Base(base) => self.base(&name, base).await,
                Question::Below { base, path } => {
                    below.entry((name, base)).or_default().push(path);
                    continue;
                }
                Question::Path(path) => self.path(&name, path).await,
                Question::Accounts => self.accounts(&name).await,
            };
            answered.map_err(|why| Unsynced::not_written(&name, &why))?;
        }
        // Each query creates a container, so the paths of one image are queried together.
        for ((name, base), paths) in below {
            let found = paths_of_image(&self.engines.builder, &base, &paths).await;
            let found = found.map_err(|why| Unsynced::not_written(&name, &why))?;
            self.facts(&name).below.extend(found);
        }
        Ok(())
    }

    async fn base(&mut self, name: &ImageName, base: String) -> std::result::Result<(), NotWritten> {
        let config = base_config(&self.engines.builder, &base).await?;
        let absent = || NotWritten::Engine(format!("it does not have `{base}`"));
        let config = config.ok_or_else(absent)?;
        self.facts(name).bases.insert(base, config);
        Ok(())
    }

    async fn path(&mut self, name: &ImageName, path: String) -> std::result::Result<(), NotWritten> {
        let kind = self.any(name).await?.kind(&path).await?;
        self.facts(name).paths.insert(path, kind);
        Ok(())
    }

    async fn accounts(&mut self, name: &ImageName) -> std::result::Result<(), NotWritten> {
        let accounts = self.any(name).await?.accounts().await?;
        self.facts(name).accounts = Some(accounts);
        Ok(())
    }

    /// One of an image's containers.
    async fn any(&mut self, name: &ImageName) -> std::result::Result<Access, NotWritten> {
        let running = self.running(name).map_err(NotWritten::Refused)?;
        let one = running.first().ok_or(NotWritten::Gone)?;
        Ok(self.seen(name, one).await?.0.clone())
    }

    fn facts(&mut self, name: &ImageName) -> &mut SyncFacts {
        self.deployed.facts.entry(name.clone()).or_default()
    }
}

/// The changes since the last round, and those since the build for containers that have only their image's files.
fn planned(
    deployed: &LastDeployed,
    now: &Planned,
) -> std::result::Result<(Decisions, Decisions), Option<Unsynced>> {
    let step = decide_all(&deployed.last, &now.images, &deployed.facts);
    let whole = decide_all(&deployed.built, &now.images, &deployed.facts);
    if let Some((name, reason)) = [&step, &whole].into_iter().find_map(first_reason) {
        return Err((!reason.is_expected()).then(|| Unsynced::new(name, reason.to_string())));
    }
    Ok((step, whole))
}

/// Whether a change of files concerns any container, determined without access to one.
pub(super) fn concerns(
    deployed: &LastDeployed,
    now: &Planned,
) -> std::result::Result<bool, Option<Unsynced>> {
    let (step, _) = planned(deployed, now)?;
    Ok(step.values().any(|decision| *decision != SyncDecision::Unused))
}

/// A path whose change the process is not known to notice. Reloaders that compare times do not notice deletions.
pub(super) fn unnoticed<'p>(plan: &'p Plan, process: &Process) -> Option<&'p String> {
    let written = plan.writes.iter().filter(|write| write.kind != WriteKind::Directory);
    let written = written.map(|write| &write.destination).filter(|path| !plan.ruled.contains(*path));
    let removed = plan.deletions.iter().filter(|path| !plan.ruled.contains(*path));
    written
        .filter(|path| matches!(noticed(process, path), Noticed::Not(_)))
        .chain(removed.filter(|path| noticed(process, path) != Noticed::Served))
        .next()
}

pub(super) fn first_reason(decisions: &Decisions) -> Option<(&ImageName, &Reason)> {
    decisions.iter().find_map(|(name, decision)| match decision {
        SyncDecision::Rebuild(reason) => Some((name, reason)),
        _ => None,
    })
}

pub(super) fn questions(decisions: &Decisions) -> Vec<(ImageName, Question)> {
    let mut asked = Vec::new();
    for (name, decision) in decisions {
        if let SyncDecision::Ask(questions) = decision {
            asked.extend(questions.iter().map(|question| (name.clone(), question.clone())));
        }
    }
    asked
}
