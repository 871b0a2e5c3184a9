//! Helm charts apart from their objects: which hooks run at which moment, who owns a release, and what is recorded
//! about it.
//!
//! Hooks run when something of their release changes, and never otherwise: a second `up` finds the digest of the last
//! good run and runs none. Whether a change is an installation or an upgrade is determined not by Helm but by the
//! project's own record: a release is installed once its hooks have succeeded.

use crate::cluster::AppliedObject;
use crate::cluster::InventoryEntry;
use crate::cluster::Limits;
use crate::cluster::Target;
use crate::cluster::helm;
use crate::cluster::helm::InstalledRelease;
use crate::cluster::hook;
use crate::cluster::release;
use crate::cluster::release::ReleaseEntry;
use crate::cluster::release::ReleaseRecord;
use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::hook::Hook;
use crate::manifest::hook::Moment;
use crate::manifest::hook::at;
use crate::project::Mode;
use crate::run::Run;
use serde_json::Value;

mod leaving;

/// The Helm releases of a run, compared with the record of the last good run. Its hooks run in an order that the types
/// keep: [`ReleasePlan::install`] → [`Installing::retire`] → [`Retiring::finish`].
#[derive(Debug, Default)]
pub(crate) struct ReleasePlan {
    record: ReleaseRecord,
    changed: Vec<Changed>,
    /// Keys of releases that the record has and deploy.toml no longer has.
    gone: Vec<String>,
    /// Namespace and name of Helm's own releases that this project takes over (`--adopt`).
    adopted: Vec<(String, String)>,
}

/// Releases whose hooks before the objects have run: the objects may be written.
#[derive(Debug)]
pub(crate) struct Installing(ReleasePlan);

/// Releases whose objects are healthy; the `pre-delete` hooks of those that deploy.toml no longer lists have run, so
/// their objects may be pruned.
#[derive(Debug)]
pub(crate) struct Retiring(ReleasePlan);

/// A release of which something is another than at the end of the last good run.
#[derive(Debug)]
struct Changed {
    release: Release,
    digest: String,
    upgrade: bool,
}

/// Reports for each release whether Helm already manages it, before anything is written; with `adopt` they are taken
/// over.
pub(crate) async fn owners(
    run: &Run,
    target: &Target,
    releases: &[Release],
    adopt: bool,
) -> Result<Vec<(String, String)>> {
    let mut adopted = Vec::new();
    let mut findings = Vec::new();
    for release in releases.iter().filter(|release| release.chart.mode == Mode::Objects) {
        let (name, namespace) = (release.chart.release.as_str(), release.namespace.as_str());
        let Some(found) = helm::find(run, target, namespace, name).await? else { continue };
        if adopt {
            left_over(run, release, &found);
            adopted.push((namespace.to_owned(), name.to_owned()));
            continue;
        }
        let owned = format!(
            "Helm has a release `{name}` in `{namespace}` already: revision {}, {}",
            found.revision, found.status
        );
        findings.push(
            Code::HelmReleaseOwned
                .error(owned)
                .about(format!("release {name}"))
                .at(release.place.clone())
                .help(
                    "adopt it: `todo up --adopt`; or leave it to Helm: `mode = \"release\"` next to `chart`",
                ),
        );
    }
    if findings.is_empty() {
        return Ok(adopted);
    }
    let message = "Helm already manages these releases; nothing was changed";
    Err(Code::HelmReleaseOwned.fault(FaultKind::Apply, message).findings(findings))
}

/// Warns about objects that Helm has created and the chart no longer contains: once Helm's record is deleted, nothing
/// manages them.
fn left_over(run: &Run, release: &Release, found: &InstalledRelease) {
    let has = |(kind, name): &&(String, String)| {
        release.members.iter().any(|id| id.kind == *kind && id.name == *name)
    };
    for (kind, name) in found.objects.iter().filter(|object| !has(object)) {
        let message = format!(
            "it was created by Helm release `{}` and is no longer part of the chart",
            release.chart.release
        );
        let help = format!(
            "if it is not needed, delete it: `kubectl -n {} delete {}/{name}`",
            release.namespace,
            kind.to_lowercase()
        );
        run.sink.warn(
            Code::HelmReleaseLeftover
                .warning(message)
                .about(format!("{kind}/{name}"))
                .at(release.place.clone())
                .help(help),
        );
    }
}

impl ReleasePlan {
    /// Compares the releases, with images resolved, with the record.
    pub(crate) async fn compute(
        run: &Run,
        target: &Target,
        releases: &[Release],
        objects: &[Object],
        adopted: Vec<(String, String)>,
    ) -> Result<ReleasePlan> {
        let record = release::load(run, target).await?;
        let changed = releases.iter().filter_map(|release| {
            let digest = digest(release, objects);
            let known = record.releases.get(&key(release));
            let same = known.is_some_and(|known| known.digest.as_deref() == Some(&digest));
            let upgrade = known.is_some_and(|known| known.installed);
            (!same).then(|| Changed { release: release.clone(), digest, upgrade })
        });
        let changed = changed.collect();
        let gone = leaving::gone(&record, releases);
        Ok(ReleasePlan { record, changed, gone, adopted })
    }

    /// The hooks that would run, as rows of `todo plan`: kind, object, place, and why.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String, String, String)> {
        let mut rows = Vec::new();
        for change in &self.changed {
            let (name, hooks) = (&change.release.chart.release, &change.release.hooks);
            if change.release.chart.mode == Mode::Release {
                let why = "Helm installs it: `mode = \"release\"`".to_owned();
                rows.push(("install", format!("release {name}"), change.release.place.to_string(), why));
                continue;
            }
            let (first, last) = change.moments();
            for moment in [first, last] {
                rows.extend(at(hooks, moment).into_iter().map(|hook| {
                    let object = &hook.object;
                    let why = format!("{moment} hook of the release {name}");
                    ("run", object.id().to_string(), object.place.to_string(), why)
                }));
            }
        }
        rows.extend(self.rows_of_leaving());
        rows
    }

    /// Whether hooks are to run before the objects are written.
    pub(crate) fn has_hooks_before(&self) -> bool {
        self.changed.iter().any(|change| !at(&change.release.hooks, change.moments().0).is_empty())
    }

    /// Whether no chart is another than at the end of the last good run.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// Runs the hooks that run before the objects are written.
    pub(crate) async fn install(mut self, run: &Run, target: &Target, limits: &Limits) -> Result<Installing> {
        self.run(run, target, limits, |moments| moments.0).await?;
        Ok(Installing(self))
    }

    async fn after_installation(
        &mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        released: &[AppliedObject],
    ) -> Result<()> {
        self.run(run, target, limits, |moments| moments.1).await?;
        for (namespace, name) in &self.adopted {
            helm::forget(run, target, namespace, name).await?;
        }
        if self.changed.is_empty() {
            return Ok(());
        }
        for change in &self.changed {
            let helm = match change.release.chart.mode {
                Mode::Objects => None,
                Mode::Release => {
                    let (name, namespace) =
                        (&change.release.chart.release, change.release.namespace.as_str());
                    helm::find(run, target, namespace, name).await?.map(|found| found.revision)
                }
            };
            let deployed = deployed(&mut self.record, &change.release);
            deployed.installed = true;
            deployed.helm = helm;
            let own = released.iter().filter(|_| helm.is_some());
            deployed.objects =
                own.map(|item| InventoryEntry::for_resource(item.id.clone(), &item.resource)).collect();
            deployed.digest = Some(change.digest.clone());
            deployed.hooks =
                change.release.hooks.iter().map(|hook| Value::clone(&hook.object.value)).collect();
        }
        release::write(run, target, &self.record).await
    }

    async fn run(
        &mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        which: impl Fn((Moment, Moment)) -> Moment,
    ) -> Result<()> {
        for change in &self.changed {
            let moment = which(change.moments());
            let hooks = at(&change.release.hooks, moment);
            if hooks.is_empty() || change.release.chart.mode == Mode::Release {
                continue;
            }
            note(run, target, &mut self.record, &change.release, &hooks).await?;
            hook::run_all(run, target, &change.release.chart.release, moment, &hooks, limits).await?;
        }
        Ok(())
    }
}

impl Installing {
    /// Whether Helm has to install this release: something of it has changed.
    pub(crate) fn is_changed(&self, release: &Release) -> bool {
        self.0.changed.iter().any(|change| key(&change.release) == key(release))
    }

    /// Helm's revision of a release at the end of the last good run.
    pub(crate) fn revision(&self, release: &Release) -> Option<u64> {
        self.0.record.releases.get(&key(release))?.helm
    }

    /// Runs the `pre-delete` hooks of releases that deploy.toml no longer has, unless `no_hooks`.
    pub(crate) async fn retire(
        mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        no_hooks: bool,
    ) -> Result<Retiring> {
        self.0.before_deletion(run, target, limits, no_hooks).await?;
        Ok(Retiring(self.0))
    }
}

impl Retiring {
    /// Runs the hooks after the deletion of releases (unless `no_hooks`) and after the installation of others, and
    /// records what is deployed. `released` are the objects that Helm itself has installed.
    pub(crate) async fn finish(
        mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        no_hooks: bool,
        released: &[AppliedObject],
    ) -> Result<()> {
        self.0.after_deletion(run, target, limits, no_hooks).await?;
        self.0.after_installation(run, target, limits, released).await
    }
}

impl Changed {
    fn moments(&self) -> (Moment, Moment) {
        if self.upgrade {
            (Moment::PreUpgrade, Moment::PostUpgrade)
        } else {
            (Moment::PreInstall, Moment::PostInstall)
        }
    }
}

/// Records the objects that hooks may leave, before the hooks run. The hooks for the deletion are recorded from then
/// on, too.
async fn note(
    run: &Run,
    target: &Target,
    record: &mut ReleaseRecord,
    release: &Release,
    hooks: &[&Hook],
) -> Result<()> {
    let entries = hook::entries(run, target, hooks).await?;
    let deployed = deployed(record, release);
    let before = deployed.clone();
    for entry in entries {
        if !deployed.left.iter().any(|known| known.id == entry.id) {
            deployed.left.push(entry);
        }
    }
    if deployed.hooks.is_empty() {
        deployed.hooks = release.hooks.iter().map(|hook| Value::clone(&hook.object.value)).collect();
    }
    if *deployed == before { Ok(()) } else { release::write(run, target, record).await }
}

fn deployed<'r>(record: &'r mut ReleaseRecord, release: &Release) -> &'r mut ReleaseEntry {
    record.releases.entry(key(release)).or_insert_with(|| ReleaseEntry {
        name: release.chart.release.clone(),
        namespace: release.namespace.to_string(),
        ..ReleaseEntry::default()
    })
}

fn key(release: &Release) -> String {
    format!("{}/{}", release.namespace, release.chart.release)
}

/// Everything of a release that can change: its objects and its hooks, with the images they get.
fn digest(release: &Release, objects: &[Object]) -> String {
    let mut hasher = blake3::Hasher::new();
    let members = objects.iter().filter(|object| release.members.contains(&object.id()));
    for object in members.chain(release.hooks.iter().map(|hook| &hook.object)) {
        let text = object.value.to_string();
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Runs a moment's hooks of every release that was deployed, from the record alone.
pub(crate) async fn recorded(
    run: &Run,
    target: &Target,
    record: &ReleaseRecord,
    moment: Moment,
    limits: &Limits,
) -> Result<()> {
    for deployed in record.releases.values().filter(|deployed| deployed.helm.is_none()) {
        let hooks = deployed.hooks();
        let hooks = at(&hooks, moment);
        if !hooks.is_empty() {
            hook::run_all(run, target, &deployed.name, moment, &hooks, limits).await?;
        }
    }
    Ok(())
}

/// Records the objects that hooks of a moment may leave, before they run from the record.
pub(crate) async fn remember(
    run: &Run,
    target: &Target,
    record: &mut ReleaseRecord,
    moments: &[Moment],
) -> Result<()> {
    let before = record.clone();
    for deployed in record.releases.values_mut() {
        let hooks = deployed.hooks();
        let hooks: Vec<&Hook> = moments.iter().flat_map(|moment| at(&hooks, *moment)).collect();
        for entry in hook::entries(run, target, &hooks).await? {
            if !deployed.left.iter().any(|known| known.id == entry.id) {
                deployed.left.push(entry);
            }
        }
    }
    if *record == before { Ok(()) } else { release::write(run, target, record).await }
}

#[cfg(test)]
mod tests;
