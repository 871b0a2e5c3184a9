//! What an engine answers about the containers of pods: what they run, and the files that are copied into them.

use crate::engine::Engine;
use crate::engine::front::Asked;
use crate::engine::front::Body;
use crate::engine::front::bytes;
use crate::engine::front::json_response;
use crate::engine::store::Files;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::body::Incoming;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Read;

/// A container of a pod.
#[derive(Debug, Clone)]
pub(crate) struct PodContainer {
    /// The reference of its image, as the pod has it.
    pub(crate) image: String,
    /// Its ID, if it runs.
    pub(crate) id: Option<String>,
    /// As the pod has it.
    pub(crate) spec: Value,
}

impl Engine {
    /// The answer to a call that is about a running container of a pod.
    pub(super) async fn about_pods(
        &self,
        asked: &Asked,
        body: Incoming,
    ) -> io::Result<Result<Response<Body>, Incoming>> {
        if let Some(answer) = about_exec(asked) {
            return Ok(Ok(answer));
        }
        let parts = asked.path.strip_prefix("/containers/").and_then(|rest| rest.split_once('/'));
        let found = parts.and_then(|(id, what)| {
            let is_it = |pod_container: &PodContainer| pod_container.id.as_deref() == Some(id);
            Some((self.used().into_iter().find(is_it)?, id, what))
        });
        let Some((container, id, what)) = found else { return Ok(Err(body)) };
        let answer = match (asked.method.as_str(), what) {
            ("GET", "json") => json_response(200, &inspected(id, &container.spec)),
            ("GET" | "HEAD", "archive") => self.looked_at(id, asked.text("path")),
            ("PUT", "archive") => {
                let archive = body.collect().await.map_err(io::Error::other)?.to_bytes();
                let files = unpacked(asked.text("path"), &archive)?;
                self.store().copied.entry(id.to_owned()).or_default().extend(files);
                bytes(200, Bytes::new())
            }
            ("POST", "exec") => {
                let command: Value =
                    serde_json::from_slice(&body.collect().await.map_err(io::Error::other)?.to_bytes())?;
                self.removed(id, &command["Cmd"]);
                json_response(201, &json!({ "Id": id }))
            }
            ("POST", "kill") => bytes(204, Bytes::new()),
            ("GET", "top") => {
                json_response(200, &json!({"Titles": ["PID", "CMD"], "Processes": [["1", "x"]]}))
            }
            _ => return Ok(Err(body)),
        };
        Ok(Ok(answer))
    }

    /// The file at a path of a container: only copied files are known.
    fn looked_at(&self, id: &str, path: &str) -> Response<Body> {
        let store = self.store();
        let files = store.copied.get(id);
        let is_file = files.is_some_and(|files| files.contains_key(path));
        let is_directory =
            files.is_some_and(|files| files.keys().any(|file| file.starts_with(&format!("{path}/"))));
        if !is_file && !is_directory {
            return json_response(
                404,
                &json!({"message": format!("Could not find the file {path} in container {id}")}),
            );
        }
        let mode: u64 = if is_directory { 1 << 31 | 0o755 } else { 0o644 };
        let stat =
            json!({"name": "x", "size": 1, "mode": mode, "mtime": "2026-01-01T00:00:00Z", "linkTarget": ""});
        let mut found = bytes(200, Bytes::new());
        if let Ok(stat) = HeaderValue::from_str(&STANDARD.encode(stat.to_string())) {
            found.headers_mut().insert("x-docker-container-path-stat", stat);
        }
        found
    }

    /// Obeys `rm`, and no other program.
    fn removed(&self, id: &str, command: &Value) {
        let words: Vec<&str> = command.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let (["rm", "-rf", "--", paths @ ..], Some(files)) = (&words[..], self.store().copied.get_mut(id))
        {
            files.retain(|file, _| !paths.contains(&file.as_str()));
        }
    }

    /// The files that were copied into a container and are still there.
    pub(crate) fn copied(&self, id: &str) -> Files {
        self.store().copied.get(id).cloned().unwrap_or_default()
    }
}

/// A command ends as soon as it is started.
fn about_exec(asked: &Asked) -> Option<Response<Body>> {
    match (asked.method.as_str(), asked.path.strip_prefix("/exec/")?.split_once('/')?.1) {
        ("POST", "start") => Some(bytes(200, Bytes::new())),
        ("GET", "json") => Some(json_response(200, &json!({"Running": false, "ExitCode": 0}))),
        _ => None,
    }
}

fn inspected(id: &str, spec: &Value) -> Value {
    let mounts = spec["volumeMounts"].as_array().into_iter().flatten();
    let mounts: Vec<Value> = mounts.map(|mount| json!({"Destination": mount["mountPath"]})).collect();
    json!({
        "Id": id, "State": {"Status": "running"}, "Mounts": mounts,
        "Config": {"Entrypoint": spec["command"], "Cmd": spec["args"], "WorkingDir": "/", "Env": [], "Labels": {}},
        "HostConfig": {"ReadonlyRootfs": spec["securityContext"]["readOnlyRootFilesystem"] == true},
    })
}

/// The files of an archive that is unpacked in a directory.
fn unpacked(directory: &str, archive: &[u8]) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = format!("{}/{}", directory.trim_end_matches('/'), entry.path()?.display());
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(path, content);
        }
    }
    Ok(files)
}
