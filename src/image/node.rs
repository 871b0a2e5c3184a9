//! A node whose runtime is containerd, driven by commands in the node's container, as minikube itself drives it
//! (`minikube: pkg/minikube/command/kic_runner.go`).

use crate::docker::exec::exec;
use crate::image::engine::Engine;
use anyhow::Context;
use futures::Stream;
use hyper::body::Bytes;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io;
use tokio::sync::OnceCell;

/// containerd's namespace of the images that the kubelet sees.
const NAMESPACE: &str = "k8s.io";

/// A node's containerd.
#[derive(Debug)]
pub(crate) struct Node {
    engine: Engine,
    container: String,
    /// The names that it had at the first query.
    before: OnceCell<BTreeSet<String>>,
}

/// The relevant part of the output of `crictl images -o json` (`cri-api: ListImagesResponse`).
#[derive(Debug, Deserialize)]
struct Images {
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    id: String,
    repo_tags: Option<Vec<String>>,
}

impl Node {
    /// The node in that container of that engine.
    pub(crate) fn new(engine: &Engine, container: &str) -> Node {
        Node { engine: engine.clone(), container: container.to_owned(), before: OnceCell::new() }
    }

    /// Its container.
    pub(crate) fn container(&self) -> &str {
        &self.container
    }

    /// Whether it had an image of that name when the run began; queried once for all images.
    pub(crate) async fn had(&self, reference: &str) -> anyhow::Result<bool> {
        let names = || async {
            let images = self.images().await?;
            anyhow::Ok(images.into_iter().flat_map(|image| image.repo_tags.unwrap_or_default()).collect())
        };
        Ok(self.before.get_or_try_init(names).await?.contains(reference))
    }

    /// Whether it has that image under that name now: the id is the configuration's digest to the kubelet, and the
    /// manifest's to a builder with the containerd store.
    pub(crate) async fn has(&self, reference: &str, id: &str) -> anyhow::Result<bool> {
        let named = |image: &Image| image.repo_tags.iter().flatten().any(|name| name == reference);
        match self.images().await?.iter().find(|image| named(image)) {
            Some(image) if image.id == id => Ok(true),
            Some(_) => {
                let filter = format!("name=={reference}");
                Ok(self.run(&["ctr", "-n", NAMESPACE, "images", "ls", &filter]).await?.contains(id))
            }
            None => Ok(false),
        }
    }

    /// The digests of everything in its content store.
    pub(crate) async fn blobs(&self) -> anyhow::Result<BTreeSet<String>> {
        let listed = self.run(&["ctr", "-n", NAMESPACE, "content", "ls", "-q"]).await?;
        Ok(listed.lines().filter_map(|line| line.trim().strip_prefix("sha256:")).map(str::to_owned).collect())
    }

    /// Imports an archive as `docker save` writes it.
    pub(crate) async fn import(
        &self,
        archive: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> anyhow::Result<()> {
        self.feed(&["ctr", "-n", NAMESPACE, "images", "import", "-"], archive).await.map(drop)
    }

    /// The names of the project's images on the node that `ours` accepts.
    pub(crate) async fn names(&self) -> anyhow::Result<Vec<(String, Vec<String>)>> {
        let images = self.images().await?;
        Ok(images.into_iter().map(|image| (image.id, image.repo_tags.unwrap_or_default())).collect())
    }

    /// Removes a name; containerd removes the image with its last one.
    pub(crate) async fn forget(&self, reference: &str) -> anyhow::Result<()> {
        self.run(&["ctr", "-n", NAMESPACE, "images", "rm", reference]).await.map(drop)
    }

    /// The images of its containers, by id or name: the second column, after a header line.
    pub(crate) async fn used(&self) -> anyhow::Result<BTreeSet<String>> {
        let listed = self.run(&["ctr", "-n", NAMESPACE, "containers", "ls"]).await?;
        let image = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
        Ok(listed.lines().skip(1).filter_map(image).collect())
    }

    async fn images(&self) -> anyhow::Result<Vec<Image>> {
        let listed = self.run(&["crictl", "images", "-o", "json"]).await?;
        let images: Images = serde_json::from_str(&listed).context("`crictl images` printed no JSON")?;
        Ok(images.images)
    }

    async fn run(&self, command: &[&str]) -> anyhow::Result<String> {
        self.feed(command, futures::stream::empty()).await
    }

    /// Runs a command in the node with `input` as its standard input; returns its output, if it exited with 0.
    async fn feed(
        &self,
        command: &[&str],
        input: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> anyhow::Result<String> {
        exec(&self.engine.client, &self.container, command, input).await
    }
}
