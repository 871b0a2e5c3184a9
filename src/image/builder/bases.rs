//! The base images: which of them the engine has, and which are pulled before a build.

use crate::docker::Address;
use crate::event::OpenItem;
use crate::image::builder::Builder;
use crate::image::engine::Engine;
use crate::image::engine::EngineImage;
use crate::image::graph;
use crate::image::registry;
use crate::image::surveyed::Surveyed;
use crate::image::tags;
use crate::project::name::ImageName;
use dockerfile::key::Facts;
use futures::StreamExt;
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Replaces a base that the engine does not have and cannot pull: BuildKit may still have it.
const ABSENT: &str = "absent";

/// Images by reference; `None` for one that the engine does not have.
pub(super) type There = BTreeMap<String, Option<EngineImage>>;

/// How many queries run at once. Over TLS one connection is shared: another handshake takes longer than a response.
const AT_ONCE: usize = 8;

/// Looks which of these the engine has.
pub(super) async fn inspect(engine: &Engine, names: BTreeSet<&str>) -> Result<There, bollard::errors::Error> {
    let at_once = if matches!(engine.address, Address::Tls(..)) { 1 } else { AT_ONCE };
    let found = names.into_iter().map(async |name| Ok((name.to_owned(), engine.find(name).await?)));
    futures::stream::iter(found).buffer_unordered(at_once).try_collect().await
}

impl Builder<'_> {
    pub(super) async fn facts(
        &self,
        image: &Surveyed,
        ids: &BTreeMap<ImageName, String>,
        pulled: &There,
    ) -> Result<Facts, bollard::errors::Error> {
        let known = |name: &str| pulled.get(name).or_else(|| self.there.get(name)).and_then(Option::as_ref);
        let mut bases = BTreeMap::new();
        for base in &image.dockerfile.bases {
            let id = match graph::needed(&base.reference, &image.image.name, &image.needs) {
                Some(ours) => ids.get(ours).map(String::as_str),
                None => known(&base.reference).map(|found| found.id.as_str()),
            };
            bases.insert(base.reference.clone(), id.unwrap_or(ABSENT).to_owned());
        }
        let labels = tags::labels(self.project, &image.image.name);
        let platform = match &image.image.platform {
            Some(platform) => platform.clone(),
            None => match external(image).find_map(known) {
                Some(base) => base.platform.clone(),
                None => self.platform.get_or_try_init(|| self.engine.platform()).await?.clone(),
            },
        };
        Ok(Facts { platform, bases, labels })
    }

    /// Pulls the bases that the engine does not have, so that it need not query their registry again at every build.
    /// One that cannot be pulled is left to the build, which may have it, or else reports why it failed.
    pub(super) async fn pull_absent(&self, image: &Surveyed, item: &OpenItem) -> There {
        let mut mine = There::new();
        for name in external(image).filter(|name| self.there.get(*name).is_none_or(Option::is_none)) {
            let mut pulled = self.pulled.lock().await;
            if !pulled.contains_key(name) {
                let platform = image.image.platform.as_deref();
                let came = registry::pull(&self.engine, name, platform, &self.credentials, item).await;
                let found = if came.is_ok() { self.engine.find(name).await.ok().flatten() } else { None };
                pulled.insert(name.to_owned(), found);
            }
            if let Some(Some(found)) = pulled.get(name) {
                mine.insert(name.to_owned(), Some(found.clone()));
            }
        }
        mine
    }
}

/// The images that it needs from outside the project.
pub(super) fn external(image: &Surveyed) -> impl Iterator<Item = &str> {
    let ours = |reference: &str| graph::needed(reference, &image.image.name, &image.needs).is_some();
    image
        .dockerfile
        .bases
        .iter()
        .map(|base| base.reference.as_str())
        .filter(move |reference| !ours(reference))
}
