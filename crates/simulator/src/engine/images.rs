//! What an engine answers about images.

use crate::engine::Engine;
use crate::engine::front::Asked;
use crate::engine::front::Body;
use crate::engine::front::bytes;
use crate::engine::front::json_response;
use crate::engine::front::streamed;
use crate::engine::pods::PodContainer;
use crate::engine::store::Image;
use crate::engine::store::Layer;
use crate::engine::store::digest;
use crate::engine::store::familiar;
use futures::stream;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Read;
use std::time::Duration;

/// How an answer comes about.
pub(super) enum About {
    /// At once.
    Now(Box<Response<Body>>),
    /// Once the layers have come, or gone.
    Moves { doing: &'static str, reference: String, last: Result<Value, String> },
    /// Once all that is sent is here.
    Load,
}

impl About {
    pub(super) async fn with(
        self,
        engine: &Engine,
        request: Request<Incoming>,
    ) -> io::Result<Response<Body>> {
        match self {
            About::Now(answer) => Ok(*answer),
            About::Moves { doing, reference, last } => Ok(moves(doing, &reference, last)),
            About::Load => {
                let sent = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
                Ok(match load(engine, &sent) {
                    Ok(name) => json_response(
                        200,
                        &Value::String(format!("{}\n", json!({"stream": format!("Loaded image: {name}\n")}))),
                    ),
                    Err(error) => json_response(
                        200,
                        &Value::String(format!("{}\n", json!({"error": error.to_string()}))),
                    ),
                })
            }
        }
    }
}

impl Engine {
    pub(super) fn about_images(&self, asked: &Asked) -> Option<About> {
        let now = |answer| Some(About::Now(Box::new(answer)));
        let missing = |name: &str| json_response(404, &json!({"message": format!("No such image: {name}")}));
        match asked.method.as_str() {
            "GET" if asked.path == "/images/json" => {
                now(json_response(200, &self.listed(asked.text("filters"))))
            }
            "GET" if asked.path == "/system/df" => {
                now(json_response(200, &json!({"LayersSize": self.store().layers()})))
            }
            "GET" => {
                if let Some(name) = asked.between("/images/", "/json") {
                    return now(self
                        .find(name)
                        .map_or_else(|| missing(name), |image| json_response(200, &image.inspected())));
                }
                if let Some(name) = asked.between("/images/", "/history") {
                    return now(self
                        .find(name)
                        .map_or_else(|| missing(name), |image| json_response(200, &image.history())));
                }
                if let Some(name) = asked.between("/distribution/", "/json") {
                    let pushed = self.find(name).and_then(|image| image.digests.first().cloned());
                    let digest =
                        pushed.and_then(|digest| digest.split_once('@').map(|(_, digest)| digest.to_owned()));
                    return now(digest.map_or_else(
                        || json_response(404, &json!({"message": "manifest unknown"})),
                        |digest| {
                            json_response(
                                200,
                                &json!({"Descriptor": {"digest": digest, "size": 1}, "Platforms": []}),
                            )
                        },
                    ));
                }
                let name = asked.between("/images/", "/get")?;
                now(self.find(name).map_or_else(
                    || missing(name),
                    |image| {
                        saved(&image, name).map_or_else(
                            |error| json_response(500, &json!({"message": error.to_string()})),
                            |archive| bytes(200, Bytes::from(archive)),
                        )
                    },
                ))
            }
            "POST" if asked.path == "/images/create" => Some(self.create(asked)),
            "POST" if asked.path == "/images/load" => Some(About::Load),
            "POST" => {
                if let Some(name) = asked.between("/images/", "/push") {
                    return Some(self.push(name, asked.text("tag")));
                }
                let name = asked.between("/images/", "/tag")?;
                let reference = familiar(&format!("{}:{}", asked.text("repo"), asked.text("tag")));
                let Some(image) = self.find(name) else { return now(missing(name)) };
                self.store().tag(&image.id, &reference);
                now(bytes(201, Bytes::new()))
            }
            "DELETE" => {
                let name = asked.path.strip_prefix("/images/")?;
                let Some(image) = self.find(name) else { return now(missing(name)) };
                let last = image.tags.len() <= 1 || image.id.ends_with(name);
                let used = self.used();
                let in_use = |pod_container: &PodContainer| {
                    pod_container.image == image.id || image.tags.contains(&pod_container.image)
                };
                if last && !asked.flag("force") && used.iter().any(in_use) {
                    let message = format!(
                        "conflict: unable to delete {name}: image is being used by running container"
                    );
                    return now(json_response(409, &json!({ "message": message })));
                }
                let removed = self.store().remove(name);
                now(removed
                    .map_or_else(|| missing(name), |removed| json_response(200, &Value::Array(removed))))
            }
            _ => None,
        }
    }

    fn listed(&self, filters: &str) -> Value {
        let filters: Value = serde_json::from_str(filters).unwrap_or_default();
        let labels: Vec<String> = filters["label"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|label| label.as_str().map(str::to_owned))
            .collect();
        let has = |image: &&Image| {
            labels.iter().all(|label| match label.split_once('=') {
                Some((name, value)) => image.labels.get(name).is_some_and(|is| is == value),
                None => image.labels.contains_key(label),
            })
        };
        Value::Array(self.store().images.values().filter(has).map(Image::summary).collect())
    }

    fn create(&self, asked: &Asked) -> About {
        if asked.text("fromSrc") == "-" {
            let print = digest(["an empty archive", &self.now().to_string()]);
            let image = Image {
                id: format!("sha256:{print}"),
                created: self.now(),
                platform: self.platform(),
                ..Image::default()
            };
            let id = image.id.clone();
            self.store().keep(image);
            return About::Now(Box::new(json_response(
                200,
                &Value::String(format!("{}\n", json!({ "status": id }))),
            )));
        }
        let mut reference = asked.text("fromImage").to_owned();
        if !asked.text("tag").is_empty() {
            reference = format!("{reference}:{}", asked.text("tag"));
        }
        let last = match self.pull(&reference) {
            Ok(image) => Ok(
                json!({"status": format!("Digest: {}", image.digests.first().map_or("", |digest| digest.rsplit('@').next().unwrap_or_default()))}),
            ),
            Err(_) => Err(format!("manifest for {reference} not found: manifest unknown")),
        };
        About::Moves { doing: "Downloading", reference, last }
    }

    fn push(&self, name: &str, tag: &str) -> About {
        let reference = format!("{name}:{tag}");
        let Some(image) = self.find(&reference) else {
            let last = Err(format!("An image does not exist locally with the tag: {name}"));
            return About::Moves { doing: "Pushing", reference, last };
        };
        let pushed = format!("sha256:{}", digest(["manifest", image.id.as_str()]));
        if let Some(image) = self.store().images.get_mut(&image.id) {
            image.digests.insert(format!("{name}@{pushed}"));
        }
        let last = Ok(json!({"progressDetail": {}, "aux": {"Tag": tag, "Digest": pushed, "Size": 1}}));
        About::Moves { doing: "Pushing", reference, last }
    }
}

/// Layers on their way, and how it ended.
fn moves(doing: &'static str, reference: &str, last: Result<Value, String>) -> Response<Body> {
    const TOTAL: u64 = 24_000_000;
    let layer = digest([reference])[..12].to_owned();
    let mut events: Vec<(u64, Value)> = Vec::new();
    match last {
        Ok(last) => {
            for part in 1..=4 {
                let detail = json!({"current": TOTAL / 4 * part, "total": TOTAL});
                events.push((450, json!({"status": doing, "id": layer, "progressDetail": detail})));
            }
            events.push((50, last));
        }
        Err(error) => events.push((300, json!({"errorDetail": {"message": error}, "error": error}))),
    }
    let lines = stream::unfold(events.into_iter(), |mut events| async move {
        let (pause, line) = events.next()?;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Some((Ok(Frame::data(Bytes::from(format!("{line}\r\n")))), events))
    });
    streamed(StreamBody::new(lines).boxed_unsync())
}

/// An image as `docker save` packs it, without contents of layers.
fn saved(image: &Image, name: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes)
    };
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
    for layer in &image.layers {
        add(&blob(&layer.digest), layer.digest.as_bytes())?;
    }
    let config = json!({
        "id": image.id, "created": image.created, "platform": image.platform, "labels": image.labels,
        "layers": image.layers.iter().map(|layer| json!([layer.digest, layer.size, layer.by])).collect::<Vec<_>>(),
    });
    add(&blob(&image.id), config.to_string().as_bytes())?;
    let layers: Vec<String> = image.layers.iter().map(|layer| blob(&layer.digest)).collect();
    let manifest = json!([{"Config": blob(&image.id), "RepoTags": [name], "Layers": layers}]);
    add("manifest.json", manifest.to_string().as_bytes())?;
    archive.into_inner()
}

/// Takes in what another engine of the rehearsal has saved.
fn load(engine: &Engine, archive: &[u8]) -> anyhow::Result<String> {
    let (mut manifest, mut blobs) = (Value::Null, std::collections::BTreeMap::new());
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        if path == "manifest.json" {
            manifest = serde_json::from_str(&text)?;
        } else {
            blobs.insert(path, text);
        }
    }
    let name = manifest[0]["RepoTags"][0].as_str().unwrap_or_default().to_owned();
    let config = manifest[0]["Config"].as_str().and_then(|path| blobs.get(path));
    let config: Value = serde_json::from_str(config.map_or("", String::as_str))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let layers = config["layers"].as_array().into_iter().flatten().map(|layer| Layer {
        digest: text(&layer[0]),
        size: layer[1].as_u64().unwrap_or(0),
        by: text(&layer[2]),
    });
    let image = Image {
        id: text(&config["id"]),
        tags: [name.clone()].into(),
        created: config["created"].as_i64().unwrap_or(0),
        layers: layers.collect(),
        labels: serde_json::from_value(config["labels"].clone())?,
        platform: text(&config["platform"]),
        ..Image::default()
    };
    engine.store().keep(image);
    Ok(name)
}
