//! Charts that deploy.toml no longer lists: their hooks before and after the deletion of their objects.
//!
//! Their objects are pruned with all others, after the rest runs well. Objects that Helm itself has installed stay:
//! uninstalling would delete claims, and data that the user did not ask to delete.

use super::ReleasePlan;
use super::recorded;
use super::remember;
use crate::cluster::Limits;
use crate::cluster::Target;
use crate::cluster::hook;
use crate::cluster::release;
use crate::cluster::release::ReleaseRecord;
use crate::event::Code;
use crate::fault::Result;
use crate::manifest::Release;
use crate::manifest::hook::Moment;
use crate::manifest::hook::at;
use crate::run::Run;

/// The releases that the record has and the project has not, by their keys in the record.
pub(super) fn gone(record: &ReleaseRecord, releases: &[Release]) -> Vec<String> {
    let desired = |known: &&String| releases.iter().any(|release| super::key(release) == **known);
    record.releases.keys().filter(|known| !desired(known)).cloned().collect()
}

impl ReleasePlan {
    /// The hooks of removed charts, as `todo plan` lists them.
    pub(super) fn rows_of_leaving(&self) -> Vec<(&'static str, String, String, String)> {
        let mut rows = Vec::new();
        for deployed in self.leaving().releases.values() {
            let hooks = deployed.hooks();
            for moment in [Moment::PreDelete, Moment::PostDelete] {
                rows.extend(at(&hooks, moment).into_iter().map(|hook| {
                    let object = &hook.object;
                    let why =
                        format!("{moment} hook of the release {}, which is being removed", deployed.name);
                    ("run", object.id().to_string(), object.place.to_string(), why)
                }));
            }
        }
        rows
    }

    pub(super) async fn before_deletion(
        &mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        no_hooks: bool,
    ) -> Result<()> {
        for deployed in self.record.releases.values().filter(|release| release.helm.is_some()) {
            if self.gone.contains(&format!("{}/{}", deployed.namespace, deployed.name)) {
                let message =
                    format!("Helm release `{}` is no longer in deploy.toml; it is kept", deployed.name);
                let help = format!("`helm uninstall {} --namespace {}`", deployed.name, deployed.namespace);
                run.sink.warn(
                    Code::HelmReleaseLeftover
                        .warning(message)
                        .about(format!("release {}", deployed.name))
                        .help(help),
                );
            }
        }
        let leaving = self.leaving();
        if no_hooks || leaving.releases.is_empty() {
            return Ok(());
        }
        remember(run, target, &mut self.record, &[Moment::PreDelete, Moment::PostDelete]).await?;
        recorded(run, target, &leaving, Moment::PreDelete, limits).await
    }

    /// Runs the `post-delete` hooks, deletes the objects that hooks have left, and removes the releases from the
    /// record.
    pub(super) async fn after_deletion(
        &mut self,
        run: &Run,
        target: &Target,
        limits: &Limits,
        no_hooks: bool,
    ) -> Result<()> {
        let leaving = self.leaving();
        if leaving.releases.is_empty() {
            return Ok(());
        }
        if !no_hooks {
            recorded(run, target, &leaving, Moment::PostDelete, limits).await?;
        }
        for (key, deployed) in &leaving.releases {
            hook::sweep(run, target, &deployed.left, false).await?;
            self.record.releases.remove(key);
        }
        release::write(run, target, &self.record).await
    }

    /// The record of the removed releases that are not Helm's own.
    fn leaving(&self) -> ReleaseRecord {
        let mut leaving = self.record.clone();
        leaving.releases.retain(|key, one| one.helm.is_none() && self.gone.contains(key));
        leaving
    }
}

#[cfg(test)]
mod tests {
    use crate::cluster::Limits;
    use crate::cluster::Target;
    use crate::cluster::release;
    use crate::cluster::release::ReleaseEntry;
    use crate::flow::hooks::ReleasePlan;
    use crate::project::name::Namespace;
    use crate::project::name::ProjectName;
    use crate::project::origin::Origin;
    use crate::run::Run;
    use crate::world::World;
    use serde_json::Value;
    use serde_json::json;
    use simulator::api::Api;
    use simulator::serve::kubeconfig;
    use simulator::serve::serve;
    use std::sync::Arc;

    fn hook(moment: &str) -> Value {
        let annotations = json!({"helm.sh/hook": moment});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {},
            "metadata": {"name": moment, "namespace": "shop", "annotations": annotations}})
    }

    fn deployed(name: &str, helm: Option<u64>) -> (String, ReleaseEntry) {
        let hooks = vec![hook("pre-delete"), hook("post-delete")];
        let (name, namespace) = (name.to_owned(), "shop".to_owned());
        (
            format!("shop/{name}"),
            ReleaseEntry { name, namespace, installed: true, hooks, helm, ..ReleaseEntry::default() },
        )
    }

    #[tokio::test]
    async fn a_chart_that_is_taken_out_runs_its_delete_hooks_and_is_forgotten() {
        let api = Api::new();
        let address = serve(api.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig("mini", address)).unwrap();
        let world = World::fake(folder.path(), [("USER", "kim"), ("HOSTNAME", "box")]);
        let (run, mut events, _) = Run::fake(world);
        let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
        let origin = Arc::new(Origin::locate(&run.world, &folder.path().join("deploy.toml")));
        let target = Target::connect(&run, &file, "mini", namespace, project, origin).await.unwrap();
        api.put("api/v1/namespaces", json!({"metadata": {"name": "shop"}}));
        let mut record = release::load(&run, &target).await.unwrap();
        record.releases.extend([deployed("old", None), deployed("helms", Some(3))]);
        release::write(&run, &target, &record).await.unwrap();
        let there = |name: &str| api.get("api/v1/configmaps", "shop", name).is_some();

        for quiet in [true, false] {
            let plan = ReleasePlan::compute(&run, &target, &[], &[], Vec::new()).await.unwrap();
            assert_eq!(plan.rows().len(), 2, "of Helm's own, Helm runs them");
            let limits = Limits::default();
            let installing = plan.install(&run, &target, &limits).await.unwrap();
            let retiring = installing.retire(&run, &target, &limits, quiet).await.unwrap();
            assert_eq!((there("pre-delete"), there("post-delete")), (!quiet, false));
            if quiet {
                continue;
            }
            retiring.finish(&run, &target, &limits, quiet, &[]).await.unwrap();
            assert_eq!(
                (there("pre-delete"), there("post-delete")),
                (false, false),
                "nothing is left of them"
            );
        }
        let left = release::load(&run, &target).await.unwrap();
        assert_eq!(left.releases.keys().collect::<Vec<_>>(), ["shop/helms"], "what Helm installed is Helm's");
        let reported = std::iter::from_fn(|| events.try_recv().ok());
        assert!(
            reported
                .map(|event| format!("{event:?}"))
                .any(|reported| reported.contains("helm uninstall helms"))
        );
    }
}
