//! What an engine answers about containers and volumes.

use crate::engine::Engine;
use crate::engine::front::Asked;
use crate::engine::front::Body;
use crate::engine::front::bytes;
use crate::engine::front::json_response;
use crate::engine::pods::PodContainer;
use crate::engine::store::Container;
use crate::engine::store::digest;
use http::HeaderValue;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::body::Incoming;
use serde_json::Value;
use serde_json::json;
use std::io;

impl Engine {
    pub(super) async fn about_containers(
        &self,
        asked: &Asked,
        body: Incoming,
    ) -> io::Result<Option<Response<Body>>> {
        let missing =
            |name: &str| Some(json_response(404, &json!({"message": format!("No such container: {name}")})));
        let answer = match asked.method.as_str() {
            "GET" if asked.path == "/containers/json" => {
                Some(json_response(200, &self.running(asked.text("filters"), asked.flag("all"))))
            }
            "POST" if asked.path == "/containers/create" => {
                body.collect().await.map_err(io::Error::other)?;
                let id = digest([
                    "container",
                    &self.now().to_string(),
                    &self.store().containers.len().to_string(),
                ]);
                let inspected = json!({"Id": id, "State": {"Status": "created"}, "Config": {"Labels": {}}});
                self.contain(&id, Container { inspected, ..Container::default() });
                Some(json_response(201, &json!({"Id": id, "Warnings": []})))
            }
            "GET" | "HEAD" if asked.path.ends_with("/archive") => {
                let Some(name) = asked.between("/containers/", "/archive") else { return Ok(None) };
                let store = self.store();
                match store.containers.get(name) {
                    Some(container) if !container.lost.contains(asked.text("path")) => {
                        let mut found = bytes(200, Bytes::new());
                        // {} as bollard decodes it: the name and the metadata of a file.
                        let stat = "eyJuYW1lIjoieCIsInNpemUiOjEsIm1vZGUiOjQyMCwibXRpbWUiOiIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsImxpbmtUYXJnZXQiOiIifQ==";
                        found
                            .headers_mut()
                            .insert("x-docker-container-path-stat", HeaderValue::from_static(stat));
                        Some(found)
                    }
                    _ => missing(name),
                }
            }
            "PUT" => {
                let Some(name) = asked.between("/containers/", "/archive") else { return Ok(None) };
                body.collect().await.map_err(io::Error::other)?;
                match self.store().containers.get_mut(name) {
                    Some(container) => {
                        container.written.insert(asked.text("path").to_owned());
                        Some(bytes(200, Bytes::new()))
                    }
                    None => missing(name),
                }
            }
            "GET" => {
                if let Some(name) = asked.path.strip_prefix("/volumes/") {
                    let there = self.store().volumes.contains(name);
                    return Ok(Some(if there {
                        json_response(
                            200,
                            &json!({"Name": name, "Driver": "local", "Mountpoint": "", "Labels": {}, "Scope": "local", "Options": null}),
                        )
                    } else {
                        json_response(404, &json!({"message": format!("get {name}: no such volume")}))
                    }));
                }
                if let Some(name) = asked.between("/containers/", "/top") {
                    return Ok(match self.store().containers.get(name) {
                        Some(container) => {
                            let processes: Vec<_> =
                                container.processes.iter().map(|line| ["1", line]).collect();
                            Some(json_response(
                                200,
                                &json!({"Titles": ["PID", "CMD"], "Processes": processes}),
                            ))
                        }
                        None => missing(name),
                    });
                }
                let Some(name) = asked.between("/containers/", "/json") else { return Ok(None) };
                match self.store().containers.get(name) {
                    Some(container) => Some(json_response(200, &container.inspected)),
                    None => missing(name),
                }
            }
            "POST" => {
                let Some(name) = asked.between("/containers/", "/unpause") else { return Ok(None) };
                match self.store().containers.get_mut(name) {
                    Some(container) if container.inspected["State"]["Status"] == "paused" => {
                        container.inspected["State"]["Status"] = json!("running");
                        Some(bytes(204, Bytes::new()))
                    }
                    Some(_) => Some(json_response(
                        500,
                        &json!({"message": format!("Container {name} is not paused")}),
                    )),
                    None => missing(name),
                }
            }
            "DELETE" => {
                let Some(name) = asked.path.strip_prefix("/containers/") else { return Ok(None) };
                match self.store().containers.remove(name) {
                    Some(_) => Some(bytes(204, Bytes::new())),
                    None => missing(name),
                }
            }
            _ => None,
        };
        Ok(answer)
    }

    fn running(&self, filters: &str, all: bool) -> Value {
        let filters: Value = serde_json::from_str(filters).unwrap_or_default();
        // Containers of Kubernetes are never paused here; only the query for paused ones filters by name.
        if !filters["name"].is_null() {
            return json!([]);
        }
        let labels: Vec<&str> =
            filters["label"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let store = self.store();
        let nodes = store.containers.iter().filter(|(_, container)| {
            let runs = all || container.inspected["State"]["Status"] == "running";
            let of = &container.inspected["Config"]["Labels"];
            runs && labels
                .iter()
                .all(|label| label.split_once('=').is_some_and(|(name, value)| of[name] == value))
        });
        let mut listed: Vec<Value> = nodes
            .map(|(name, container)| {
                json!({"Id": container.inspected["Id"], "Names": [format!("/{name}")], "State": container.inspected["State"]["Status"]})
            })
            .collect();
        drop(store);
        if labels.is_empty() {
            let pods = self.used().into_iter();
            listed.extend(pods.map(|PodContainer { image, .. }| {
                let id = self.find(&image).map_or_else(|| image.clone(), |image| image.id);
                json!({"Id": digest([image.as_str()]), "Image": image, "ImageID": id, "State": "running"})
            }));
        }
        Value::Array(listed)
    }
}
