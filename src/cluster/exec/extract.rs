//! Extracts a tar archive from a container to the local disk. The container's content is not trusted: no name and no
//! link in the archive points out of the destination.

use std::fs;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use tar::Archive;
use tar::Entry;
use tar::EntryType;

/// An entry that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the archive.
    pub path: PathBuf,
    /// Why.
    pub why: &'static str,
}

/// Writes the archive to `root`: the entry named `base` becomes `root` itself, and without `base`, everything is
/// written below `root`.
///
/// # Errors
/// When the archive is broken, something in it has no place below `root`, or cannot be written.
pub fn extract(archive: impl Read, root: &Path, base: Option<&str>) -> io::Result<Vec<Skipped>> {
    let mut extraction = Extraction { root, base, skipped: Vec::new(), modes: Vec::new() };
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        extraction.entry(entry?)?;
    }
    // What follows the end of an archive is padding; it is read so that `tar` exits normally, with its own exit code.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    // The deepest first, and at the end: a directory may be read-only.
    for (path, mode) in extraction.modes.iter().rev() {
        set_mode(path, *mode)?;
    }
    Ok(extraction.skipped)
}

struct Extraction<'a> {
    root: &'a Path,
    base: Option<&'a str>,
    skipped: Vec<Skipped>,
    modes: Vec<(PathBuf, u32)>,
}

impl Extraction<'_> {
    fn entry(&mut self, mut entry: Entry<'_, impl Read>) -> io::Result<()> {
        let name = entry.path()?.into_owned();
        let below = self.below(&name)?;
        let path = if below.as_os_str().is_empty() { self.root.to_owned() } else { self.root.join(&below) };
        let mode = entry.header().mode()?;
        self.parents(&below)?;
        match entry.header().entry_type() {
            EntryType::Directory => {
                if !is_directory(&path) {
                    fs::create_dir(&path).map_err(|error| named(&path, &error))?;
                }
                self.modes.push((path, mode));
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = create(&path)?;
                io::copy(&mut entry, &mut file)?;
                if let Ok(modified) = entry.header().mtime() {
                    // A file system without times keeps the file.
                    let _ =
                        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified));
                }
                set_mode(&path, mode)?;
            }
            EntryType::Link => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                let target = self.root.join(self.below(&target)?);
                remove(&path)?;
                fs::hard_link(target, &path).map_err(|error| named(&path, &error))?;
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                if !stays_below(&below, &target) {
                    self.skip(name, "the link leads out of what is copied");
                } else if !link(&target, &path)? {
                    self.skip(name, "this system makes no symbolic links");
                }
            }
            EntryType::XGlobalHeader => {}
            _ => self.skip(name, "it is neither a file, a directory nor a link"),
        }
        Ok(())
    }

    fn skip(&mut self, path: PathBuf, why: &'static str) {
        self.skipped.push(Skipped { path, why });
    }

    /// The path below the root that a name in the archive means.
    fn below(&self, name: &Path) -> io::Result<PathBuf> {
        let refused = || {
            io::Error::new(ErrorKind::InvalidData, format!("the archive holds the path `{}`", name.display()))
        };
        let mut below = PathBuf::new();
        for component in name.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(part) => below.push(part),
                _ => return Err(refused()),
            }
        }
        match self.base {
            Some(base) => Ok(below.strip_prefix(base).map_err(|_| refused())?.to_owned()),
            None => Ok(below),
        }
    }

    /// Creates the parent directories, and refuses links among them.
    fn parents(&self, below: &Path) -> io::Result<()> {
        let Some(parent) = below.parent() else { return Ok(()) };
        let mut path = self.root.to_owned();
        for part in parent.components() {
            path.push(part);
            if !is_directory(&path) {
                fs::create_dir(&path).map_err(|error| named(&path, &error))?;
            }
        }
        Ok(())
    }
}

/// Whether it is a directory itself, and not a link to one.
fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a link at `below` to `target` points to something below the same root. `..` may only come first: there it
/// refers to directories that are known to be real directories.
fn stays_below(below: &Path, target: &Path) -> bool {
    let mut depth = below.components().count().saturating_sub(1);
    let mut is_first = true;
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if is_first && depth > 0 => depth -= 1,
            Component::Normal(_) => is_first = false,
            _ => return false,
        }
    }
    true
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A new file in place of an existing one; a link there is not followed.
fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    File::create_new(path).map_err(|error| named(path, &error))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(named(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Without set-user-ID and similar bits: the owner is different here.
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o777)).map_err(|error| named(path, &error))
}

#[cfg(windows)]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<bool> {
    remove(path)?;
    std::os::unix::fs::symlink(target, path).map_err(|error| named(path, &error)).map(|()| true)
}

/// Windows requires a privilege that users do not have.
#[cfg(windows)]
fn link(_target: &Path, _path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
