//! Before a profile is repaired: what would make minikube overwrite another owner's entry, or reset a cluster.
//!
//! `minikube start` of an existing cluster queries its API server through the kubeconfig, all files merged. If they
//! cannot be read (tried with v1.38.1), or the entry names certificates that cannot (according to its source), it
//! resets the cluster without any request (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`:
//! `restartPrimaryControlPlane`).

use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::api::Own;
use crate::minikube::broken;
use crate::minikube::broken::Unreadable;
use crate::minikube::current;
use crate::minikube::entry;
use crate::minikube::kubeconfig;
use crate::minikube::repair::Remedy;
use crate::minikube::state::ProfileState;
use crate::minikube::text;
use crate::project::name::Profile;
use crate::run::Run;

/// Fails where minikube had better not be run; corrects the paths of certificates that have moved.
pub(crate) fn check(run: &Run, profile: &Profile, remedy: Remedy, seen: &ProfileState) -> Result<()> {
    let refuse = |broken: Break| Err(broken::fault(profile, &MinikubeState::Broken(broken)));
    let fit = if remedy.is_minikubes() {
        kubeconfig::fit_for_minikube(&run.world)
    } else {
        kubeconfig::all(&run.world).map(drop)
    };
    if let Err(why) = fit {
        return refuse(Break::Unreadable(Unreadable::kubeconfig(why)));
    }
    if !matches!(remedy, Remedy::Create | Remedy::Start | Remedy::UpdateContext) {
        return Ok(());
    }
    let files = kubeconfig::all(&run.world).unwrap_or_default();
    let first = kubeconfig::path(&run.world);
    let written = files.iter().find(|(path, _)| Some(path) == first.as_ref());
    if let Some((path, kubeconfig)) = written
        && let Some(why) = entry::of_somebody_else(kubeconfig, profile.as_str())
    {
        return refuse(Break::ForeignEntry(format!("`{}`: {why}", path.display())));
    }
    let Some(own) = Own::read(&run.world, profile) else { return Ok(()) };
    if remedy != Remedy::UpdateContext && seen.has_data() {
        // Without its authority, minikube creates another one, which neither this cluster nor any other profile
        // knows.
        let key = own.authority.with_extension("key");
        for path in [&own.authority, &key] {
            if let Some(why) = entry::unusable(path) {
                return refuse(Break::Unreadable(Unreadable::certificate(path, why, profile)));
            }
        }
    }
    // An invalid certificate is recreated with its key, but a key that belongs to a valid one is kept, whatever its
    // content (`pkg/minikube/bootstrapper/certs.go`: `isValid`), and no request is possible with it.
    if remedy == Remedy::Start
        && seen.has_data()
        && own.key.exists()
        && let Some(why) = entry::unusable(&own.key)
    {
        return refuse(Break::Unreadable(Unreadable::certificate(&own.key, why, profile)));
    }
    for (path, kubeconfig) in &files {
        let Some(entry) = entry::find(kubeconfig, profile.as_str()) else { continue };
        let unusable = entry.unusable_file_of_others(&own.named());
        // The certificates of a stale entry were refused, or no longer exist.
        if unusable.is_none() && remedy != Remedy::UpdateContext {
            continue;
        }
        let failed = || {
            let why = unusable.as_deref().unwrap_or("its certificates are refused");
            format!("the entry `{profile}` of `{}` cannot be used: {why}", path.display())
        };
        let text = text::read(path)
            .map_err(|why| Code::KubeconfigInvalid.fault(FaultKind::Minikube, why))?
            .unwrap_or_default();
        let Some(edited) = entry::with_files(&text, profile.as_str(), &own.named()) else {
            if unusable.is_none() {
                continue;
            }
            return Err(Code::KubeconfigInvalid
                .fault(FaultKind::Minikube, failed())
                .hint(broken::without_entry(profile)));
        };
        current::write(path, &edited).or_fault(Code::FileNotWritable, FaultKind::Minikube, failed)?;
    }
    Ok(())
}
