//! The steps for one image: looked up by its key, else built, named, measured and delivered to the nodes.

mod bases;
mod make;
mod reason;
mod remembered;

use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::image::Built;
use crate::image::Destination;
use crate::image::Inspected;
use crate::image::budget;
use crate::image::build_secrets;
use crate::image::credentials::Credentials;
use crate::image::engine::Engine;
use crate::image::engine::EngineImage;
use crate::image::last_inputs;
use crate::image::last_inputs::Last;
use crate::image::ship::RemoteStore;
use crate::image::surveyed::Surveyed;
use crate::image::tags;
use crate::project::Image;
use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use crate::run::Run;
use bases::There;
use bases::external;
use bases::inspect;
use dockerfile::key;
use dockerfile::key::Facts;
use dockerfile::key::Inputs;
use reason::describe;
use reason::why;
use remembered::CachedKeys;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use tokio::sync::Mutex;
use tokio::sync::OnceCell;
use tokio::sync::Semaphore;
use tracing::debug;

/// How many builds run at once. BuildKit itself runs as many steps of each as the engine has processors.
const AT_ONCE: usize = 4;

/// The engine with everything that the builds of one run share.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    run: &'a Run,
    project: &'a ImageOwner,
    to: &'a Destination,
    engine: Engine,
    elsewhere: RemoteStore,
    credentials: Credentials,
    /// The images that the engine had when the run began: the bases, and those with the keys of the last run.
    there: There,
    remembered: CachedKeys,
    /// The bases that were pulled since; locked while a base is pulled, so that two images do not pull the same.
    pulled: Mutex<There>,
    /// The platform of an image that neither sets one nor has a base.
    platform: OnceCell<String>,
    slots: Semaphore,
    classic: AtomicBool,
}

impl<'a> Builder<'a> {
    /// Connects, and inspects every base of every image, and the images with the last keys, all at once.
    pub(crate) async fn open(
        run: &'a Run,
        project: &'a ImageOwner,
        to: &'a Destination,
        surveyed: &[Surveyed],
    ) -> Result<Builder<'a>> {
        let hint = "see whether it runs: `todo doctor`";
        let engine = Engine::new(&to.builder)
            .or_fault(Code::DockerUnreachable, FaultKind::Image, || {
                format!("cannot use the engine at {}", to.builder)
            })
            .map_err(|fault| fault.hint(hint))?;
        let credentials = Credentials::new(run);
        let elsewhere = RemoteStore::new(to, &credentials)
            .or_fault(Code::ImageTransferFailed, FaultKind::Image, || {
                "cannot use the nodes' stores".to_owned()
            })
            .map_err(|fault| fault.hint(hint))?;
        let remembered = CachedKeys::load(&run.world, &to.builder.to_string(), project, surveyed);
        let tags = remembered.tags(project, surveyed);
        let bases: BTreeSet<&str> = surveyed.iter().flat_map(external).collect();
        let names = bases.iter().copied().chain(tags.iter().map(String::as_str)).collect();
        let there = inspect(&engine, names)
            .await
            .or_fault(Code::DockerRequestFailed, FaultKind::Image, || {
                format!("cannot ask the engine at {} for the base images", to.builder)
            })
            .map_err(|fault| fault.hint(hint))?;
        let platform = bases.into_iter().find_map(|base| Some(there.get(base)?.as_ref()?.platform.clone()));
        Ok(Builder {
            run,
            project,
            to,
            engine,
            elsewhere,
            credentials,
            there,
            remembered,
            pulled: Mutex::default(),
            platform: OnceCell::new_with(platform),
            slots: Semaphore::new(AT_ONCE),
            classic: AtomicBool::new(false),
        })
    }

    /// Looks the image up; builds it if it is missing; delivers it to the nodes.
    pub(crate) async fn make(&self, image: &Surveyed, needs: Vec<Built>) -> Result<Built, Vec<Finding>> {
        let item = self.run.sink.item(Step::Image, image.image.name.as_str());
        let about = format!("image {}", image.image.name);
        let attempt = self.attempt(image, &needs, &item).await;
        let (built, detail) = attempt.map_err(|findings| {
            let named =
                |finding: Finding| if finding.subject.is_some() { finding } else { finding.about(&about) };
            findings.into_iter().map(named).collect::<Vec<_>>()
        })?;
        let why = if built.why.is_empty() { "the engine has it".to_owned() } else { built.why.join(", ") };
        debug!(outcome = ?built.outcome, key = %built.key, "image {}: {why}", built.name);
        item.finish(built.outcome, Some(detail));
        Ok(built)
    }

    async fn attempt(
        &self,
        image: &Surveyed,
        needs: &[Built],
        item: &OpenItem,
    ) -> Result<(Built, String), Vec<Finding>> {
        let name = &image.image.name;
        let repository = tags::repository(self.project, name);
        let ids: BTreeMap<ImageName, String> =
            needs.iter().map(|need| (need.name.clone(), need.id.clone())).collect();
        let mut facts =
            self.facts(image, &ids, &There::new()).await.map_err(|error| self.engine_failed(error))?;
        let mut key = key::key(image.source(), &facts).to_string();
        let known = self.find_by_key(&repository, &key).await.map_err(|error| self.engine_failed(error))?;
        if let Some(found) = known {
            return self.unchanged(image, &facts, key, found, item).await;
        }
        let secrets = build_secrets::values(image, &self.run.world)?;
        secrets.hide_from(&self.run.sink);
        let _slot = self.slots.acquire().await;
        let pulled = self.pull_absent(image, item).await;
        if !pulled.is_empty() {
            facts = self.facts(image, &ids, &pulled).await.map_err(|error| self.engine_failed(error))?;
            key = key::key(image.source(), &facts).to_string();
            let known =
                self.find_by_key(&repository, &key).await.map_err(|error| self.engine_failed(error))?;
            if let Some(found) = known {
                return self.unchanged(image, &facts, key, found, item).await;
            }
        }
        let last = self.last(&image.image);
        let inputs = Inputs::new(image.source(), &facts);
        let why = why(last.as_ref(), &inputs);
        item.progress(format!("building, because {}", why.join(", ")), None);
        let spec = self.spec(image, needs, tags::by_key(&repository, &key), secrets);
        let made = self.build(image, &spec, item).await?;
        let found = self.find(&spec.tag).await?.ok_or_else(|| {
            vec![
                Code::DockerRequestFailed
                    .error("the engine does not have the image after its build")
                    .help("run it again"),
            ]
        })?;
        let reference = self.named(name, &found).await?;
        self.within_budget(image, &found).await?;
        self.elsewhere.deliver(&self.engine, &reference, &found, item).await?;
        let detail = describe(&found, last.as_ref(), Some(made.sent));
        let (id, size) = (found.id.clone(), found.size);
        last_inputs::write(
            &self.run.world,
            &self.engine.address.to_string(),
            self.project,
            &image.image,
            &key,
            &Last { inputs, id: id.clone(), size },
        );
        let built = Built {
            name: name.clone(),
            reference,
            id,
            size,
            before: last.map(|last| last.size),
            outcome: Outcome::Built,
            why,
            key,
            tag: spec.tag,
        };
        Ok((built, detail))
    }

    async fn unchanged(
        &self,
        image: &Surveyed,
        facts: &Facts,
        key: String,
        found: EngineImage,
        item: &OpenItem,
    ) -> Result<(Built, String), Vec<Finding>> {
        let name = image.image.name.clone();
        let reference = self.named(&name, &found).await?;
        self.within_budget(image, &found).await?;
        self.elsewhere.deliver(&self.engine, &reference, &found, item).await?;
        if !self.remembered.is_of(&name, &key) {
            let last =
                Last { inputs: Inputs::new(image.source(), facts), id: found.id.clone(), size: found.size };
            let engine = self.engine.address.to_string();
            last_inputs::write(&self.run.world, &engine, self.project, &image.image, &key, &last);
        }
        let detail = budget::bytes(found.size);
        let tag = tags::by_key(&tags::repository(self.project, &name), &key);
        let (id, size) = (found.id, found.size);
        let built = Built {
            name,
            reference,
            id,
            size,
            before: None,
            outcome: Outcome::Unchanged,
            why: Vec::new(),
            key,
            tag,
        };
        Ok((built, detail))
    }

    /// What `make` would do about it, given what it would do about the others.
    pub(crate) async fn inspect(
        &self,
        image: &Surveyed,
        others: &BTreeMap<ImageName, Inspected>,
    ) -> Result<Inspected> {
        let name = image.image.name.clone();
        let doing = || format!("cannot ask the engine at {} for image `{name}`", self.to.builder);
        let rebuilt: Vec<String> = image
            .needs
            .iter()
            .filter(|need| others.get(need).is_none_or(|other| other.reference.is_none()))
            .map(|need| format!("`{need}`, which it starts from, is rebuilt"))
            .collect();
        if !rebuilt.is_empty() {
            return Ok(Inspected { name, reference: None, size: None, why: rebuilt, key: None });
        }
        let mut ids = BTreeMap::new();
        for need in &image.needs {
            if let Some(reference) = others.get(need).and_then(|other| other.reference.as_deref())
                && let Some(found) = self.engine.find(reference).await.or_fault(
                    Code::DockerRequestFailed,
                    FaultKind::Image,
                    doing,
                )?
            {
                ids.insert(need.clone(), found.id);
            }
        }
        let facts = self.facts(image, &ids, &There::new()).await.or_fault(
            Code::DockerRequestFailed,
            FaultKind::Image,
            doing,
        )?;
        let key = key::key(image.source(), &facts).to_string();
        let repository = tags::repository(self.project, &name);
        let found = self.find_by_key(&repository, &key).await.or_fault(
            Code::DockerRequestFailed,
            FaultKind::Image,
            doing,
        )?;
        let why = match found {
            Some(_) => Vec::new(),
            None => why(self.last(&image.image).as_ref(), &Inputs::new(image.source(), &facts)),
        };
        let reference = found.as_ref().map(|found| tags::by_id(&self.deployed(&name), &found.id));
        Ok(Inspected { name, reference, size: found.map(|found| found.size), why, key: Some(key) })
    }

    /// The repository that pods name: the registry's, where the nodes pull.
    fn deployed(&self, name: &ImageName) -> String {
        match &self.to.registry {
            Some(registry) => format!("{registry}/{}", name.as_path()),
            None => tags::repository(self.project, name),
        }
    }

    /// Adds the tag for the pods to the image, unless it has it.
    async fn named(&self, name: &ImageName, found: &EngineImage) -> Result<String, Vec<Finding>> {
        let reference = tags::by_id(&self.deployed(name), &found.id);
        if !found.tags.contains(&reference) {
            self.engine.tag(&found.id, &reference).await.map_err(|error| self.engine_failed(error))?;
        }
        Ok(reference)
    }

    async fn within_budget(&self, image: &Surveyed, found: &EngineImage) -> Result<(), Vec<Finding>> {
        if image.image.max_size.is_none_or(|allowed| found.size <= allowed) {
            return Ok(());
        }
        let history = self.engine.history(&found.id).await.unwrap_or_default();
        budget::check(image, found.size, &history).map_or(Ok(()), |finding| Err(vec![finding]))
    }

    /// The image of that key: already requested, if the last key was the same.
    async fn find_by_key(
        &self,
        repository: &str,
        key: &str,
    ) -> Result<Option<EngineImage>, bollard::errors::Error> {
        let tag = tags::by_key(repository, key);
        match self.there.get(&tag) {
            Some(Some(found)) => Ok(Some(found.clone())),
            _ => self.engine.find(&tag).await,
        }
    }

    async fn find(&self, name: &str) -> Result<Option<EngineImage>, Vec<Finding>> {
        self.engine.find(name).await.map_err(|error| self.engine_failed(error))
    }

    fn engine_failed(&self, error: impl Into<anyhow::Error>) -> Vec<Finding> {
        let error = error.into();
        let message = format!("the engine at {} failed: {error:#}", self.to.builder);
        vec![Code::DockerRequestFailed.error(message).help("see whether it runs: `todo doctor`")]
    }

    fn last(&self, image: &Image) -> Option<Last> {
        last_inputs::load(&self.run.world, &self.engine.address.to_string(), self.project, image)
    }
}
