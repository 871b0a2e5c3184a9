//! A file replaced as a whole: a concurrent reader sees the old or the new one.
//!
//! Not a lock: of two who write at once the last one counts. The new content is written next to the file under a name
//! that must not be there, because an attacker's link under that name would redirect the write.

use std::fs::File;
use std::fs::Permissions;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Replaces the file at `path`. With the permissions of `like`, else readable for its owner alone.
pub fn replace(path: &Path, bytes: &[u8], like: Option<Permissions>) -> io::Result<()> {
    let new = beside(path, bytes, like)?;
    std::fs::rename(&new, path).inspect_err(|_| {
        let _ = std::fs::remove_file(&new);
    })
}

/// Writes the replacement of the file at `path` next to it, whole or not at all, and returns its path.
pub fn beside(path: &Path, bytes: &[u8], like: Option<Permissions>) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.todo", std::process::id()));
    let new = path.with_file_name(name);
    let mut file = match create(&new) {
        // A process of this number was killed, or another user created it; a link is deleted, not its target.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::remove_file(&new)?;
            create(&new)?
        }
        other => other?,
    };
    // Without the sync a power cut after the rename may leave an empty file (ext4, `delalloc`).
    let written = like
        .map_or(Ok(()), |like| file.set_permissions(like))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all());
    match written {
        Ok(()) => Ok(new),
        Err(error) => {
            let _ = std::fs::remove_file(&new);
            Err(error)
        }
    }
}

/// Whether the file at `path` can be written, or made; changes nothing.
pub fn writable(path: &Path) -> io::Result<()> {
    if path.exists() {
        return File::options().append(true).open(path).map(drop);
    }
    create(path)?;
    std::fs::remove_file(path)
}

/// Creates a file that is not there yet, and follows no link to see; for its owner alone.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a directory and those above it, the new ones for their owner alone.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::private_folder;
    use super::replace;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_written_is_its_owners_alone_unless_the_old_one_was_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        private_folder(&folder).unwrap();
        private_folder(&folder).unwrap();
        let file = folder.join("c");
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        replace(&file, b"1", None).unwrap();
        assert_eq!((mode(&root.path().join("a")), mode(&folder), mode(&file)), (0o700, 0o700, 0o600));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&file, b"2", Some(file.metadata().unwrap().permissions())).unwrap();
        assert_eq!((mode(&file), std::fs::read(&file).unwrap().as_slice()), (0o640, b"2".as_slice()));
        assert_eq!(folder.read_dir().unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_link_that_somebody_put_in_the_way_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
        std::fs::write(&theirs, "theirs").unwrap();
        for target in [theirs.clone(), folder.path().join("not there yet")] {
            let way = folder.path().join(format!("ours.{}.todo", std::process::id()));
            symlink(&target, &way).unwrap();
            replace(&ours, b"ours", None).unwrap();
            assert!(!way.exists() && !folder.path().join("not there yet").exists());
            assert_eq!(std::fs::read(&ours).unwrap(), b"ours");
        }
        assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
    }
}
