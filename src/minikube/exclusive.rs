//! One minikube at a time for a profile, whichever run has started it.
//!
//! Two `minikube start` at once overwrite each other's config.json and the node's container (tried with v1.38.1: the
//! later one fails with `failed to lookup ip for ""`). And when a run is killed, its minikube continues for some
//! seconds. So a run locks a file before it calls minikube, and minikube inherits the open file as its standard
//! input: on Unix the lock lasts until both have ended (`flock(2)`), on Windows until the run has.

use crate::event::OpenItem;
use crate::fault::Result;
use crate::file;
use crate::project::name::Profile;
use crate::replace::create;
use crate::replace::private_folder;
use crate::run::Run;
use crate::world::World;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// How long between two attempts to take the lock.
const PAUSE: Duration = Duration::from_millis(200);

/// The lock, until this and its clones are dropped. Nothing if no file can be locked, as in a read-only home.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusive(Option<Arc<File>>);

impl Exclusive {
    /// The file that minikube inherits.
    pub(crate) fn file(&self) -> Option<Arc<File>> {
        self.0.clone()
    }
}

/// Waits until no other run works on the profile with minikube; returns the lock, and whether it had to be waited for.
pub(crate) async fn exclusive(run: &Run, profile: &Profile, item: &OpenItem) -> Result<(Exclusive, bool)> {
    let Some(lock) = open(&run.world, profile).ok() else { return Ok((Exclusive::default(), false)) };
    let mut waited = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok((Exclusive(Some(Arc::new(lock))), waited)),
            Err(TryLockError::Error(_)) => return Ok((Exclusive::default(), waited)),
            Err(TryLockError::WouldBlock) => {}
        }
        if !waited {
            item.waiting(format!(
                "another minikube works on the profile `{profile}`: for another run, or for one that was killed"
            ));
            waited = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The file, created if it is missing. One for all directories of minikube: a profile's name is that of its
/// container, too.
fn open(world: &World, profile: &Profile) -> io::Result<File> {
    let state = world.state_folder().ok_or(ErrorKind::NotFound)?;
    let folder = state.join("minikube");
    private_folder(&folder)?;
    let path = folder.join(format!("{profile}.lock"));
    match create(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => file::open(&path),
        made => made,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::open;
    use crate::project::name::Profile;
    use crate::world::World;

    #[test]
    fn a_profile_is_locked_for_as_long_as_a_copy_of_the_file_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::fake(folder.path(), [("HOME", folder.path())]);
        let (mini, other) = (Profile::parse("mini").unwrap(), Profile::parse("other").unwrap());
        let first = open(&world, &mini).unwrap();
        first.try_lock().unwrap();
        let inherited = first.try_clone().unwrap();
        drop(first);
        let is_free = |profile| open(&world, profile).unwrap().try_lock().is_ok();
        assert!(!is_free(&mini) && is_free(&other));
        drop(inherited);
        assert!(is_free(&mini));
    }
}
