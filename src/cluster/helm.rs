//! Helm's own releases: detected, adopted, and installed where the project requests Helm for it.
//!
//! Helm keeps a release in Secrets of its own. If another tool applies the same objects, Helm's next upgrade or
//! uninstall reverts its work; so a release of the same name is reported before anything is written.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::done;
use crate::cluster::inventory;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::survey;
use crate::cluster::target::Target;
use crate::cluster::wire::Propagation;
use crate::event::Code;
use crate::event::Outcome;
use crate::event::Step;
use crate::exec::Call;
use crate::exec::Stream;
use crate::fault;
use crate::fault::FaultKind;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::manifest::chart;
use crate::manifest::shared::Shared;
use crate::project::Chart;
use crate::replace::private_folder;
use crate::replace::replace;
use crate::run::Run;
use crate::version::Version;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// The name under which Helm 4 knows our post-renderer.
const PLUGIN: &str = "todo-images";

/// A release as Helm has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledRelease {
    /// Its newest revision.
    pub revision: u64,
    /// How that ended: `deployed`, `failed`, `pending-upgrade`, ….
    pub status: String,
    /// Kind and name of its objects.
    pub objects: BTreeSet<(String, String)>,
}

/// The release of that name, if Helm has one (`helm: pkg/storage/driver/secrets.go`).
pub async fn find(
    run: &Run,
    target: &Target,
    namespace: &str,
    name: &str,
) -> fault::Result<Option<InstalledRelease>> {
    let secrets = secrets(run, target, namespace, name).await?;
    let newest = secrets.iter().max_by_key(|secret| revision(secret));
    Ok(newest.filter(|secret| label(secret, "status") != "uninstalled").map(|secret| InstalledRelease {
        revision: revision(secret),
        status: label(secret, "status").to_owned(),
        objects: manifest_of(secret).map(|text| objects(&text)).unwrap_or_default(),
    }))
}

/// Deletes Helm's record of a release whose objects are ours by now.
pub async fn forget(run: &Run, target: &Target, namespace: &str, name: &str) -> fault::Result<()> {
    let wire = target.wire();
    for secret in secrets(run, target, namespace, name).await? {
        let (kind, secret_name) =
            (inventory::secrets(), secret["metadata"]["name"].as_str().unwrap_or_default());
        let waiting = report_waiting(run, Step::Apply, "Helm's release");
        let gone = retry(waiting, || {
            wire.delete(&kind, Some(namespace), secret_name, uid_of(&secret), Propagation::Background)
        });
        gone.await.map_err(|failure| unreadable(failure, "cannot make Helm forget its release"))?;
    }
    Ok(())
}

async fn secrets(run: &Run, target: &Target, namespace: &str, name: &str) -> fault::Result<Vec<Value>> {
    let wire = target.wire();
    let (kind, selector) = (inventory::secrets(), format!("owner=helm,name={name}"));
    let waiting = report_waiting(run, Step::Apply, "Helm's releases");
    let listed = retry(waiting, || wire.list(&kind, Some(namespace), &selector)).await;
    listed.map_err(|failure| unreadable(failure, "cannot see whether Helm has a release of that name"))
}

fn label<'a>(secret: &'a Value, name: &str) -> &'a str {
    secret["metadata"]["labels"][name].as_str().unwrap_or_default()
}

fn revision(secret: &Value) -> u64 {
    label(secret, "version").parse().unwrap_or(0)
}

/// The manifest that Helm has applied: base64, gzip, JSON, of which `manifest` is a text.
fn manifest_of(secret: &Value) -> Option<String> {
    let outer = STANDARD.decode(secret["data"]["release"].as_str()?).ok()?;
    let packed = STANDARD.decode(outer).ok()?;
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).take(64 << 20).read_to_string(&mut text).ok()?;
    let release: Value = serde_json::from_str(&text).ok()?;
    release["manifest"].as_str().map(str::to_owned)
}

fn objects(manifest: &str) -> BTreeSet<(String, String)> {
    let (documents, _) = manifest::yaml::rendered(manifest, Path::new("release"));
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    documents
        .iter()
        .map(|document| (name(&document.value["kind"]), name(&document.value["metadata"]["name"])))
        .collect()
}

/// The current state of a release's objects in the cluster, by their IDs.
pub async fn inspect(
    run: &Run,
    target: &Target,
    objects: &[manifest::Object],
) -> fault::Result<BTreeMap<ObjectId, Shared<Value>>> {
    Ok(observe(run, target, objects, &BTreeMap::new())
        .await?
        .into_iter()
        .map(|item| (item.id, item.after))
        .collect())
}

/// The objects of a release, to be waited for like applied ones. `before` is their previous state.
pub async fn observe(
    run: &Run,
    target: &Target,
    objects: &[manifest::Object],
    before: &BTreeMap<ObjectId, Shared<Value>>,
) -> fault::Result<Vec<AppliedObject>> {
    let wire = target.wire();
    let prepared = survey::prepare(run, target, objects.to_vec()).await?;
    let mut seen = Vec::new();
    for item in prepared.desired {
        let waiting = report_waiting(run, Step::Apply, &item.id.to_string());
        let live = retry(waiting, || wire.get(&item.kind, item.namespace(), &item.id.name)).await;
        let Some(after) =
            live.map_err(|failure| unreadable(failure, "cannot look at the release's objects"))?
        else {
            continue;
        };
        let before = before.get(&item.id).cloned();
        let version = |object: &Value| object["metadata"]["generation"].clone();
        let outcome = match &before {
            None => Outcome::Created,
            Some(before) if version(before) == version(&after) => Outcome::Unchanged,
            Some(_) => Outcome::Changed,
        };
        let body = item.object.value.clone();
        seen.push(done(item, outcome, before, after.into(), body, false));
    }
    Ok(seen)
}

/// Where Helm deploys: an entry of a kubeconfig, and a namespace.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// The kubeconfig.
    pub kubeconfig: &'a Path,
    /// Its context.
    pub context: &'a str,
    /// The namespace.
    pub namespace: &'a str,
}

impl Where<'_> {
    fn call(self, helm: &Path, arguments: &[&str]) -> Call {
        let call = Call::new(helm).args(arguments).args(["--namespace", self.namespace]);
        call.args(["--kube-context", self.context, "--kubeconfig"]).args([self.kubeconfig])
    }
}

/// `helm upgrade --install`, its objects sent through `renderer` (a program and its arguments). Does not wait for them.
pub async fn upgrade(
    run: &Run,
    at: Where<'_>,
    root: &Path,
    chart: &Chart,
    renderer: &[String],
) -> fault::Result<()> {
    let helm = chart::helm(run, "this release")?;
    let call = at.call(&helm, &["upgrade", "--install", &chart.release]);
    let mut call = chart::with_values(run, root, call, chart).folder(root);
    if let Some((program, arguments)) = renderer.split_first() {
        let version = chart::version(run, &helm).await.ok().flatten();
        if version.is_some_and(|version| version >= Version(4, 0, 0)) {
            let folders = plugin(run, &helm, program).await?;
            call = call.args(["--post-renderer", PLUGIN]).env("HELM_PLUGINS", folders);
        } else {
            call = call.args(["--post-renderer", program]);
        }
        for argument in arguments {
            call = call.args(["--post-renderer-args", argument]);
        }
    }
    let item = run.sink.item(Step::Apply, format!("release {}", chart.release));
    item.progress("helm upgrade --install", None);
    let ran = call.lines(run, |stream, line| {
        if stream == Stream::Err {
            item.log(line);
        }
    });
    match ran.await {
        Ok(_) => {
            item.finish(Outcome::Changed, None);
            Ok(())
        }
        Err(error) if error.stopped => {
            Err(run.stopped().unwrap_or_else(|| Code::Interrupted.caused_by(FaultKind::Interrupted, error)))
        }
        Err(error) => {
            item.finish(Outcome::Failed, None);
            let hooks = error.stderr.contains("hooks failed");
            let kind = if hooks { FaultKind::Rollout } else { FaultKind::Apply };
            let (name, namespace) = (chart.release.as_str(), at.namespace);
            let stuck = error.stderr.contains("another operation");
            let hint = if error.stderr.contains("invalid ownership metadata") {
                "the objects belong to `todo`: delete them first with `todo down` (volumes are kept), then `todo up`"
                    .to_owned()
            } else if stuck {
                format!(
                    "an earlier Helm was killed; go back to what ran: `helm rollback {name} -n {namespace}`"
                )
            } else if hooks {
                format!("see the hook's pods: `kubectl -n {namespace} get pods`; then `todo up` again")
            } else {
                format!("see what Helm has: `helm history {name} -n {namespace}`")
            };
            let message = error.stderr.lines().rev().find_map(|line| line.strip_prefix("Error: "));
            let message = message.map_or_else(|| error.to_string(), str::to_owned);
            Err(Code::HelmFailed
                .fault(kind, message)
                .context(format!("Helm cannot install the release `{name}`"))
                .hint(hint))
        }
    }
}

/// `helm uninstall`. A missing release is not a failure.
pub async fn uninstall(run: &Run, at: Where<'_>, name: &str) -> fault::Result<()> {
    let helm = chart::helm(run, "a release that Helm installed")?;
    let item = run.sink.item(Step::Remove, format!("release {name}"));
    let call = at.call(&helm, &["uninstall", name, "--ignore-not-found", "--wait"]);
    match call.lines(run, |_, line| item.log(line)).await {
        Ok(_) => {
            item.finish(Outcome::Removed, None);
            Ok(())
        }
        Err(error) if error.stopped => {
            Err(run.stopped().unwrap_or_else(|| Code::Interrupted.caused_by(FaultKind::Interrupted, error)))
        }
        Err(error) => {
            item.finish(Outcome::Failed, None);
            let hint = format!("do it by hand: `helm uninstall {name} -n {}`", at.namespace);
            Err(Code::HelmFailed
                .caused_by(FaultKind::Apply, error)
                .context(format!("Helm cannot remove the release `{name}`"))
                .hint(hint))
        }
    }
}

/// Helm 4 accepts no program as a post-renderer, only a plugin (`helm: HIP-0026`): ours is in our cache directory,
/// which is added to the user's plugin directories. Returns the value of `HELM_PLUGINS`.
async fn plugin(run: &Run, helm: &Path, program: &str) -> fault::Result<String> {
    use crate::fault::OrFault;
    let cache = run.world.cache_folder().unwrap_or_else(|| run.world.folder.join(".todo"));
    let ours = cache.join("helm-plugins");
    let folder = ours.join(PLUGIN);
    let text = format!(
        "apiVersion: v1\ntype: postrenderer/v1\nname: {PLUGIN}\nversion: {}\nruntime: subprocess\nruntimeConfig:\n  platformCommand:\n    - command: {}\n",
        env!("CARGO_PKG_VERSION"),
        Value::from(program),
    );
    let write = || {
        private_folder(&folder)?;
        replace(&folder.join("plugin.yaml"), text.as_bytes(), None)
    };
    write().or_fault(Code::FileNotWritable, FaultKind::Prerequisite, || {
        format!("cannot write Helm's plugin to {}", folder.display())
    })?;
    let theirs = Call::new(helm).args(["env", "HELM_PLUGINS"]).read_only().output(run).await;
    let theirs = theirs.map(|output| output.stdout.trim().trim_matches('"').to_owned()).unwrap_or_default();
    let separator = if run.world.os == crate::world::Os::Windows { ';' } else { ':' };
    let all = [ours.display().to_string(), theirs].into_iter().filter(|item| !item.is_empty());
    Ok(all.collect::<Vec<_>>().join(&separator.to_string()))
}

/// The running program, as a post-renderer for the project `file` and its `target`, if that is not minikube.
#[must_use]
pub fn renderer(
    program: &Path,
    file: &Path,
    target: Option<&str>,
    images: impl IntoIterator<Item = (String, String)>,
) -> Vec<String> {
    let mut renderer = vec![program.display().to_string()];
    renderer.extend(target.into_iter().flat_map(|target| ["--target".to_owned(), target.to_owned()]));
    renderer.extend(["--file".to_owned(), file.display().to_string(), "post-render".to_owned()]);
    renderer.extend(images.into_iter().map(|(name, reference)| format!("{name}={reference}")));
    renderer
}

#[cfg(test)]
mod tests {
    use super::find;
    use super::manifest_of;
    use super::objects;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::Value;
    use serde_json::json;
    use std::io::Write;

    const MANIFEST: &str =
        "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

    fn secret(version: &str, status: &str) -> Value {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(json!({"manifest": MANIFEST}).to_string().as_bytes()).unwrap();
        let packed = STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()));
        json!({
            "metadata": {"name": format!("sh.helm.release.v1.web.v{version}"), "uid": version,
                "labels": {"owner": "helm", "name": "web", "version": version, "status": status}},
            "data": {"release": packed},
        })
    }

    #[test]
    fn what_helm_keeps_tells_the_objects_of_a_release() {
        let found = objects(&manifest_of(&secret("1", "deployed")).unwrap());
        assert_eq!(found, [("Service".to_owned(), "web".to_owned())].into());
    }

    #[tokio::test]
    async fn the_newest_revision_counts_and_one_that_was_removed_does_not() {
        let (api, client) = crate::cluster::fake_api::FakeApi::start();
        let path = "/api/v1/namespaces/shop/secrets";
        let target = crate::cluster::target::Target {
            client,
            namespace: crate::project::name::Namespace::parse("shop").unwrap(),
            project: crate::project::name::ProjectName::parse("shop").unwrap(),
            origin: std::sync::Arc::new(crate::project::origin::Origin::locate(
                &crate::world::World::fake("/", [("A", "b")]),
                std::path::Path::new("/shop/deploy.toml"),
            )),
            clock: crate::clock::Clock::system(),
            profile: None,
            lock: std::sync::Arc::default(),
        };
        let run = crate::run::Run::fake(crate::world::World::fake("/", [("A", "b")])).0;
        assert_eq!(find(&run, &target, "shop", "web").await.unwrap(), None);
        api.put(path, secret("9", "superseded"));
        api.put(path, secret("10", "deployed"));
        let found = find(&run, &target, "shop", "web").await.unwrap().unwrap();
        assert_eq!((found.revision, found.status.as_str()), (10, "deployed"));
        api.put(path, secret("11", "uninstalled"));
        assert_eq!(find(&run, &target, "shop", "web").await.unwrap(), None);
    }
}
