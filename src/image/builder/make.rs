//! One build: the request to the engine, and which of its two builders is used.

use super::Builder;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::image::Built;
use crate::image::build;
use crate::image::build::BuildError;
use crate::image::build::BuildOutput;
use crate::image::build::BuildSpec;
use crate::image::build_secrets::SecretStore;
use crate::image::classic;
use crate::image::failure;
use crate::image::rebase;
use crate::image::surveyed::Surveyed;
use crate::image::tags;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Builder<'_> {
    pub(super) fn spec(
        &self,
        image: &Surveyed,
        needs: &[Built],
        tag: String,
        secrets: SecretStore,
    ) -> BuildSpec {
        let names: BTreeMap<ImageName, String> =
            needs.iter().map(|need| (need.name.clone(), need.reference.clone())).collect();
        let dockerfile = if names.is_empty() {
            image.dockerfile.text.clone()
        } else {
            rebase::rebase(&image.dockerfile, &image.image.name, &names)
        };
        let mut shared = blake3::Hasher::new();
        shared.update(tags::repository(self.project, &image.image.name).as_bytes());
        shared.update(image.context.root.as_os_str().as_encoded_bytes());
        BuildSpec {
            tag,
            labels: tags::labels(self.project, &image.image.name),
            args: image.image.args.clone(),
            target: image.image.target.clone(),
            platform: image.image.platform.clone(),
            dockerfile: Arc::new(dockerfile),
            context: Arc::new(image.context.clone()),
            secrets,
            shared_key: shared.finalize().to_hex()[..32].to_owned(),
        }
    }

    pub(super) async fn build(
        &self,
        image: &Surveyed,
        spec: &BuildSpec,
        item: &OpenItem,
    ) -> Result<BuildOutput, Vec<Finding>> {
        let mut made = Err(BuildError::NoBuildKit);
        if !self.classic.load(Ordering::Relaxed) {
            made = build::build(&self.engine.dialer, spec, &self.credentials, item, self.run.verbose).await;
        }
        if let Err(BuildError::NoBuildKit) = made {
            if !self.classic.swap(true, Ordering::Relaxed) {
                let message = format!(
                    "the engine at {} has no BuildKit: every build sends and compares everything",
                    self.to.builder
                );
                self.run
                    .sink
                    .warn(Code::BuildkitMissing.warning(message).help("Docker 20.10 or newer builds faster"));
            }
            if let Some(id) = image.image.secrets.keys().next() {
                let message = format!(
                    "the build secret `{id}` needs BuildKit, which the engine at {} has not",
                    self.to.builder
                );
                return Err(vec![Code::BuildkitMissing.error(message).help("use Docker 20.10 or newer")]);
            }
            made = classic::build(&self.engine.dialer, spec, item, self.run.verbose).await;
        }
        made.map_err(|unmade| match unmade {
            BuildError::Failed(broken) => vec![failure::finding(image, &broken)],
            BuildError::Engine(error) => self.engine_failed(error),
            BuildError::NoBuildKit => vec![Code::BuildkitMissing.error("the engine can build nothing")],
        })
    }
}
