//! The git revision of the deployed project: `1a2b3c4`, with `-dirty` if tracked files were changed since.

use crate::exec;
use crate::exec::Call;
use crate::run::Run;
use std::path::Path;

/// The revision of the repository that `folder` is in; nothing if there is none, or no git.
pub(crate) async fn revision(run: &Run, folder: &Path) -> Option<String> {
    let program = exec::find(&run.world, "git")?;
    let call = Call::new(program)
        // The file system monitor of a foreign repository's configuration must not be started.
        .args(["-c", "core.fsmonitor=false", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"])
        .folder(folder)
        .env("LC_ALL", "C")
        // Refreshing the index is the user's business.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .read_only();
    let printed = call.output(run).await.ok()?.stdout.trim().to_owned();
    is_revision(&printed).then_some(printed)
}

/// Hexadecimal digits, and `-dirty` perhaps.
fn is_revision(text: &str) -> bool {
    let commit = text.strip_suffix("-dirty").unwrap_or(text);
    (4..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::is_revision;
    use super::revision;
    use crate::run::Run;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_what_git_calls_a_commit_is_one() {
        for (text, is) in [
            ("1a2b3c4", true),
            ("1a2b3c4-dirty", true),
            ("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", true),
            ("", false),
            ("v1.0-3-g1a2b3c4", false),
            ("dirty", false),
            ("1a2b3c4-dirty-dirty", false),
        ] {
            assert_eq!(is_revision(text), is, "{text}");
        }
    }

    #[tokio::test]
    async fn without_git_or_a_repository_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::fake(folder.path(), [("PATH", folder.path())]);
        assert_eq!(revision(&Run::fake(world.clone()).0, folder.path()).await, None);
        let program = folder.path().join("git");
        let answer = |script: &str| {
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        answer("echo 'fatal: not a git repository' >&2; exit 128");
        assert_eq!(revision(&Run::fake(world.clone()).0, folder.path()).await, None);
        answer("[ \"$GIT_OPTIONAL_LOCKS\" = 0 ] && echo 1a2b3c4-dirty");
        assert_eq!(revision(&Run::fake(world).0, folder.path()).await.as_deref(), Some("1a2b3c4-dirty"));
    }
}
