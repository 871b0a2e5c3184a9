//! What a node's image store holds, and how a container of such an image behaves.
//!
//! The builder of the rehearsal's images implements [`Images`]; nothing here depends on their origin.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The image store of the nodes. All nodes share it.
pub trait Images: Send + Sync {
    /// The image of that reference, as a manifest writes it, if the node has it.
    fn find(&self, reference: &str) -> Option<ImageInfo>;

    /// Fetches it from its registry; from then on [`Images::find`] finds it.
    ///
    /// # Errors
    /// The error of the registry or of the connection to it.
    fn pull(&self, reference: &str) -> Result<ImageInfo, PullError>;
}

/// An image of the store.
#[derive(Debug, Clone, Default)]
pub struct ImageInfo {
    /// Its ID: `sha256:` and 64 digits.
    pub id: String,
    /// Bytes; a pull takes longer with it.
    pub size: u64,
    /// What a container of it does.
    pub app: App,
}

/// Why an image could not be pulled, in the words of the container runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullError(pub String);

impl PullError {
    /// The words for a reference that its registry does not have.
    #[must_use]
    pub fn not_found(reference: &str) -> PullError {
        let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let name = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
        PullError(format!(
            "Error response from daemon: failed to resolve reference \"docker.io/{name}:{tag}\": docker.io/{name}:{tag}: not found"
        ))
    }
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a container of an image behaves. The default runs for ever, listens on the ports that it declares and answers
/// every request with a small page.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// From the start of the container until it listens.
    pub starts_after: Duration,
    /// The ports that it listens on; `None`: those of its `containerPort`s.
    pub listens_on: Option<Vec<u16>>,
    /// The lines that it logs when it starts.
    pub says: Vec<String>,
    /// How it ends, if it does.
    pub exits: Option<Exit>,
    /// What it answers over HTTP.
    pub http: Page,
    /// Whether it is an Ingress controller, which answers with what others answer.
    pub routes: bool,
    /// The programs that the image has; `None`: any that a manifest names.
    pub programs: Option<BTreeSet<String>>,
    /// Whether its user is root, or has no number.
    pub root: bool,
}

/// How a program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// What it logs before.
    pub lines: Vec<String>,
    /// From its start to its end.
    pub after: Duration,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// The body, as HTML.
    pub body: String,
}

impl Default for Page {
    fn default() -> Page {
        Page { status: 200, body: "<!doctype html><title>Rehearsal</title><p>A rehearsal.\n".to_owned() }
    }
}
