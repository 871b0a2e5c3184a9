//! A Docker engine in this process: the calls that the program makes, over HTTP, BuildKit's session included.
//!
//! It runs nothing: its images have names, layers and sizes, and no contents. A call that it does not know is answered
//! with 501 and its name, so that a missing one is not mistaken for a refusal of the engine.

mod build;
mod containers;
mod front;
mod images;
pub(crate) mod pods;
mod session;
pub(crate) mod store;

use crate::clock::Clock;
use crate::cluster::image::App;
use crate::cluster::image::ImageInfo;
use crate::cluster::image::Images;
use crate::cluster::image::Page;
use crate::cluster::image::PullError;
use crate::injector::Effect;
use crate::injector::FaultInjector;
use crate::minikube::addons;
use crate::scenario::Party;
use crate::scenario::Pattern;
use dockerfile::reference;
use pods::PodContainer;
use session::Asking;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use store::Container;
use store::Image;
use store::Kept;
use store::Store;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u64,
    pub(crate) clock: Clock,
    pub(crate) injector: FaultInjector,
}

/// An engine. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Inner>);

struct Inner {
    machine: Machine,
    store: Mutex<Store>,
    sessions: Mutex<BTreeMap<String, Open>>,
    /// The containers of the node's pods, where it is a node's.
    used: Mutex<Option<Used>>,
    /// What images answer, by a label.
    pages: Mutex<BTreeMap<(String, String), Page>>,
}

type Used = Box<dyn Fn() -> Vec<PodContainer> + Send + Sync>;

#[derive(Clone)]
struct Open {
    asking: Asking,
    shared: String,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub(crate) fn new(machine: Machine) -> Engine {
        Engine(Arc::new(Inner {
            machine,
            store: Mutex::default(),
            sessions: Mutex::default(),
            used: Mutex::default(),
            pages: Mutex::default(),
        }))
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the source of the containers that the node's pods run.
    pub(crate) fn used_by(&self, used: impl Fn() -> Vec<PodContainer> + Send + Sync + 'static) {
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(used));
    }

    /// What containers of images with that label answer over HTTP.
    pub(crate) fn answers(&self, label: &str, value: &str, page: Page) {
        let label = (label.to_owned(), value.to_owned());
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner).insert(label, page);
    }

    /// Creates a container, or changes its record.
    pub(crate) fn contain(&self, name: &str, container: Container) {
        self.store().containers.insert(name.to_owned(), container);
    }

    /// Removes images whose names match `pattern`, even if they are in use.
    pub(crate) fn lose(&self, pattern: &Pattern) {
        self.store().images.retain(|_, image| {
            !image.tags.iter().any(|tag| {
                let name = tag.rsplit('/').next().unwrap_or(tag);
                let bare = name.split(':').next().unwrap_or(name);
                pattern.matches(tag) || pattern.matches(bare)
            })
        });
    }

    /// Breaks every session, as a restart does.
    pub(crate) fn restart(&self) {
        self.sessions().clear();
    }

    fn injector(&self) -> &FaultInjector {
        &self.0.machine.injector
    }

    fn now(&self) -> i64 {
        self.0.machine.clock.now().as_second()
    }

    #[expect(clippy::unused_self, reason = "a rehearsal has one platform; an engine is asked for its own")]
    fn platform(&self) -> String {
        "linux/amd64".to_owned()
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Open>> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Option<Image> {
        self.store().find(name).cloned()
    }

    fn pull(&self, reference: &str) -> Result<Image, String> {
        let mut store = self.store();
        let host = reference::registry(reference);
        if host == "todo.local" || store.unknown.contains(reference) {
            return Err("not found".to_owned());
        }
        let image = Image::of_registry(reference);
        store.keep(image.clone());
        Ok(image)
    }

    fn kept(&self, shared: &str, folder: &str) -> BTreeMap<String, Kept> {
        self.store().kept.get(&(shared.to_owned(), folder.to_owned())).cloned().unwrap_or_default()
    }

    fn keep(&self, shared: &str, folder: &str, files: BTreeMap<String, Kept>) {
        self.store().kept.insert((shared.to_owned(), folder.to_owned()), files);
    }

    fn has_step(&self, step: &str) -> bool {
        self.store().steps.contains(step)
    }

    fn did_step(&self, step: &str) {
        self.store().steps.insert(step.to_owned());
    }

    /// Keeps what was built. Returns whether the requesting run was killed at that point.
    fn built(&self, image: Image) -> bool {
        let name = image.tags.first().cloned().unwrap_or_default();
        self.store().keep(image);
        self.injector().call(Party::Engine, &format!("BUILT {name}"), true) == Effect::Die
    }

    fn used(&self) -> Vec<PodContainer> {
        let used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.as_ref().map(|used| used()).unwrap_or_default()
    }
}

/// A node's engine is where its kubelet finds images.
impl Images for Engine {
    fn find(&self, reference: &str) -> Option<ImageInfo> {
        let image = Engine::find(self, reference)?;
        let pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let http = image.labels.iter().find_map(|(label, value)| pages.get(&(label.clone(), value.clone())));
        let http = http.cloned();
        let routes = reference.starts_with(addons::IMAGE);
        let app = App { http: http.unwrap_or_default(), routes, ..App::default() };
        Some(ImageInfo { id: image.id.clone(), size: image.size(), app })
    }

    fn pull(&self, reference: &str) -> Result<ImageInfo, PullError> {
        Engine::pull(self, reference).map_err(|_| PullError::not_found(reference))?;
        Images::find(self, reference).ok_or_else(|| PullError::not_found(reference))
    }
}
