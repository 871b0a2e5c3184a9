//! The engine in which images are built, as this room needs it: one pooled client, one dialer, and what they are asked.

use crate::docker;
use crate::docker::Address;
use crate::docker::dial::Dialer;
use crate::event::Amount;
use crate::event::OpenItem;
use crate::event::Unit;
use crate::image::credentials::Credentials;
use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::ImageHistoryResponseItem;
use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::query_parameters::TagImageOptionsBuilder;
use futures::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use std::collections::BTreeMap;

/// A connection to an engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Where it is.
    pub address: Address,
    /// Requests that are answered at once.
    pub client: Docker,
    /// Requests that go on.
    pub dialer: Dialer,
}

/// An image that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `sha256:…`.
    pub id: String,
    /// Bytes, as this engine counts them: not comparable between overlay2 and the containerd store.
    pub size: u64,
    /// Everything that it is called.
    pub tags: Vec<String>,
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
    pub async fn find(&self, name: &str) -> Result<Option<Found>, Error> {
        let image = match self.client.inspect_image(name).await {
            Ok(image) => image,
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (os, architecture) = (image.os.unwrap_or_default(), image.architecture.unwrap_or_default());
        let variant = image.variant.filter(|variant| !variant.is_empty());
        Ok(Some(Found {
            id: image.id.unwrap_or_default(),
            size: u64::try_from(image.size.unwrap_or(0)).unwrap_or(0),
            tags: image.repo_tags.unwrap_or_default(),
            platform: platform(&os, &architecture, variant.as_deref()),
            layers: image.root_fs.and_then(|root| root.layers).unwrap_or_default(),
        }))
    }

    /// The platform that the engine builds for unless told otherwise.
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

    /// Bytes of the layers of all images; `None` where the engine does not say.
    pub async fn layers(&self) -> Option<u64> {
        let request = Request::get("/system/df?type=image").header("Host", self.dialer.host());
        let (answer, _call) = self.dialer.send(request.body(Empty::<Bytes>::new()).ok()?).await.ok()?;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        let usage: serde_json::Value = serde_json::from_slice(&body).ok()?;
        // moby: api/types/system/disk_usage.go; the second is what the first became in API 1.52.
        usage["LayersSize"].as_u64().or_else(|| usage["ImageUsage"]["TotalSize"].as_u64())
    }

    /// Pulls a base, telling the bytes through `item`.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: &Credentials,
        item: &OpenItem,
    ) -> anyhow::Result<()> {
        let login = credentials.of(registry(reference)).await?.map(|login| {
            let secret = String::from_utf8_lossy(login.secret.expose()).into_owned();
            let (password, identitytoken) =
                if login.is_token { (None, Some(secret)) } else { (Some(secret), None) };
            DockerCredentials {
                username: Some(login.username),
                password,
                identitytoken,
                ..Default::default()
            }
        });
        let options = CreateImageOptionsBuilder::default()
            .from_image(&with_tag(reference))
            .platform(platform.unwrap_or_default())
            .build();
        let mut messages = self.client.create_image(Some(options), None, login);
        let mut layers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let doing = format!("pulling {reference}");
        item.progress(doing.clone(), None);
        while let Some(message) = messages.next().await {
            let message = message?;
            if let Some(detail) = message.error_detail {
                anyhow::bail!(detail.message.unwrap_or_default());
            }
            let (Some(layer), Some(detail)) = (message.id, message.progress_detail) else { continue };
            let count =
                |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
            let (done, total) = (count(detail.current), count(detail.total));
            if total > 0 && message.status.as_deref() == Some("Downloading") {
                layers.insert(layer, (done, total));
                let done = layers.values().map(|(done, _)| done).sum();
                let total = Some(layers.values().map(|(_, total)| total).sum());
                item.progress(doing.clone(), Some(Amount { done, total, unit: Unit::Bytes }));
            }
        }
        Ok(())
    }
}

/// The registry that a reference is of (`distribution/reference: splitDockerDomain`).
#[must_use]
pub fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// The reference with a tag: without one the engine would pull every tag that there is.
fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

fn platform(os: &str, architecture: &str, variant: Option<&str>) -> String {
    let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{os}/{architecture}{variant}")
}

#[cfg(test)]
mod tests {
    use super::registry;
    use super::with_tag;

    #[test]
    fn references_are_read_as_docker_reads_them() {
        for (reference, host, tagged) in [
            ("python", "docker.io", "python:latest"),
            ("python:3", "docker.io", "python:3"),
            ("me/app", "docker.io", "me/app:latest"),
            ("localhost/app", "localhost", "localhost/app:latest"),
            ("host:5000/app", "host:5000", "host:5000/app:latest"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io", "ghcr.io/a/b@sha256:00"),
        ] {
            assert_eq!((registry(reference), with_tag(reference).as_str()), (host, tagged));
        }
    }
}
