//! Registries: bases pulled from them, images pushed to the one that a cluster's nodes pull from.
//!
//! The engine does both, because it knows which registries it may reach and how; we send it the user's login. Not
//! through bollard, which encodes logins in an alphabet that engines do not read (`moby:
//! api/types/registry/authconfig.go` requires base64's URL alphabet), so that some passwords would be refused.

mod advice;

use crate::event::Amount;
use crate::event::Code;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Unit;
use crate::image::build::BuildStream;
use crate::image::build::path;
use crate::image::credentials::Credentials;
use crate::image::engine::Engine;
use crate::image::engine::EngineImage;
use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use dockerfile::reference;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use std::collections::BTreeMap;

/// Pulls a base, reporting the bytes through `item`.
pub(crate) async fn pull(
    engine: &Engine,
    reference: &str,
    platform: Option<&str>,
    credentials: &Credentials,
    item: &OpenItem,
) -> anyhow::Result<()> {
    let query = [("fromImage", with_tag(reference)), ("platform", platform.unwrap_or_default().to_owned())];
    let request = Request::post(path("/images/create", &query));
    let answer = send_request(engine, request, &login(credentials, reference).await?).await?;
    follow(answer, &format!("pulling {reference}"), "Downloading", item).await.map(drop)
}

/// Pushes an image that the engine has under `reference` to the registry of that name, unless the registry already
/// has the same image.
///
/// # Errors
/// Why it could not be pushed: the registry's own message, and what to do.
pub(crate) async fn deliver(
    engine: &Engine,
    reference: &str,
    image: &EngineImage,
    credentials: &Credentials,
    item: &OpenItem,
) -> Result<(), Finding> {
    let registry = reference::registry(reference);
    let pushed = async {
        let login = login(credentials, reference).await?;
        let known = image.digests.iter().filter_map(|digest| digest.split_once('@'));
        let repository = reference.rsplit_once(':').map_or(reference, |(repository, _)| repository);
        let known = known.filter(|(of, _)| *of == repository).map(|(_, digest)| digest.to_owned());
        let known: Vec<String> = known.collect();
        // Only an image that was pushed from here has a digest to compare with; any other is pushed to learn it.
        if !known.is_empty()
            && let Ok(Some(there)) = digest(engine, reference, &login).await
            && known.contains(&there)
        {
            return Ok(());
        }
        let sent = push(engine, reference, &login, item).await?;
        let there = digest(engine, reference, &login).await?;
        anyhow::ensure!(
            there.as_ref() == Some(&sent),
            "it took {sent} and has {} under that name",
            there.as_deref().unwrap_or("nothing")
        );
        Ok(())
    };
    pushed.await.map_err(|error| {
        let why = format!("{error:#}");
        Code::ImagePushFailed
            .error(format!("cannot push the image to the registry `{registry}`: {why}"))
            .help(advice::help(registry, &why))
    })
}

async fn push(engine: &Engine, reference: &str, login: &str, item: &OpenItem) -> anyhow::Result<String> {
    let (name, tag) = reference.rsplit_once(':').context("a reference without a tag")?;
    let request = Request::post(path(&format!("/images/{name}/push"), &[("tag", tag.to_owned())]));
    let answer = send_request(engine, request, login).await?;
    let digest =
        follow(answer, &format!("pushing to {}", reference::registry(reference)), "Pushing", item).await?;
    digest.context("the engine did not say what it pushed")
}

/// The digest under that name in the registry, if any.
async fn digest(engine: &Engine, reference: &str, login: &str) -> anyhow::Result<Option<String>> {
    let request = Request::get(format!("/distribution/{reference}/json"))
        .header("Host", engine.dialer.host())
        .header("X-Registry-Auth", login)
        .body(Empty::<Bytes>::new())?;
    let (answer, _call) = engine.dialer.send(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if status == http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    anyhow::ensure!(status.is_success(), "{}", body["message"].as_str().unwrap_or(status.as_str()));
    Ok(body["Descriptor"]["digest"].as_str().map(str::to_owned))
}

async fn send_request(
    engine: &Engine,
    request: http::request::Builder,
    login: &str,
) -> anyhow::Result<BuildStream> {
    let request = request
        .header("Host", engine.dialer.host())
        .header("X-Registry-Auth", login)
        .body(Empty::<Bytes>::new())?;
    Ok(BuildStream::from_response(engine.dialer.send(request).await?).await?)
}

/// Reports the progress of the layers until the end; returns the digest that the engine sends last, if it does.
async fn follow(
    mut answer: BuildStream,
    doing: &str,
    moving: &str,
    item: &OpenItem,
) -> anyhow::Result<Option<String>> {
    let mut digest = None;
    let mut layers: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    item.progress(doing.to_owned(), None);
    while let Some(line) = answer.next_good().await? {
        if let Some(pushed) = line.aux.as_ref().and_then(|aux| aux["Digest"].as_str()) {
            digest = Some(pushed.to_owned());
        }
        let (Some(layer), Some(detail)) = (line.id, line.detail) else { continue };
        if detail.total > 0 && line.status.as_deref() == Some(moving) {
            layers.insert(layer, (detail.current.min(detail.total), detail.total));
            let done = layers.values().map(|(done, _)| done).sum();
            let total = Some(layers.values().map(|(_, total)| total).sum());
            item.progress(doing.to_owned(), Some(Amount { done, total, unit: Unit::Bytes }));
        }
    }
    Ok(digest)
}

/// The user's login at the registry of `reference`, encoded for engines; an empty one if there is none.
async fn login(credentials: &Credentials, reference: &str) -> anyhow::Result<String> {
    let host = reference::registry(reference);
    let login = credentials.login(host).await?.map_or_else(
        || serde_json::json!({}),
        |login| {
            let secret = String::from_utf8_lossy(login.secret.expose());
            let field = if login.is_token { "identitytoken" } else { "password" };
            serde_json::json!({ "username": login.username, field: secret, "serveraddress": host })
        },
    );
    Ok(URL_SAFE.encode(login.to_string()))
}

/// The reference with a tag: without one the engine would pull every tag of the repository.
fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

#[cfg(test)]
mod tests {
    use super::with_tag;
    use dockerfile::reference;

    #[test]
    fn references_are_read_as_docker_reads_them() {
        for (reference, registry, tagged) in [
            ("python", "docker.io", "python:latest"),
            ("python:3", "docker.io", "python:3"),
            ("me/app", "docker.io", "me/app:latest"),
            ("localhost/app", "localhost", "localhost/app:latest"),
            ("host:5000/app", "host:5000", "host:5000/app:latest"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io", "ghcr.io/a/b@sha256:00"),
        ] {
            assert_eq!((reference::registry(reference), with_tag(reference).as_str()), (registry, tagged));
        }
    }
}
