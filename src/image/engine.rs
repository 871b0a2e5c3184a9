//! The engine in which images are built, as this module needs it: one pooled client, one dialer, and their requests.

use crate::docker;
use crate::docker::Address;
use crate::docker::dial::Dialer;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ImageHistoryResponseItem;
use bollard::query_parameters::TagImageOptionsBuilder;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;

/// A connection to an engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Where it is.
    pub address: Address,
    /// Requests that are answered at once.
    pub client: Docker,
    /// For upgraded, long-lived requests.
    pub dialer: Dialer,
}

/// An image that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// `sha256:…`.
    pub id: String,
    /// Bytes, as this engine counts them: not comparable between overlay2 and the containerd store.
    pub size: u64,
    /// Everything that it is called.
    pub tags: Vec<String>,
    /// `repository@sha256:…` of every registry that it was pulled from or pushed to.
    pub digests: Vec<String>,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// The digests of its unpacked layers, lowest first.
    pub layers: Vec<String>,
}

impl Engine {
    /// A connection to the engine at `address`. Nothing is sent yet.
    pub fn new(address: &Address) -> anyhow::Result<Engine> {
        let (client, dialer) = (docker::connect(address)?, Dialer::new(address)?);
        Ok(Engine { address: address.clone(), client, dialer })
    }

    /// The image of that name or id, if the engine has it.
    pub async fn find(&self, name: &str) -> Result<Option<EngineImage>, Error> {
        let image = match self.client.inspect_image(name).await {
            Ok(image) => image,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (os, architecture) = (image.os.unwrap_or_default(), image.architecture.unwrap_or_default());
        let variant = image.variant.filter(|variant| !variant.is_empty());
        Ok(Some(EngineImage {
            id: image.id.unwrap_or_default(),
            size: u64::try_from(image.size.unwrap_or(0)).unwrap_or(0),
            tags: image.repo_tags.unwrap_or_default(),
            digests: image.repo_digests.unwrap_or_default(),
            platform: platform(&os, &architecture, variant.as_deref()),
            layers: image.root_fs.and_then(|root| root.layers).unwrap_or_default(),
        }))
    }

    /// The default platform of the engine.
    pub async fn platform(&self) -> Result<String, Error> {
        let version = self.client.version().await?;
        Ok(platform(&version.os.unwrap_or_default(), &version.arch.unwrap_or_default(), None))
    }

    /// Calls an image `name:tag` as well.
    pub async fn tag(&self, image: &str, reference: &str) -> Result<(), Error> {
        let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let options = TagImageOptionsBuilder::default().repo(name).tag(tag).build();
        self.client.tag_image(image, Some(options)).await
    }

    /// The layers of an image, newest first, each with its instruction and size.
    pub async fn history(&self, image: &str) -> Result<Vec<ImageHistoryResponseItem>, Error> {
        self.client.image_history(image).await
    }

    /// Bytes of the layers of all images; `None` if the engine does not report it.
    pub async fn layers(&self) -> Option<u64> {
        let request = Request::get("/system/df?type=image").header("Host", self.dialer.host());
        let (answer, _call) = self.dialer.send(request.body(Empty::<Bytes>::new()).ok()?).await.ok()?;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        let usage: serde_json::Value = serde_json::from_slice(&body).ok()?;
        // moby: api/types/system/disk_usage.go; the second field replaces the first since API 1.52.
        usage["LayersSize"].as_u64().or_else(|| usage["ImageUsage"]["TotalSize"].as_u64())
    }
}

fn platform(os: &str, architecture: &str, variant: Option<&str>) -> String {
    let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{os}/{architecture}{variant}")
}
