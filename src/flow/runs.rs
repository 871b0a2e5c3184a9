//! The last runs on this machine, with their times: `todo timeline` shows them.
//!
//! One file per run, readable only by its owner, in the state directory. No lock: each run writes a temporary file
//! and renames it, and a file that another run removes meanwhile counts as missing.

use crate::answer::record::KeptRun;
use crate::answer::record::RunRecord;
use crate::file;
use crate::replace::private_folder;
use crate::replace::replace;
use crate::run::Run;
use crate::world::World;
use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

/// How many runs are kept.
const KEPT: usize = 50;

/// How long a file may be that is read.
const LONGEST: u64 = 4 << 20;

/// Records a run, and removes the oldest beyond the limit. A failure to write is ignored: it must not fail the run.
pub(crate) fn keep(run: &Run, record: RunRecord) {
    if let Some(folder) = folder(&run.world) {
        let kept = KeptRun { ended: run.world.clock.now(), record };
        let _ = write(&folder, &kept, KEPT);
    }
}

/// The runs of a project, the newest first.
pub(crate) fn load(world: &World, is_wanted: impl Fn(&RunRecord) -> bool) -> Vec<KeptRun> {
    let Some(folder) = folder(world) else { return Vec::new() };
    let mut names = names(&folder).unwrap_or_default();
    names.reverse();
    let parse = |path: PathBuf| {
        let bytes = file::read(&path, LONGEST).ok()?;
        // A record of another version is skipped.
        serde_json::from_slice::<KeptRun>(&bytes).ok()
    };
    names.into_iter().filter_map(parse).filter(|kept| is_wanted(&kept.record)).collect()
}

fn folder(world: &World) -> Option<PathBuf> {
    world.state_folder().map(|folder| folder.join("runs"))
}

fn write(folder: &Path, kept: &KeptRun, most: usize) -> io::Result<()> {
    private_folder(folder)?;
    // Names sort by time: 13 digits last until 2286.
    let name = format!("{:013}-{}.json", kept.ended.as_millisecond(), std::process::id());
    replace(&folder.join(name), &serde_json::to_vec(kept)?, None)?;
    let names = names(folder)?;
    for old in names.iter().take(names.len().saturating_sub(most)) {
        match std::fs::remove_file(old) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The files, the oldest first.
fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut names: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::KeptRun;
    use super::load;
    use super::names;
    use super::write;
    use crate::answer::record::RunRecord;
    use crate::world::World;

    fn kept(at: i64, project: &str) -> KeptRun {
        let record = RunRecord {
            command: "up".to_owned(),
            project: project.to_owned(),
            namespace: project.to_owned(),
            profile: "minikube".to_owned(),
            code: 0,
            took_ms: 7,
            steps: Vec::new(),
        };
        KeptRun { ended: jiff::Timestamp::from_millisecond(at).unwrap(), record }
    }

    #[test]
    fn the_newest_runs_are_kept_and_told_newest_first() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("todo/runs");
        for at in [1_700_000_000_000, 999, 1_800_000_000_000, 1_750_000_000_000] {
            write(&folder, &kept(at, if at == 999 { "other" } else { "shop" }), 3).unwrap();
        }
        assert_eq!(names(&folder).unwrap().len(), 3);
        std::fs::write(folder.join("1900000000000-1.json"), "{").unwrap();
        let world = World::fake("/", [("XDG_STATE_HOME", state.path())]);
        let found = load(&world, |record| record.is_of("shop", "shop", "minikube"));
        let ended: Vec<i64> = found.iter().map(|kept| kept.ended.as_millisecond()).collect();
        assert_eq!(ended, [1_800_000_000_000, 1_750_000_000_000, 1_700_000_000_000]);
        assert!(
            load(&world, |record| record.is_of("other", "other", "minikube")).is_empty(),
            "it was the oldest"
        );
    }
}
