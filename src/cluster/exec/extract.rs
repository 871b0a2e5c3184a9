//! A tar archive out of a container, written to this machine's disk. What is in a container is not trusted: no name and
//! no link in the archive leads out of the place that it is written to.

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

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the archive.
    pub path: PathBuf,
    /// Why.
    pub why: &'static str,
}

/// Writes the archive to `root`: what is called `base` in it becomes `root` itself, and where there is no `base`,
/// everything comes below `root`.
///
/// # Errors
/// When the archive is broken, something in it has no place below `root`, or cannot be written.
pub fn extract(archive: impl Read, root: &Path, base: Option<&str>) -> io::Result<Vec<Skipped>> {
    let mut extraction = Extraction { root, base, skipped: Vec::new(), modes: Vec::new() };
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        extraction.entry(entry?)?;
    }
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

    /// Makes the directories above, and refuses links among them.
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

/// Whether it is a directory itself, and no link to one.
fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a link at `below` to `target` leads to something below the same root. `..` may only come first: there it means
/// directories that are known to be none but directories.
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

/// A new file in place of what is there; a link there is not followed.
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
    // Not set-user-ID and its relatives: the owner is another one here.
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

/// Windows asks for a right that users do not have.
#[cfg(windows)]
fn link(_target: &Path, _path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use super::extract;
    use super::stays_below;
    use crate::cluster::exec::pack::pack;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use tar::Builder;
    use tar::EntryType;
    use tar::Header;

    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o640);
            // Names as an attacker writes them: `set_path` refuses some.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
            if is_link {
                header.as_gnu_mut().unwrap().linkname[..content.len()].copy_from_slice(content.as_bytes());
            }
            let data = if is_link { "" } else { content };
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, data.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_tree_that_is_packed_and_extracted_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("a/empty")).unwrap();
        fs::write(source.join("a/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(source.join("a/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink("a/run.sh", source.join("run")).unwrap();
        let long = format!("a/{}", "x".repeat(180));
        fs::write(source.join(&long), [0, 255, 10]).unwrap();
        let mut packed = Vec::new();
        assert!(pack(&mut packed, &source, "copy").unwrap().is_empty());

        let root = folder.path().join("root");
        assert!(extract(&packed[..], &root, Some("copy")).unwrap().is_empty());
        assert_eq!(fs::read(root.join(&long)).unwrap(), [0, 255, 10]);
        assert!(root.join("a/empty").is_dir());
        assert_eq!(fs::read_link(root.join("run")).unwrap(), Path::new("a/run.sh"));
        assert_eq!(fs::metadata(root.join("a/run.sh")).unwrap().permissions().mode() & 0o777, 0o750);
        // Again, over what is there.
        assert!(extract(&packed[..], &root, Some("copy")).unwrap().is_empty());
    }

    #[test]
    fn a_file_takes_the_name_it_is_given_and_replaces_a_link() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other"), "other").unwrap();
        let root = folder.path().join("root");
        std::os::unix::fs::symlink("other", &root).unwrap();
        extract(&archive(&[("./a.txt", EntryType::Regular, "a")])[..], &root, Some("a.txt")).unwrap();
        assert_eq!(fs::read_to_string(&root).unwrap(), "a");
        assert_eq!(fs::read_to_string(folder.path().join("other")).unwrap(), "other");
    }

    #[test]
    fn nothing_is_written_outside() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let target = outside.to_str().unwrap();
        for (number, entries) in [
            vec![("b/../../outside/x", EntryType::Regular, "x")],
            vec![("/outside/x", EntryType::Regular, "x")],
            vec![("other/x", EntryType::Regular, "x")],
            vec![("b/l", EntryType::Link, "../outside/x")],
        ]
        .iter()
        .enumerate()
        {
            let root = folder.path().join(number.to_string());
            assert!(extract(&archive(entries)[..], &root, Some("b")).is_err(), "{entries:?}");
        }
        // A link that leads outside is left out; what would be written through it lands in a directory of its name.
        let root = folder.path().join("root");
        let through = [
            ("b/", EntryType::Directory, ""),
            ("b/l", EntryType::Symlink, target),
            ("b/l/x", EntryType::Regular, "x"),
            ("b/in", EntryType::Symlink, "l"),
            ("b/pipe", EntryType::Fifo, ""),
        ];
        let skipped = extract(&archive(&through)[..], &root, Some("b")).unwrap();
        let skipped: Vec<_> = skipped.iter().map(|one| one.path.to_str().unwrap()).collect();
        assert_eq!(skipped, ["b/l", "b/pipe"]);
        // Through one that stays inside nothing is written either.
        let through = [
            ("b/d/", EntryType::Directory, ""),
            ("b/s", EntryType::Symlink, "d"),
            ("b/s/x", EntryType::Regular, "x"),
        ];
        assert!(extract(&archive(&through)[..], &folder.path().join("again"), Some("b")).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn a_link_stays_below_the_root_whatever_other_links_mean() {
        for (below, target, stays) in [
            ("l", "a/b", true),
            ("d/l", "../a", true),
            ("d/e/l", "../../a", true),
            ("l", ".", true),
            ("l", "..", false),
            ("d/l", "../../a", false),
            ("l", "/etc", false),
            // `s` may be a link to a deep directory, so what is above it is not known.
            ("l", "s/..", false),
        ] {
            assert_eq!(stays_below(Path::new(below), Path::new(target)), stays, "{below} → {target}");
        }
    }
}
