//! The statements of a tree about its deployment, each with its place and the weight of its kind of file.
//!
//! Readers report here, one for each format, and decide nothing: `method`, `naming`, `place` and `data` do. The statements of each
//! list stand in the order in which they count: what declares a deployment, then scripts, then documentation, then tests.

use super::variant::distance;
use crate::event::Place;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The kind of file of a statement. The smaller one has more weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Rank {
    /// It declares a whole deployment: skaffold.yaml, Tiltfile, devspace.yaml, garden.yml.
    Declared,
    /// A script deploys with it.
    #[default]
    Script,
    /// Documentation.
    Docs,
    /// Tests, examples, continuous integration: only how images are built counts.
    Aside,
}

/// The source of a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provenance {
    /// What kind of file.
    pub rank: Rank,
    /// How much its target differs from this machine ([`super::variant::distance`]).
    pub distance: usize,
    /// Where.
    pub place: Place,
    /// The file that people start: the script that calls the one in which it stands, else that one itself.
    pub entry: PathBuf,
}

impl Provenance {
    /// A statement in a file that users run.
    #[must_use]
    pub fn at(place: Place, rank: Rank, distance: usize) -> Provenance {
        Provenance { rank, distance, entry: place.file.clone(), place }
    }

    /// The rank of a statement: one for another machine ranks one kind of file lower.
    #[must_use]
    pub fn standing(&self) -> (Rank, usize) {
        let far = self.distance > distance("");
        let rank = if far && self.rank == Rank::Script { Rank::Docs } else { self.rank };
        (rank, self.distance)
    }
}

/// An image is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEvidence {
    /// The repositories it is tagged with.
    pub names: Vec<String>,
    /// The Dockerfile, which may not be there.
    pub dockerfile: String,
    /// The context, which may not be there.
    pub context: String,
    /// The stage.
    pub target: Option<String>,
    /// The arguments with values.
    pub args: BTreeMap<String, String>,
    /// Whether it cannot work: its context is not there, or lacks what the Dockerfile copies.
    pub fails: bool,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// A chart of the tree is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The release's name.
    pub name: String,
    /// The chart's directory.
    pub chart: String,
    /// The values files, those that are there.
    pub values: Vec<String>,
    /// The values files that are not there, or that a variable names.
    pub absent: Vec<String>,
    /// Single values that guard nothing.
    pub set: BTreeMap<String, String>,
    /// Values that guard something or come from a variable: the path, and the variable's name where there is one.
    pub secret: BTreeMap<String, Option<String>>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The source of the statement.
    pub provenance: Provenance,
}

impl Release {
    /// The values files that are not there, each with a sentence about it.
    #[must_use]
    pub fn absent_told(&self) -> Vec<(&str, String)> {
        let at = &self.provenance.place;
        let message = self.absent.iter().map(|file| {
            let message = if file.contains('$') {
                format!("{at} also passes a values file that a variable names (`{file}`)")
            } else {
                format!("{at} also passes `{file}`, which is not there")
            };
            (file.as_str(), message)
        });
        message.collect()
    }
}

/// Manifests of the tree are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The file or directory.
    pub path: String,
    /// Whether it is a kustomization.
    pub kustomize: bool,
    /// Whether the directories below count, too.
    pub recursive: bool,
    /// The namespace.
    pub namespace: Option<String>,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// A Secret or ConfigMap is made by a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedByCommand {
    /// Whether it is a Secret.
    pub secret: bool,
    /// Its name.
    pub name: String,
    /// Its keys; the values are those of a ConfigMap that guard nothing.
    pub keys: BTreeMap<String, Option<String>>,
    /// The keys whose values are files.
    pub files: BTreeMap<String, String>,
    /// The file of `--from-env-file`.
    pub env_file: Option<String>,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// `docker compose up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The files of `-f`, in their order; none where compose looks for its files itself.
    pub files: Vec<String>,
    /// What else decides how they are read.
    pub options: ComposeOptions,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// The options of `docker compose` that decide what its files mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComposeOptions {
    /// `--project-directory`: the directory at which relative paths begin.
    pub folder: Option<String>,
    /// `--env-file`: the files in place of `.env`, the last one ranks first.
    pub env_files: Vec<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
}

/// `docker compose run` or `exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The service.
    pub service: String,
    /// The known part of the command.
    pub command: String,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// What to do about a thing of others that is installed.
pub const INSTALL: &str = "`todo up` does not: install it once, before `todo up`";

/// The kind of an additional step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Something of others is installed: a chart, a manifest of the web, an operator.
    Install,
    /// A file is made of its example, and has what only a person knows.
    Copy,
    /// Objects are changed by hand, which concerns only those who deploy with this file.
    Change,
    /// Something is not there, or cannot be known without running it.
    Lack,
}

/// An additional step that `todo up` does not perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Besides {
    /// What, after the place: `installs the chart `bitnami/redis``.
    pub what: String,
    /// What to do about it.
    pub help: String,
    /// What sort of thing it is.
    pub sort: Sort,
    /// Other names of what is installed (the release, its chart, a URL), or the created file.
    pub names: Vec<String>,
    /// The source of the statement.
    pub provenance: Provenance,
}

/// All statements of a tree.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Builds of images.
    pub builds: Vec<BuildEvidence>,
    /// Installations of charts.
    pub releases: Vec<Release>,
    /// Applications of manifests.
    pub applied: Vec<Applied>,
    /// Compose projects that are started.
    pub composed: Vec<Composed>,
    /// Commands that are run in services of a compose project.
    pub ran: Vec<Ran>,
    /// Namespaces that are made, with where.
    pub namespaces: Vec<(String, Provenance)>,
    /// The namespaces into which things are installed that are not of this tree.
    pub foreign: std::collections::BTreeSet<String>,
    /// Secrets and ConfigMaps that are made.
    pub made: Vec<CreatedByCommand>,
    /// Services that `minikube service` opens.
    pub opened: Vec<(String, Place)>,
    /// Ports of localhost that are mentioned or forwarded, with the Service where one is named.
    pub local: Vec<(Option<String>, u16, Place)>,
    /// The flags of `minikube start`, each as `--name=value`.
    pub start: Option<(Vec<String>, Place)>,
    /// Addons that are enabled.
    pub addons: Vec<(String, Provenance)>,
    /// Additional steps.
    pub besides: Vec<Besides>,
}

impl Evidence {
    /// The installation of a chart that counts: tests do not.
    #[must_use]
    pub fn release(&self, chart: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.chart == chart && release.provenance.rank < Rank::Aside)
    }
}
