//! Delivers images from the builder to other Docker engines, containerd, or a registry.
//!
//! The builder saves, we leave out the layers that the node has, the node loads; nothing is kept on disk. The loaded
//! image is looked up again by id, because the result of a loader is not reliable (minikube's `image load` always
//! reports success).

use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::image::Destination;
use crate::image::NodeStore;
use crate::image::build::BuildStream;
use crate::image::credentials::Credentials;
use crate::image::engine::Engine;
use crate::image::engine::EngineImage;
use crate::image::node::Node;
use crate::image::pipe::Reading;
use crate::image::pipe::UNDER_WAY;
use crate::image::pipe::Writing;
use crate::image::registry;
use bollard::query_parameters::ListImagesOptionsBuilder;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use std::collections::BTreeSet;
use std::io;
use std::io::Write;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// The stores that the builder does not feed, each with a connection.
#[derive(Debug)]
pub(crate) struct RemoteStore {
    stores: Vec<Store>,
}

#[derive(Debug)]
enum Store {
    Docker(Engine),
    Containerd(Node),
    /// The registry that the image's reference names.
    Registry(Credentials),
}

impl RemoteStore {
    /// The nodes of `to` other than the builder. Nothing is sent yet.
    pub(crate) fn new(to: &Destination, credentials: &Credentials) -> anyhow::Result<RemoteStore> {
        let mut stores = Vec::new();
        stores.extend(to.registry.as_ref().map(|_| Store::Registry(credentials.clone())));
        for node in &to.nodes {
            match node {
                NodeStore::Docker(address) if *address == to.builder => {}
                NodeStore::Docker(address) => stores.push(Store::Docker(Engine::new(address)?)),
                NodeStore::Containerd { host, container } => {
                    stores.push(Store::Containerd(Node::new(&Engine::new(host)?, container)));
                }
            }
        }
        Ok(RemoteStore { stores })
    }

    /// Delivers the image to every store that lacks it, all of them at once.
    pub(crate) async fn deliver(
        &self,
        builder: &Engine,
        reference: &str,
        found: &EngineImage,
        item: &OpenItem,
    ) -> Result<(), Vec<Finding>> {
        let shipped = self.stores.iter().map(|store| async move {
            let (node, done) = match store {
                Store::Docker(node) => (
                    format!("the engine at {}", node.address),
                    to_engine(builder, node, reference, found, item).await,
                ),
                Store::Containerd(node) => (
                    format!("the node `{}`", node.container()),
                    to_containerd(builder, node, reference, found, item).await,
                ),
                Store::Registry(credentials) => {
                    return registry::deliver(builder, reference, found, credentials, item).await.err();
                }
            };
            done.err().map(|error| {
                Code::ImageTransferFailed
                    .error(format!("cannot load the image into {node}: {error:#}"))
                    .help("see whether the cluster runs (`todo status`), then run it again")
            })
        });
        let failed: Vec<Finding> = join_all(shipped).await.into_iter().flatten().collect();
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }
}

async fn to_engine(
    builder: &Engine,
    node: &Engine,
    reference: &str,
    image: &EngineImage,
    item: &OpenItem,
) -> anyhow::Result<()> {
    // The containerd store computes ids from other content, so equal layers suffice.
    let is_there = |found: Option<EngineImage>| {
        found.is_some_and(|found| found.id == image.id || found.layers == image.layers)
    };
    if is_there(node.find(reference).await?) {
        return Ok(());
    }
    item.progress(format!("sending to {}", node.address), None);
    let present = shared_prefix(node, image).await.unwrap_or_default();
    for left_out in [present, BTreeSet::new()] {
        let full = left_out.is_empty();
        let loaded = load(builder, node, reference, left_out).await;
        if is_there(node.find(reference).await?) {
            return Ok(());
        }
        if full {
            loaded?;
        }
    }
    anyhow::bail!("it said that it loaded `{reference}` and does not have it")
}

async fn load(
    builder: &Engine,
    node: &Engine,
    reference: &str,
    left_out: BTreeSet<String>,
) -> anyhow::Result<()> {
    let body = StreamBody::new(saved(builder, reference, left_out).map(|piece| piece.map(Frame::data)));
    let request = Request::post("/images/load?quiet=1")
        .header("Host", node.dialer.host())
        .header("Content-Type", "application/x-tar")
        .body(body)?;
    let mut answer = BuildStream::from_response(node.dialer.send_all(request).await?).await?;
    while answer.next_good().await?.is_some() {}
    Ok(())
}

/// The layers that the node has with everything below them: only such layers may be missing in the archive
/// (`moby: image/tarexport/load.go` looks for the chain before it opens the layer).
async fn shared_prefix(node: &Engine, image: &EngineImage) -> anyhow::Result<BTreeSet<String>> {
    let options = ListImagesOptionsBuilder::default().build();
    let images = node.client.list_images(Some(options)).await?;
    let found =
        stream::iter(images).map(|image| async move { node.find(&image.id).await }).buffer_unordered(16);
    let found: Vec<Option<EngineImage>> = found.map(Result::unwrap_or_default).collect().await;
    let alike = |other: &EngineImage| {
        let pairs = image.layers.iter().zip(&other.layers);
        pairs.take_while(|(one, other)| one == other).count()
    };
    let count = found.iter().flatten().map(alike).max().unwrap_or(0);
    Ok(image
        .layers
        .iter()
        .take(count)
        .filter_map(|layer| layer.strip_prefix("sha256:"))
        .map(str::to_owned)
        .collect())
}

async fn to_containerd(
    builder: &Engine,
    node: &Node,
    reference: &str,
    image: &EngineImage,
    item: &OpenItem,
) -> anyhow::Result<()> {
    // The reference contains the image's id, so the existence of the name is enough.
    if node.had(reference).await? {
        return Ok(());
    }
    item.progress(format!("sending to the node `{}`", node.container()), None);
    let present = node.blobs().await.unwrap_or_default();
    let wanted: BTreeSet<String> =
        image.layers.iter().filter_map(|layer| layer.strip_prefix("sha256:")).map(str::to_owned).collect();
    let present: BTreeSet<String> = present.intersection(&wanted).cloned().collect();
    for left_out in [present, BTreeSet::new()] {
        let full = left_out.is_empty();
        let imported = node.import(saved(builder, reference, left_out)).await;
        if node.has(reference, &image.id).await? {
            return Ok(());
        }
        if full {
            imported?;
        }
    }
    anyhow::bail!("it said that it imported `{reference}` and does not have it")
}

/// The image as the builder saves it, without the layers whose digests are in `left_out`.
///
/// Engines before 25 name layers in the archive differently from their digest; their archives are sent whole.
fn saved(builder: &Engine, reference: &str, left_out: BTreeSet<String>) -> ReceiverStream<io::Result<Bytes>> {
    let (whole, rest) = mpsc::channel(UNDER_WAY);
    let (pieces, stream) = mpsc::channel(UNDER_WAY);
    let (client, reference) = (builder.client.clone(), reference.to_owned());
    tokio::spawn(async move {
        let mut saved = std::pin::pin!(client.export_image(&reference));
        while let Some(piece) = saved.next().await {
            if whole.send(piece.map_err(io::Error::other)).await.is_err() {
                return;
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let mut out = Writing::new(pieces);
        if let Err(error) = filter(Reading::new(rest), &mut out, &left_out) {
            out.fail(&error);
        }
    });
    ReceiverStream::new(stream)
}

fn filter(from: impl io::Read, to: &mut Writing, left_out: &BTreeSet<String>) -> io::Result<()> {
    let mut archive = tar::Archive::new(from);
    let mut out = tar::Builder::new(to);
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let path = entry.path_bytes();
        let blob = path.strip_prefix(b"blobs/sha256/").and_then(|name| std::str::from_utf8(name).ok());
        if blob.is_some_and(|blob| left_out.contains(blob)) {
            continue;
        }
        drop(path);
        let header = entry.header().clone();
        out.append(&header, &mut entry)?;
    }
    out.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use super::filter;
    use crate::image::pipe::Reading;
    use crate::image::pipe::Writing;
    use std::collections::BTreeSet;
    use std::io::Read;
    use tokio::sync::mpsc;

    #[test]
    fn layers_that_the_node_has_are_left_out_and_the_rest_is_untouched() {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, size) in [("blobs/sha256/aa", 70_000), ("blobs/sha256/bb", 3), ("manifest.json", 2)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, std::io::repeat(b'x').take(size)).unwrap();
        }
        let archive = archive.into_inner().unwrap();
        let (to, from) = mpsc::channel(64);
        filter(&archive[..], &mut Writing::new(to), &BTreeSet::from(["aa".to_owned()])).unwrap();
        let mut rest = tar::Archive::new(Reading::new(from));
        let names: Vec<(String, usize)> = rest
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                (entry.path().unwrap().display().to_string(), bytes.len())
            })
            .collect();
        assert_eq!(names, [("blobs/sha256/bb".to_owned(), 3), ("manifest.json".to_owned(), 2)]);
    }
}
