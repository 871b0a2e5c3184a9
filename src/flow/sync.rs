//! Files that changed copied straight into the running containers, where that equals a rebuild and the process notices.
//!
//! The decisions are `image::sync`'s. Here is what happens in which order: first everything is decided for every image and
//! every container, then all is written. Whatever is not certain is left to the pipeline of `up`.

use crate::cluster::lock;
use crate::cluster::synced;
use crate::cluster::synced::Mark;
use crate::cluster::synced::Running;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::gather::Planned;
use crate::image;
use crate::image::NodeStore;
use crate::image::archive::Container;
use crate::image::archive::NotWritten;
use crate::image::archive::Stamps;
use crate::image::archive::base_config;
use crate::image::archive::paths_of_image;
use crate::image::engine::Engine;
use crate::image::surveyed::Surveyed;
use crate::image::sync::Decision;
use crate::image::sync::Plan;
use crate::image::sync::WriteKind;
use crate::image::sync::decide_all;
use crate::image::sync::facts::Facts;
use crate::image::sync::facts::Question;
use crate::image::sync::process::Noticed;
use crate::image::sync::process::Process;
use crate::image::sync::process::noticed;
use crate::manifest::bind::repository;
use crate::manifest::pods;
use crate::plan;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is known from one round to the next.
#[derive(Debug, Default)]
pub(crate) struct Syncing {
    deployed: Option<Deployed>,
    engines: Vec<Engine>,
    stamps: Stamps,
}

/// What the last run of the pipeline deployed, and what was copied since.
#[derive(Debug)]
struct Deployed {
    /// What the images were built from.
    built: Vec<Surveyed>,
    /// What the containers have.
    last: Vec<Surveyed>,
    /// What pods call the images.
    references: BTreeMap<ImageName, String>,
    plan: plan::Plan,
    facts: BTreeMap<ImageName, Facts>,
    /// The containers that have what `last` says.
    current: BTreeSet<String>,
}

/// What came of trying.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The running containers have what a rebuild would give them.
    Done,
    /// The pipeline has to do it: the image and why, where that is known.
    Build(Option<Unsynced>),
}

/// What is written into the containers of one image.
struct Work {
    name: ImageName,
    /// The context's directory.
    root: PathBuf,
    /// For containers that have what the last round gave them.
    step: Plan,
    /// For new ones.
    whole: Plan,
    containers: Vec<(Running, Engine)>,
}

/// An image, and why it has to be built.
type Unsynced = (ImageName, String);

type Decisions = BTreeMap<ImageName, Decision>;

impl Syncing {
    /// Remembers what the pipeline deployed.
    pub(crate) fn deployed(&mut self, plan: plan::Plan, surveyed: Vec<Surveyed>, built: &[image::Built]) {
        self.deployed = Some(Deployed {
            last: surveyed.clone(),
            built: surveyed,
            references: built.iter().map(|one| (one.name.clone(), one.reference.clone())).collect(),
            plan,
            facts: BTreeMap::new(),
            current: BTreeSet::new(),
        });
    }

    /// Forgets it: the next round is one of the pipeline.
    pub(crate) fn forget(&mut self) {
        self.deployed = None;
    }

    /// Copies what changed, if that is all there is to do. Unless that succeeds, nothing is remembered: containers may
    /// have a part of the files.
    pub(crate) async fn round(&mut self, to: &Connected<'_>, planned: &Planned) -> Result<Tried> {
        let Some(mut deployed) = self.deployed.take() else { return Ok(Tried::Build(None)) };
        let tried = self.attempt(&mut deployed, to, planned).await;
        if matches!(tried, Ok(Tried::Done)) {
            self.deployed = Some(deployed);
        }
        tried
    }

    async fn attempt(
        &mut self,
        deployed: &mut Deployed,
        to: &Connected<'_>,
        planned: &Planned,
    ) -> Result<Tried> {
        if !same(&deployed.plan, &planned.plan) {
            return Ok(Tried::Build(None));
        }
        let docker = to.cluster.destination.nodes.iter().map(|node| match node {
            NodeStore::Docker(address) => Some(address),
            NodeStore::Containerd { .. } => None,
        });
        let Some(addresses) = docker.collect::<Option<Vec<_>>>().filter(|nodes| !nodes.is_empty()) else {
            return Ok(Tried::Build(None));
        };
        if self.engines.iter().map(|engine| &engine.address).ne(addresses.iter().copied()) {
            let Ok(engines) = addresses.into_iter().map(Engine::new).collect() else {
                return Ok(Tried::Build(None));
            };
            self.engines = engines;
        }
        let home = || to.target.namespace.to_string();
        let namespaces: BTreeSet<String> =
            planned.plan.objects.iter().map(|object| object.id().namespace.unwrap_or_else(home)).collect();
        let pods = synced::pods(to.run, &to.target, &namespaces).await?;
        let mut attempt = Attempt { deployed, engines: &self.engines, pods: &pods, now: planned };
        let work = match attempt.decide().await {
            Ok(work) => work,
            Err(unsynced) => return Ok(Tried::Build(Some(unsynced))),
        };
        if !work.is_empty() {
            let writing = write(to, &work, &attempt.deployed.current, &mut self.stamps);
            if let Some(unsynced) = lock::scope(&to.target, writing).await? {
                return Ok(Tried::Build(Some(unsynced)));
            }
        }
        let containers = work.iter().flat_map(|one| &one.containers);
        attempt.deployed.current = containers.map(|(one, _)| one.id.clone()).collect();
        attempt.deployed.last.clone_from(&planned.images);
        Ok(Tried::Done)
    }
}

/// Marks the pods, then writes. The first container that cannot be written ends it: the image has to be built.
async fn write(
    to: &Connected<'_>,
    work: &[Work],
    current: &BTreeSet<String>,
    stamps: &mut Stamps,
) -> Result<Option<Unsynced>> {
    let Connected { run, target, .. } = to;
    lock::hold(run, target).await?;
    for ((namespace, pod), mark) in marks(work) {
        synced::mark(target, namespace, pod, &mark).await?;
    }
    for one in work {
        let mut written = 0;
        for (running, engine) in &one.containers {
            let plan = if current.contains(&running.id) { &one.step } else { &one.whole };
            if *plan == Plan::default() {
                continue;
            }
            let container = Container { engine, id: &running.id };
            if let Err(error) = container.apply(&one.root, plan, stamps).await {
                return Ok(Some((one.name.clone(), error.to_string())));
            }
            written += 1;
        }
        if written > 0 {
            let item = run.sink.item(Step::Image, one.name.as_str());
            let files = one.step.files().max(1);
            let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            let containers = if written == 1 { "container" } else { "containers" };
            item.finish(Outcome::Changed, Some(format!("{files} copied to {written} {containers}")));
        }
    }
    Ok(None)
}

/// What each pod has beside its images, when all is written.
fn marks(work: &[Work]) -> BTreeMap<(&str, &str), Mark> {
    let mut marks: BTreeMap<(&str, &str), Mark> = BTreeMap::new();
    for one in work {
        for (running, _) in &one.containers {
            let mark = marks.entry((&running.namespace, &running.pod)).or_default();
            mark.files += one.whole.files();
            mark.set = one.whole.digest(&mark.set);
            mark.containers.insert(running.container.clone(), running.id.clone());
        }
    }
    marks
}

/// A path whose change the process is not known to notice. Reloaders that compare times do not see that a file is gone.
fn unnoticed<'p>(plan: &'p Plan, process: &Process) -> Option<&'p String> {
    let written = plan.writes.iter().filter(|write| write.kind != WriteKind::Directory);
    let written = written.map(|write| &write.destination);
    let removed = plan.deletions.iter();
    written
        .filter(|path| matches!(noticed(process, path), Noticed::Not(_)))
        .chain(removed.filter(|path| noticed(process, path) != Noticed::Served))
        .next()
}

fn first_reason(decisions: &Decisions) -> Option<Unsynced> {
    decisions.iter().find_map(|(name, decision)| match decision {
        Decision::Rebuild(reason) => Some((name.clone(), reason.to_string())),
        _ => None,
    })
}

fn questions(decisions: &Decisions) -> Vec<(ImageName, Question)> {
    let mut asked = Vec::new();
    for (name, decision) in decisions {
        if let Decision::Ask(questions) = decision {
            asked.extend(questions.iter().map(|question| (name.clone(), question.clone())));
        }
    }
    asked
}

/// Whether the objects are the same, wherever they are written, and so are the hooks of charts.
fn same(before: &plan::Plan, now: &plan::Plan) -> bool {
    values(before).eq(values(now))
}

fn values(plan: &plan::Plan) -> impl Iterator<Item = &serde_json::Value> {
    let hooks = plan.releases.iter().flat_map(|release| &release.hooks).map(|hook| &hook.object);
    plan.objects.iter().chain(hooks).map(|object| &*object.value)
}

struct Attempt<'a> {
    deployed: &'a mut Deployed,
    engines: &'a [Engine],
    pods: &'a [serde_json::Value],
    now: &'a Planned,
}

impl Attempt<'_> {
    /// What is to be written, or the first image that has to be built and why.
    async fn decide(&mut self) -> std::result::Result<Vec<Work>, Unsynced> {
        loop {
            let step = decide_all(&self.deployed.last, &self.now.images, &self.deployed.facts);
            let whole = decide_all(&self.deployed.built, &self.now.images, &self.deployed.facts);
            if let Some(unsynced) = [&step, &whole].into_iter().find_map(first_reason) {
                return Err(unsynced);
            }
            let asked: BTreeSet<(ImageName, Question)> =
                [&step, &whole].into_iter().flat_map(questions).collect();
            if asked.is_empty() {
                return self.work(step, whole).await;
            }
            for (name, question) in asked {
                self.answer(&name, question).await.map_err(|why| (name, why))?;
            }
        }
    }

    async fn work(
        &self,
        mut step: Decisions,
        mut whole: Decisions,
    ) -> std::result::Result<Vec<Work>, Unsynced> {
        let mut work = Vec::new();
        for image in &self.now.images {
            let name = &image.image.name;
            let plan = |decisions: &mut Decisions| match decisions.remove(name) {
                Some(Decision::Sync(plan)) => plan,
                _ => Plan::default(),
            };
            let (step, whole) = (plan(&mut step), plan(&mut whole));
            if step == Plan::default() && whole == Plan::default() {
                continue;
            }
            let because = |why: String| (name.clone(), why);
            if self.runs_later(name) {
                return Err(because("a Job, a CronJob or an init container starts from it".to_owned()));
            }
            let running = self.running(name).map_err(because)?;
            let mut containers = Vec::new();
            for one in running {
                let engine = self.check(&one, [&step, &whole]).await.map_err(because)?;
                containers.push((one, engine.clone()));
            }
            work.push(Work { name: name.clone(), root: image.context.root.clone(), step, whole, containers });
        }
        Ok(work)
    }

    fn running(&self, name: &ImageName) -> std::result::Result<Vec<Running>, String> {
        let reference = self.deployed.references.get(name).ok_or("its name in the cluster is not known")?;
        synced::running(self.pods, reference).map_err(|why| why.to_string())
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

    /// The engine of a container into which the plans can be carried out, and whose process notices them.
    async fn check(&self, one: &Running, plans: [&Plan; 2]) -> std::result::Result<&Engine, String> {
        for engine in self.engines {
            let observed = match (Container { engine, id: &one.id }).observe().await {
                Ok(observed) => observed,
                Err(NotWritten::Gone) => continue,
                Err(error) => return Err(error.to_string()),
            };
            for plan in plans {
                observed.check(plan).map_err(|error| error.to_string())?;
                if let Some(path) = unnoticed(plan, &observed.process) {
                    return Err(format!("its process is not known to notice a change of `{path}`"));
                }
            }
            return Ok(engine);
        }
        Err(NotWritten::Gone.to_string())
    }

    async fn answer(&mut self, name: &ImageName, question: Question) -> std::result::Result<(), String> {
        let told = |error: NotWritten| error.to_string();
        let Some(engine) = self.engines.first() else { return Err(told(NotWritten::Gone)) };
        match question {
            Question::Base(base) => {
                let config = base_config(engine, &base).await.map_err(|error| error.to_string())?;
                let config = config.ok_or_else(|| format!("the engine does not have `{base}`"))?;
                self.facts(name).bases.insert(base, config);
            }
            Question::Below { base, path } => {
                let found = paths_of_image(engine, &base, &[path]).await.map_err(told)?;
                self.facts(name).below.extend(found);
            }
            Question::Path(_) | Question::Accounts => {
                let running = self.running(name)?;
                let one = running.first().ok_or_else(|| told(NotWritten::Gone))?;
                let none = Plan::default();
                let engine = self.check(one, [&none, &none]).await?.clone();
                let container = Container { engine: &engine, id: &one.id };
                if let Question::Path(path) = question {
                    let kind = container.kind(&path).await.map_err(told)?;
                    self.facts(name).paths.insert(path, kind);
                } else {
                    let accounts = container.accounts().await.map_err(told)?;
                    self.facts(name).accounts = Some(accounts);
                }
            }
        }
        Ok(())
    }

    fn facts(&mut self, name: &ImageName) -> &mut Facts {
        self.deployed.facts.entry(name.clone()).or_default()
    }
}

#[cfg(test)]
mod tests;
