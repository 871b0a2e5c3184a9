//! File systems without events for changes by other machines.

use std::path::Path;

/// Why changes below `path` have to be looked for, if they have: the file system's name.
#[cfg(target_os = "linux")]
pub(super) fn without_events(path: &Path) -> Option<&'static str> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let kind: u64 = rustix::fs::statfs(there).ok()?.f_type.try_into().ok()?;
    name(kind)
}

/// linux: include/uapi/linux/magic.h, fs/smb/client/cifsglob.h, fs/vboxsf/super.c. On 9p, which WSL mounts Windows' drives
/// with, a watch is added without an error and no event ever comes (WSL issue 4739); FUSE reports changes by this
/// machine.
#[cfg(target_os = "linux")]
fn name(kind: u64) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x786f_4256 => "vboxsf",
        _ => return None,
    })
}

/// A path of another machine, or of WSL (`\\wsl$`).
#[cfg(windows)]
pub(super) fn without_events(path: &Path) -> Option<&'static str> {
    use std::path::Component;
    use std::path::Prefix;
    match path.components().next()? {
        Component::Prefix(prefix) => {
            matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)).then_some("a network share")
        }
        _ => None,
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
pub(super) fn without_events(_path: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::name;
    use super::without_events;
    use std::path::Path;

    #[test]
    fn network_and_fuse_file_systems_are_polled_and_local_ones_are_not() {
        // ext4, tmpfs, btrfs, overlay
        for kind in [0xef53, 0x0102_1994, 0x9123_683e, 0x794c_7630] {
            assert_eq!(name(kind), None);
        }
        assert_eq!([0x6969, 0xfe53_4d42, 0x0102_1997].map(name), [Some("NFS"), Some("SMB"), Some("9p")]);
        assert_eq!(without_events(Path::new("/proc/self/nothing/there")), None);
    }
}
