//! A build that builds nothing: it requests and reports what a real one would, and makes an
//! image whose id follows from the Dockerfile and the files that it copies.
//!
//! Whether a `RUN` would succeed is not known here, and how large its layer would be neither.

use crate::engine::Engine;
use crate::engine::session::Asking;
use crate::engine::store::Image;
use crate::engine::store::Kept;
use crate::engine::store::Layer;
use crate::engine::store::digest;
use crate::engine::store::number;
use crate::injector::Effect;
use crate::scenario::Does;
use crate::scenario::Party;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use bollard_buildkit_proto::moby::buildkit::v1::Vertex;
use bollard_buildkit_proto::moby::buildkit::v1::VertexLog;
use bollard_buildkit_proto::moby::buildkit::v1::VertexStatus;
use dockerfile::Ask;
use dockerfile::Dockerfile;
use dockerfile::Instruction;
use dockerfile::reference;
use hyper::body::Bytes;
use prost::Message;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// The request of a build.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) tags: Vec<String>,
    pub(crate) target: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// The key that the session shares with the one before.
    pub(crate) shared: String,
}

/// A build under way.
pub(crate) struct Build {
    pub(crate) engine: Engine,
    pub(crate) order: Order,
    pub(crate) session: Asking,
    pub(crate) lines: mpsc::Sender<Bytes>,
}

/// Where a stage has got to.
#[derive(Debug, Clone, Default)]
struct Chain {
    /// Digest of everything that determines the contents.
    digest: String,
    layers: Vec<Layer>,
}

impl Build {
    /// Builds, and sends the result as its last message.
    pub(crate) async fn run(self) {
        let ended = match self.build().await {
            Ok(image) => {
                let id = image.id.clone();
                if self.engine.built(image) {
                    // Done, and the requesting run gets no answer.
                    return;
                }
                json!({"id": "moby.image.id", "aux": {"ID": id}})
            }
            Err(error) => {
                let message = format!("failed to solve: {error:#}");
                json!({"errorDetail": {"message": message}, "error": message})
            }
        };
        self.send_line(&ended).await;
    }

    async fn build(&self) -> anyhow::Result<Image> {
        let definition = "[internal] load build definition from Dockerfile";
        self.began(definition).await;
        let kept = self.engine.kept(&self.order.shared, "dockerfile");
        let sent = self.session.folder("dockerfile", &[], &BTreeMap::new()).await?;
        drop(kept);
        let text = sent.contents.get("Dockerfile").cloned().unwrap_or_default();
        self.ended(definition, false, "").await;
        let platform = self.order.platform.clone().unwrap_or_else(|| self.engine.platform());
        let ask = Ask { target: self.order.target.as_deref(), args: &self.order.args, platform: &platform };
        let dockerfile = Dockerfile::parse(PathBuf::from("Dockerfile"), text, ask).map_err(|wrong| {
            let first = wrong.first().map(|wrong| format!("line {}: {}", wrong.line, wrong.message));
            anyhow::anyhow!("dockerfile parse error on {}", first.unwrap_or_default())
        })?;
        for base in &dockerfile.bases {
            self.resolve(&base.reference).await?;
        }
        let files = self.context(&dockerfile).await?;
        let mut chains: BTreeMap<usize, Chain> = BTreeMap::new();
        for stage in (0..dockerfile.stages.len()).filter(|stage| dockerfile.stages[*stage].needed) {
            let chain = self.stage(&dockerfile, stage, &chains, &files).await?;
            chains.insert(stage, chain);
        }
        let chain = chains.remove(&dockerfile.target).unwrap_or_default();
        let exporting = "exporting to image";
        self.began(exporting).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.ended(exporting, false, "").await;
        let labels = self.order.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let parts = [chain.digest, platform.clone()].into_iter().chain(labels);
        Ok(Image {
            id: format!("sha256:{}", digest(parts)),
            tags: self.order.tags.iter().cloned().collect(),
            created: self.engine.now(),
            layers: chain.layers,
            labels: self.order.labels.clone(),
            platform,
            ..Image::default()
        })
    }

    /// Resolves a base image in the registry, or locally if it exists there.
    async fn resolve(&self, reference: &str) -> anyhow::Result<()> {
        let name = format!("[internal] load metadata for {reference}");
        self.began(&name).await;
        if self.engine.find(reference).is_none() {
            self.session.login(reference::registry(reference)).await?;
            tokio::time::sleep(Duration::from_millis(700)).await;
            if let Err(why) = self.engine.pull(reference) {
                let error = format!("{reference}: failed to resolve source metadata: {why}");
                self.ended(&name, false, &error).await;
                anyhow::bail!(error);
            }
        }
        self.ended(&name, false, "").await;
        Ok(())
    }

    async fn context(&self, dockerfile: &Dockerfile) -> anyhow::Result<BTreeMap<String, Kept>> {
        let sources = dockerfile.copies.iter().flat_map(|copy| &copy.sources);
        let follow: Vec<String> =
            sources.map(|source| source.clone().unwrap_or_else(|| ".".to_owned())).collect();
        if follow.is_empty() {
            return Ok(BTreeMap::new());
        }
        let name = "[internal] load build context";
        self.began(name).await;
        let kept = self.engine.kept(&self.order.shared, "context");
        let fetched = self.session.folder("context", &follow, &kept).await?;
        let bytes: usize = fetched.contents.values().map(Vec::len).sum();
        self.moved(name, "transferring context:", bytes as u64, bytes as u64).await;
        self.engine.keep(&self.order.shared, "context", fetched.files.clone());
        self.ended(name, false, "").await;
        Ok(fetched.files)
    }

    async fn stage(
        &self,
        dockerfile: &Dockerfile,
        number: usize,
        chains: &BTreeMap<usize, Chain>,
        files: &BTreeMap<String, Kept>,
    ) -> anyhow::Result<Chain> {
        let stage = &dockerfile.stages[number];
        let from_image = stage.parent.is_none() && stage.base != "scratch";
        let steps: Vec<&Instruction> = dockerfile.instructions[stage.body.clone()]
            .iter()
            .filter(|instruction| is_step(instruction))
            .collect();
        let total = steps.len() + usize::from(from_image);
        let several = dockerfile.stages.iter().filter(|stage| stage.needed).count() > 1;
        let called = match &stage.name {
            _ if !several => String::new(),
            Some(name) => format!("{name} "),
            None => format!("stage-{number} "),
        };
        let mut chain = match stage.parent {
            Some(parent) => chains.get(&parent).cloned().unwrap_or_default(),
            None if from_image => {
                self.from(&format!("[{called}1/{total}] FROM {}", stage.base), &stage.base).await?
            }
            None => Chain { digest: "scratch".to_owned(), layers: Vec::new() },
        };
        let mut index = usize::from(from_image);
        for instruction in &dockerfile.instructions[stage.body.clone()] {
            let text = shown(instruction);
            if is_step(instruction) {
                index += 1;
                let name = format!("[{called}{index}/{total}] {text}");
                let brought = brought(dockerfile, instruction, chains, files);
                chain = self.step(&name, dockerfile, instruction, chain, brought).await?;
            } else {
                let args: Vec<String> =
                    self.order.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
                chain.digest = digest([chain.digest, text, args.join("\n")]);
            }
        }
        Ok(chain)
    }

    async fn from(&self, name: &str, base: &str) -> anyhow::Result<Chain> {
        self.began(name).await;
        let found = self.engine.find(base);
        let image = found.ok_or_else(|| anyhow::anyhow!("{base}: not found"))?;
        self.ended(name, true, "").await;
        Ok(Chain { digest: image.id.clone(), layers: image.layers })
    }

    /// Runs one instruction and returns the new stage. `brought` is its input from the context and from
    /// other stages: its digest and its bytes.
    async fn step(
        &self,
        name: &str,
        dockerfile: &Dockerfile,
        instruction: &Instruction,
        before: Chain,
        (brought, bytes): (String, u64),
    ) -> anyhow::Result<Chain> {
        let text = shown(instruction);
        let after = digest([&before.digest, &text, &brought]);
        let layer = |size| Layer {
            digest: format!("sha256:{}", digest(["layer", after.as_str()])),
            size,
            by: match instruction.keyword.as_str() {
                "RUN" => format!("RUN /bin/sh -c {} # buildkit", instruction.rest),
                _ => format!("{text} # buildkit"),
            },
        };
        self.began(name).await;
        if self.engine.has_step(&after) {
            self.ended(name, true, "").await;
        } else {
            match self.engine.injector().call(Party::Engine, &format!("STEP {text}"), false) {
                Effect::Well | Effect::Die => {}
                Effect::Badly(Does::Slow(time)) => tokio::time::sleep(time).await,
                Effect::Badly(Does::Hang) => std::future::pending().await,
                Effect::Badly(does) => {
                    let (code, message) = match does {
                        Does::Fail { code, message } => (code % 256, message),
                        _ => (1, "it fails on purpose".to_owned()),
                    };
                    self.printed(name, &format!("{message}\n")).await;
                    let error = format!(
                        "process \"/bin/sh -c {}\" did not complete successfully: exit code: {code}",
                        instruction.rest
                    );
                    self.ended(name, false, &error).await;
                    anyhow::bail!(error);
                }
            }
            if instruction.keyword == "RUN" {
                self.secrets(dockerfile, instruction).await?;
                let time = Duration::from_millis(900 + number(&after, 4_000));
                tokio::time::sleep(time / 2).await;
                self.printed(name, "(rehearsed: nothing is run)\n").await;
                tokio::time::sleep(time / 2).await;
            } else {
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
            self.engine.did_step(&after);
            self.ended(name, false, "").await;
        }
        let size = match instruction.keyword.as_str() {
            "RUN" => 100_000 + number(&after, 900_000),
            "WORKDIR" => 0,
            _ => bytes,
        };
        let layers = before.layers.into_iter().chain([layer(size)]).collect();
        Ok(Chain { digest: after, layers })
    }

    async fn secrets(&self, dockerfile: &Dockerfile, run: &Instruction) -> anyhow::Result<()> {
        for mount in dockerfile.secrets.iter().filter(|mount| mount.line == run.first) {
            if self.session.secret(&mount.id).await?.is_none() && mount.required {
                anyhow::bail!("secret {}: not found", mount.id);
            }
        }
        Ok(())
    }

    async fn began(&self, name: &str) {
        self.send_vertex(vertex(name, self.stamp(), None)).await;
    }

    async fn ended(&self, name: &str, cached: bool, error: &str) {
        let now = self.stamp();
        let vertex = Vertex { cached, error: error.to_owned(), ..vertex(name, now, Some(now)) };
        self.send_vertex(vertex).await;
    }

    async fn send_vertex(&self, vertex: Vertex) {
        self.trace(StatusResponse { vertexes: vec![vertex], ..StatusResponse::default() }).await;
    }

    async fn printed(&self, name: &str, text: &str) {
        let log = VertexLog {
            vertex: format!("sha256:{}", digest([name])),
            timestamp: Some(self.stamp()),
            stream: 1,
            msg: text.as_bytes().to_vec(),
        };
        self.trace(StatusResponse { logs: vec![log], ..StatusResponse::default() }).await;
    }

    async fn moved(&self, name: &str, what: &str, current: u64, total: u64) {
        let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        let status = VertexStatus {
            id: what.to_owned(),
            vertex: format!("sha256:{}", digest([name])),
            current: signed(current),
            total: signed(total),
            ..VertexStatus::default()
        };
        self.trace(StatusResponse { statuses: vec![status], ..StatusResponse::default() }).await;
    }

    async fn trace(&self, status: StatusResponse) {
        self.send_line(&json!({"id": "moby.buildkit.trace", "aux": STANDARD.encode(status.encode_to_vec())}))
            .await;
    }

    async fn send_line(&self, line: &Value) {
        let _ = self.lines.send(Bytes::from(format!("{line}\r\n"))).await;
    }

    fn stamp(&self) -> Timestamp {
        Timestamp { seconds: self.engine.now(), nanos: 0 }
    }
}

fn vertex(name: &str, started: Timestamp, completed: Option<Timestamp>) -> Vertex {
    Vertex {
        digest: format!("sha256:{}", digest([name])),
        name: name.to_owned(),
        started: Some(started),
        completed,
        ..Vertex::default()
    }
}

/// What BuildKit counts as a step.
fn is_step(instruction: &Instruction) -> bool {
    matches!(instruction.keyword.as_str(), "ADD" | "COPY" | "RUN" | "WORKDIR")
}

/// An instruction as BuildKit names it.
fn shown(instruction: &Instruction) -> String {
    let flags = instruction.flags.join(" ");
    let words = [instruction.keyword.as_str(), &flags, &instruction.rest];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The digest and the bytes of what a `COPY` or `ADD` brings: of the context, or of another stage.
fn brought(
    dockerfile: &Dockerfile,
    instruction: &Instruction,
    chains: &BTreeMap<usize, Chain>,
    files: &BTreeMap<String, Kept>,
) -> (String, u64) {
    if !matches!(instruction.keyword.as_str(), "ADD" | "COPY") {
        return (String::new(), 0);
    }
    if let Some(from) = instruction.flags.iter().find_map(|flag| flag.strip_prefix("--from=")) {
        let by_name =
            dockerfile.stages.iter().rposition(|stage| stage.name.as_deref() == Some(&from.to_lowercase()));
        let stage = by_name.or_else(|| from.parse().ok());
        let chain = stage.and_then(|stage| chains.get(&stage));
        let grown = |chain: &Chain| chain.layers.iter().skip(2).map(|layer| layer.size).sum();
        return (chain.map_or_else(|| from.to_owned(), |chain| chain.digest.clone()), chain.map_or(0, grown));
    }
    let sources = dockerfile.copies.iter().filter(|copy| copy.line == instruction.first);
    let roots: Vec<String> = sources
        .flat_map(|copy| &copy.sources)
        .map(|source| {
            let source = source.as_deref().unwrap_or(".");
            let literal = source.split('/').take_while(|part| !part.contains(['*', '?', '[', '\\']));
            literal.filter(|part| *part != ".").collect::<Vec<_>>().join("/")
        })
        .collect();
    let desired = |path: &str| {
        roots.iter().any(|root| {
            root.is_empty()
                || path
                    .strip_prefix(root.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let brought: Vec<(&String, &Kept)> = files.iter().filter(|(path, _)| desired(path)).collect();
    let bytes = brought.iter().map(|(_, kept)| u64::try_from(kept.size).unwrap_or(0)).sum();
    let parts = brought.iter().flat_map(|(path, kept)| {
        [(*path).clone(), format!("{:o}", kept.mode), kept.link.clone(), kept.digest.clone()]
    });
    (digest(parts), bytes)
}
