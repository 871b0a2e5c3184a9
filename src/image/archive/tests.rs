//! The created archives, and what is refused before any is created.

use crate::image::archive::NotWritten;
use crate::image::archive::Observed;
use crate::image::archive::Stamps;
use crate::image::archive::pack::by_parent;
use crate::image::archive::pack::pack;
use crate::image::archive::scripts;
use crate::image::sync::FileWrite;
use crate::image::sync::Plan;
use crate::image::sync::WriteKind;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

fn write(destination: &str, content: &[u8]) -> FileWrite {
    let hash = *blake3::hash(content).as_bytes();
    FileWrite {
        source: destination.rsplit('/').next().unwrap().to_owned(),
        destination: destination.to_owned(),
        uid: 5,
        gid: 6,
        mode: 0o640,
        kind: WriteKind::File { size: content.len() as u64, hash },
    }
}

#[test]
fn an_archive_says_owner_mode_and_a_time_in_nanoseconds() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("x"), "content").unwrap();
    let directory = FileWrite { kind: WriteKind::Directory, ..write("/app/d", b"") };
    let link = FileWrite { kind: WriteKind::Link("x".to_owned()), ..write("/app/l", b"") };
    let file = write("/app/x", b"content");
    let time = Duration::new(1_700_000_000, 5_000_007);
    let archive = pack(root.path(), &[&directory, &file, &link], "/app", time).unwrap();
    let mut archive = tar::Archive::new(&archive[..]);
    let mut seen = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let pax = entry.pax_extensions().unwrap().unwrap();
        let times: Vec<String> =
            pax.map(|item| item.unwrap()).map(|item| item.value().unwrap().to_owned()).collect();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap()), (5, 6, 0o640));
        assert_eq!(times, ["1700000000.005000007"]);
        seen.push((entry.path().unwrap().display().to_string(), header.entry_type()));
    }
    let kinds = [tar::EntryType::Directory, tar::EntryType::Regular, tar::EntryType::Symlink];
    let expected: Vec<_> = ["d", "x", "l"].map(str::to_owned).into_iter().zip(kinds).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_file_that_is_another_one_now_is_not_sent() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("x"), "newer").unwrap();
    let packed = |write| pack(root.path(), &[&write], "/app", Duration::ZERO);
    assert!(matches!(packed(write("/app/x", b"older")), Err(NotWritten::Changed(path)) if path == "x"));
    assert!(matches!(packed(write("/app/y", b"")), Err(NotWritten::Changed(path)) if path == "y"));
    assert!(packed(write("/app/x", b"newer")).is_ok());
}

#[test]
fn where_the_directory_is_missing_the_whole_path_is_sent() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("x"), "content").unwrap();
    let file = write("/app/new/x", b"content");
    for (directory, expected) in [("/app/new", "x"), ("/", "app/new/x")] {
        let archive = pack(root.path(), &[&file], directory, Duration::ZERO).unwrap();
        let mut archive = tar::Archive::new(&archive[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().display().to_string(), expected);
    }
}

#[test]
fn a_directory_is_made_before_its_files() {
    let writes = ["/app/new", "/app/new/a", "/app/z", "/top"].map(|path| write(path, b""));
    let groups = by_parent(&writes);
    let shown: Vec<(&str, usize)> = groups.iter().map(|(path, group)| (*path, group.len())).collect();
    assert_eq!(shown, [("/app", 2), ("/app/new", 1), ("/", 1)]);
}

#[test]
fn nothing_is_written_under_a_mount_or_on_a_read_only_root() {
    let plan = |path: &str| Plan { writes: vec![write(path, b"")], ..Plan::default() };
    let mounted = Observed { mounts: vec!["/app/data/".to_owned()], ..Observed::default() };
    assert!(matches!(mounted.check(&plan("/app/data/x")), Err(NotWritten::Mounted { .. })));
    assert!(mounted.check(&plan("/app/database")).is_ok());
    let removal = Plan { deletions: vec!["/app/data/x".to_owned()], ..Plan::default() };
    assert!(mounted.check(&removal).is_err());
    let sealed = Observed { read_only: true, ..Observed::default() };
    assert!(matches!(sealed.check(&plan("/app/x")), Err(NotWritten::ReadOnly)));
}

#[test]
fn times_only_go_forward() {
    let stamps = Stamps(AtomicU64::new(u64::MAX / 2));
    let (first, second) = (stamps.next(), stamps.next());
    assert!(second >= first + Duration::from_millis(1));
}

#[test]
fn scripts_are_those_of_the_package() {
    let read = scripts(br#"{"scripts": {"dev": "vite", "odd": 1}}"#);
    assert_eq!(read, BTreeMap::from([("dev".to_owned(), "vite".to_owned())]));
    assert!(scripts(b"not json").is_empty());
}
