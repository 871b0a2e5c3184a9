//! The runs on a machine: some undisturbed runs, and one more that is tried with everything that can go
//! wrong.

use super::harness::Harness;
use super::project;
use super::project::RandomProject;
use super::random::Rng;
use super::report::Report;
use serde_json::Value;
use simulator::scenario::Party;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use todo::project::Project;
use todo::project::check::load;

/// Longer than a run with one fault may take: an engine that does not answer is waited for for five minutes,
/// another client's lock for 15.
pub(crate) const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Which run is the one that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// The first `up`, which starts minikube.
    First,
    /// An `up` with nothing changed.
    Again,
    /// An `up` after an edit of an image and of the manifests.
    Edited,
    /// `down`.
    Down,
    /// `down --purge`.
    Purge,
}

impl Disturbance {
    pub(crate) const ALL: [Disturbance; 5] =
        [Disturbance::First, Disturbance::Again, Disturbance::Edited, Disturbance::Down, Disturbance::Purge];

    /// The command of the run.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Disturbance::First | Disturbance::Again | Disturbance::Edited => "up",
            Disturbance::Down => "down",
            Disturbance::Purge => "down --purge",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Disturbance::First => "first",
            Disturbance::Again => "again",
            Disturbance::Edited => "edited",
            Disturbance::Down => "down",
            Disturbance::Purge => "purge",
        }
    }

    pub(crate) fn named(name: &str) -> Disturbance {
        Disturbance::ALL
            .into_iter()
            .find(|course| course.name() == name)
            .unwrap_or_else(|| panic!("no course is `{name}`"))
    }

    /// Whether the project is gone when the run has ended well.
    pub(crate) fn takes_down(self) -> bool {
        matches!(self, Disturbance::Down | Disturbance::Purge)
    }

    /// What comes before the run.
    pub(crate) async fn lead(self, harness: &mut Harness<'_>, folder: &Path) -> Result<(), String> {
        if self != Disturbance::First {
            harness.well("up").await?;
        }
        if self == Disturbance::Edited {
            project::edit(folder);
        }
        Ok(())
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The project of a seed, written into `folder`.
pub(crate) fn project(folder: &Path, seed: u64) -> (Arc<Project>, RandomProject) {
    let made = project::make(folder, &mut Rng::new(seed));
    (read(folder), made)
}

/// The project that is written in `folder`.
pub(crate) fn read(folder: &Path) -> Arc<Project> {
    Arc::new(load(&folder.join("deploy.toml")).unwrap())
}

/// A course to which nothing happens.
pub(crate) struct Baseline {
    pub(crate) namespace: &'static str,
    /// The calls of the run, in their order.
    pub(crate) calls: Vec<(Party, String)>,
    /// How many of them changed something.
    pub(crate) effects: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// What there is after the run.
    pub(crate) after: BTreeMap<String, Value>,
    /// What there is after an `up` then.
    pub(crate) desired: BTreeMap<String, Value>,
    pub(crate) report: Report,
}

impl Baseline {
    pub(crate) async fn run(folder: &Path, seed: u64, course: Disturbance) -> Result<Baseline, String> {
        let (project, made) = project(folder, seed);
        let mut harness = Harness::new(&project, &made, seed, LIMIT).await;
        course.lead(&mut harness, folder).await?;
        let before = harness.host.injector().effects();
        let _ = harness.host.injector().asked();
        let began = tokio::time::Instant::now();
        harness.well(course.line()).await?;
        let took = began.elapsed();
        let (calls, effects) = (harness.host.injector().asked(), harness.host.injector().effects() - before);
        let after = harness.left().await;
        let desired = if course.takes_down() {
            harness.well("up").await?;
            harness.left().await
        } else {
            after.clone()
        };
        harness.is_decent()?;
        Ok(Baseline {
            namespace: made.namespace,
            calls,
            effects,
            took,
            after,
            desired,
            report: harness.report,
        })
    }
}
