//! A file's stat: the only platform-specific code of this module.
//!
//! Windows has no inode number and no change time in the standard library; there the creation time replaces the
//! latter, and every file counts as executable, as in moby (`go-archive: archive_windows.go`).

use crate::file;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::path::Path;

/// The fields that change when a file's content may have changed. Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) changed: i64,
    pub(crate) inode: u64,
}

#[cfg(unix)]
impl Stat {
    pub(crate) fn from_metadata(metadata: &Metadata) -> Stat {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Stat {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

#[cfg(windows)]
impl Stat {
    pub(crate) fn from_metadata(metadata: &Metadata) -> Stat {
        use std::os::windows::fs::MetadataExt;
        // FILETIME: units of 100 ns since 1601.
        let nanoseconds = |time: u64| (time.cast_signed() - 116_444_736_000_000_000).saturating_mul(100);
        Stat {
            size: metadata.file_size(),
            modified: nanoseconds(metadata.last_write_time()),
            changed: nanoseconds(metadata.creation_time()),
            inode: 0,
        }
    }
}

/// Whether anybody may execute the file.
#[cfg(unix)]
pub(crate) fn executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(windows)]
pub(crate) fn executable(_metadata: &Metadata) -> bool {
    true
}

/// Opens a file for reading: does not follow a link, and does not wait for a writer if it became a pipe meanwhile.
#[cfg(unix)]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(windows)]
pub(crate) fn open(path: &Path) -> io::Result<File> {
    file::open(path)
}

/// Opens the file `path` below `root` for reading: through no link, also not one that has replaced a directory.
#[cfg(unix)]
pub(crate) fn open_below(root: &Path, path: &str) -> io::Result<File> {
    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    use rustix::fs::openat;
    let mut at = file::open_folder(root)?;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let kind = if parts.peek().is_some() { OFlags::DIRECTORY } else { OFlags::NONBLOCK };
        at = openat(&at, part, OFlags::NOFOLLOW | OFlags::CLOEXEC | kind, Mode::empty())?.into();
    }
    Ok(at)
}

#[cfg(windows)]
pub(crate) fn open_below(root: &Path, path: &str) -> io::Result<File> {
    file::open(&root.join(path))
}

/// A directory whose contents are read by their paths, where that can replace listing them.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) struct Below {
    folder: File,
    device: u64,
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
impl Below {
    /// The directory at `root`; `None` on a file system where a directory's times may not change whenever something
    /// in it is created, deleted or renamed. POSIX requires that (`open`, `unlink`, `rename`: "shall mark for
    /// update"); network and FUSE file systems answer from caches.
    pub(crate) fn open(root: &Path) -> Option<Below> {
        let folder = file::open_folder(root).ok()?;
        if !tells_by_its_times(&folder) {
            return None;
        }
        let device = number(rustix::fs::fstat(&folder).ok()?.st_dev)?;
        Some(Below { folder, device })
    }

    /// The stat of `path`, of a link itself; `None` if it does not exist, or is on another file system.
    pub(crate) fn stat(&self, path: &str) -> Option<Stat> {
        use rustix::fs::AtFlags;
        let path = if path.is_empty() { "." } else { path };
        let found = rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if number::<_, u64>(found.st_dev)? != self.device {
            return None;
        }
        let nanoseconds = |seconds: i64, rest: i64| seconds.checked_mul(1_000_000_000)?.checked_add(rest);
        Some(Stat {
            size: number(found.st_size)?,
            modified: nanoseconds(number(found.st_mtime)?, number(found.st_mtime_nsec)?)?,
            changed: nanoseconds(number(found.st_ctime)?, number(found.st_ctime_nsec)?)?,
            inode: number(found.st_ino)?,
        })
    }
}

/// The fields have different types on different platforms.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn number<N: TryInto<M>, M>(number: N) -> Option<M> {
    number.try_into().ok()
}

#[cfg(target_os = "linux")]
fn tells_by_its_times(folder: &File) -> bool {
    // linux: include/uapi/linux/magic.h: ext4, xfs, btrfs, tmpfs, f2fs.
    const KNOWN: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010];
    let found = rustix::fs::fstatfs(folder).ok().and_then(|found| number::<_, u64>(found.f_type));
    found.is_some_and(|kind| KNOWN.contains(&kind))
}

#[cfg(target_os = "macos")]
fn tells_by_its_times(folder: &File) -> bool {
    let Ok(found) = rustix::fs::fstatfs(folder) else { return false };
    let name = found.f_fstypename.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0);
    name.eq(*b"apfs")
}

/// Elsewhere directories are listed each time.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) struct Below(std::convert::Infallible);

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
impl Below {
    pub(crate) fn open(_root: &Path) -> Option<Below> {
        None
    }

    pub(crate) fn stat(&self, _path: &str) -> Option<Stat> {
        match self.0 {}
    }
}

/// Whether [`open`] failed because the path is a link.
#[cfg(unix)]
pub(crate) fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(windows)]
pub(crate) fn is_link(_error: &io::Error) -> bool {
    false
}
