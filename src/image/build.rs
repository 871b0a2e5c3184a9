//! One build by BuildKit: a session, `POST /build`, and the messages until the image's id.
//!
//! Not bollard's `build_image`: that one uploads a tar each time, and fails builds whose last message comes in two
//! pieces. Dropping the future that is returned here ends both connections, and with them the build.

use crate::docker::dial::Call;
use crate::docker::dial::Dialer;
use crate::event::OpenItem;
use crate::image::build_secrets::SecretStore;
use crate::image::credentials::Credentials;
use crate::image::filesync::DOCKERFILE;
use crate::image::filesync::Files;
use crate::image::filesync::Notes;
use crate::image::progress::Progress;
use crate::image::progress::Update;
use crate::image::session::Refused;
use crate::image::session::Served;
use crate::image::session::Session;
use anyhow::Context as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use dockerfile::context::Context;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use prost::Message;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// How long a registry may take to answer for an image's manifest. The engine itself waits without a limit
/// (`buildkit: util/resolver/resolver.go` sets no response timeout).
const REGISTRY: Duration = Duration::from_secs(120);

/// Everything that one build needs.
#[derive(Debug, Clone)]
pub struct BuildSpec {
    /// The tag that the image gets the moment it is complete.
    pub tag: String,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last if not given.
    pub target: Option<String>,
    /// `os/arch[/variant]`; the engine's own if not given.
    pub platform: Option<String>,
    /// The Dockerfile as the builder shall see it.
    pub dockerfile: Arc<Vec<u8>>,
    /// The context.
    pub context: Arc<Context>,
    /// Build secrets by id.
    pub secrets: SecretStore,
    /// Which copy of earlier files to compare with.
    pub shared_key: String,
}

/// The result of a build.
#[derive(Debug)]
pub struct BuildOutput {
    /// The image's id, `sha256:…`.
    pub id: String,
    /// Bytes of names and contents that went to the engine.
    pub sent: u64,
}

/// Why a build failed.
#[derive(Debug)]
pub enum BuildError {
    /// The engine has no BuildKit.
    NoBuildKit,
    /// The build failed.
    Failed(FailedBuild),
    /// The engine could not be reached, or broke off.
    Engine(anyhow::Error),
}

impl From<BuildError> for anyhow::Error {
    fn from(unmade: BuildError) -> anyhow::Error {
        match unmade {
            BuildError::Failed(broken) => anyhow::anyhow!(broken.message),
            BuildError::Engine(error) => error,
            BuildError::NoBuildKit => anyhow::anyhow!("the engine cannot do that"),
        }
    }
}

/// A build that failed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FailedBuild {
    /// The engine's message about it.
    pub message: String,
    /// The name of the step that failed, in the builder's words.
    pub step: Option<String>,
    /// The message of that step.
    pub error: String,
    /// Its last output.
    pub output: Vec<String>,
    /// A file that changed while it was sent, and how.
    pub changed: Option<String>,
    /// Secrets that the engine requested, whether it needed them or not, and that deploy.toml does not declare.
    pub undeclared: BTreeSet<String>,
}

/// Builds, reporting its progress through `item`, and each line that a step prints where `verbose` is set.
pub async fn build(
    dialer: &Dialer,
    spec: &BuildSpec,
    credentials: &Credentials,
    item: &OpenItem,
    verbose: bool,
) -> Result<BuildOutput, BuildError> {
    let notes = Arc::new(Notes::default());
    let files = Files {
        dockerfile: Arc::clone(&spec.dockerfile),
        context: Arc::clone(&spec.context),
        notes: Arc::clone(&notes),
    };
    let served = Served { files, secrets: spec.secrets.clone(), credentials: credentials.clone() };
    let session = match Session::open(dialer, &spec.shared_key, served).await {
        Ok(session) => session,
        Err(Refused::Unknown) => return Err(BuildError::NoBuildKit),
        Err(Refused::Failed(error)) => {
            return Err(BuildError::Engine(error.context("the engine opened no build session")));
        }
    };
    let mut query = query(spec);
    query.extend([("version", "2".to_owned()), ("remote", "client-session".to_owned())]);
    query.push(("session", session.id.clone()));

    let mut progress = Progress::default();
    let mut id = None;
    let mut message = None;
    let request = Request::post(path("/build", &query))
        .header("Host", dialer.host())
        .body(Empty::<Bytes>::new())
        .map_err(|error| BuildError::Engine(error.into()))?;
    let mut answer =
        BuildStream::from_response(dialer.send(request).await.map_err(BuildError::Engine)?).await?;
    loop {
        let next = match progress.awaits_manifest_of() {
            None => answer.next().await,
            Some(image) => match tokio::time::timeout(REGISTRY, answer.next()).await {
                Ok(next) => next,
                Err(_) => return Err(BuildError::Failed(silent(image))),
            },
        };
        let Some(line) = next.map_err(BuildError::Engine)? else { break };
        match line {
            Line { error_detail: Some(detail), .. } => message = Some(detail.message),
            Line { error: Some(error), .. } => message = Some(error),
            Line { id: Some(kind), aux: Some(aux), .. } if kind == "moby.buildkit.trace" => {
                let status = trace(&aux).map_err(BuildError::Engine)?;
                for updates in progress.apply(status) {
                    match updates {
                        Update::Doing(doing, amount) => item.progress(spec.secrets.redact(&doing), amount),
                        Update::Line(line) if verbose => item.log(spec.secrets.redact(&line)),
                        Update::Line(_) => {}
                    }
                }
            }
            Line { aux: Some(aux), .. } => {
                if let Some(image) = aux["ID"].as_str() {
                    id = Some(image.to_owned());
                }
            }
            Line { .. } => {}
        }
    }
    if let Some(message) = message {
        let mut broken = FailedBuild { message, ..FailedBuild::default() };
        if let Some(vertex) = progress.failed() {
            broken.step = Some(vertex.name.clone());
            broken.error = spec.secrets.redact(&vertex.error);
            broken.output = vertex.output.last(200).iter().map(|line| spec.secrets.redact(line)).collect();
        }
        broken.message = spec.secrets.redact(&broken.message);
        broken.changed = notes.changed();
        broken.undeclared = spec.secrets.missed();
        return Err(BuildError::Failed(broken));
    }
    let id = id.context("the engine ended the build without an image").map_err(BuildError::Engine)?;
    Ok(BuildOutput { id, sent: notes.sent() })
}

/// A build that waits for a registry which accepts the connection and sends nothing.
fn silent(image: &str) -> FailedBuild {
    let step = format!("[internal] load metadata for {image}");
    let error = format!("{image}: no answer from the registry for {} s: i/o timeout", REGISTRY.as_secs());
    FailedBuild { message: error.clone(), step: Some(step), error, ..FailedBuild::default() }
}

/// The parameters that both builders understand.
pub(crate) fn query(spec: &BuildSpec) -> Vec<(&'static str, String)> {
    let json = |map: &BTreeMap<String, String>| serde_json::to_string(map).unwrap_or_default();
    let mut query = vec![
        ("t", spec.tag.clone()),
        ("dockerfile", DOCKERFILE.to_owned()),
        ("labels", json(&spec.labels)),
        ("buildargs", json(&spec.args)),
        ("rm", "1".to_owned()),
        ("forcerm", "1".to_owned()),
    ];
    query.extend(spec.target.clone().map(|target| ("target", target)));
    query.extend(spec.platform.clone().map(|platform| ("platform", platform)));
    query
}

/// A path with an escaped query.
pub(crate) fn path(path: &str, query: &[(&str, String)]) -> String {
    let mut text = path.to_owned();
    for (number, (name, value)) in query.iter().enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

fn trace(aux: &serde_json::Value) -> anyhow::Result<StatusResponse> {
    let bytes = STANDARD.decode(aux.as_str().unwrap_or_default()).context("a build message is not base64")?;
    StatusResponse::decode(&bytes[..]).context("a build message cannot be read")
}

/// One message of a build.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) id: Option<String>,
    pub(crate) aux: Option<serde_json::Value>,
    pub(crate) stream: Option<String>,
    pub(crate) status: Option<String>,
    #[serde(rename = "progressDetail")]
    pub(crate) detail: Option<Detail>,
    pub(crate) error: Option<String>,
    #[serde(rename = "errorDetail")]
    pub(crate) error_detail: Option<ErrorDetail>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorDetail {
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Detail {
    pub(crate) current: u64,
    pub(crate) total: u64,
}

/// The messages of a build: JSON, one a line.
#[derive(Debug)]
pub(crate) struct BuildStream {
    body: Incoming,
    read: Vec<u8>,
    ended: bool,
    _call: Call,
}

impl BuildStream {
    /// The messages of a response; one with a status other than 200 is a failure with the engine's message.
    pub(crate) async fn from_response(
        (answer, call): (Response<Incoming>, Call),
    ) -> Result<BuildStream, BuildError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(BuildStream { body: answer.into_body(), read: Vec::new(), ended: false, _call: call });
        }
        let body =
            answer.into_body().collect().await.map_err(|error| BuildError::Engine(error.into()))?.to_bytes();
        let message = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|body| body["message"].as_str().map(str::to_owned))
            .unwrap_or_else(|| format!("{status}: {}", String::from_utf8_lossy(&body).trim()));
        Err(BuildError::Failed(FailedBuild { message, ..FailedBuild::default() }))
    }

    /// The next message of the engine; its failure is returned as the error.
    pub(crate) async fn next_good(&mut self) -> anyhow::Result<Option<Line>> {
        let line = self.next().await?;
        if let Some(
            Line { error_detail: Some(ErrorDetail { message }), .. } | Line { error: Some(message), .. },
        ) = &line
        {
            anyhow::bail!("{message}");
        }
        Ok(line)
    }

    /// The next message, or `None` when the build is done.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Line>> {
        loop {
            let end = self.read.iter().position(|byte| *byte == b'\n');
            let end = end.or_else(|| self.ended.then_some(self.read.len().saturating_sub(1)));
            if let Some(end) = end {
                let line: Vec<u8> = self.read.drain(..(end + 1).min(self.read.len())).collect();
                if !line.trim_ascii().is_empty() {
                    return serde_json::from_slice(&line).map(Some).with_context(|| {
                        format!("the engine sent `{}`", String::from_utf8_lossy(line.trim_ascii()))
                    });
                }
                if self.ended && self.read.is_empty() {
                    return Ok(None);
                }
                continue;
            }
            match self.body.frame().await {
                Some(frame) => {
                    let frame = frame.context("the connection to the engine was lost")?;
                    self.read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                }
                None => self.ended = true,
            }
        }
    }
}
