//! What the walk promises, on real folders.

use crate::image::context::EntryKind;
use crate::image::context::ProblemKind;
use crate::image::context::Walked;
use crate::image::context::compare;
use crate::image::context::walk;
use crate::image::ignore::Ignore;
use crate::image::stat_cache::StatCache;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;
use tempfile::TempDir;

fn files(paths: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for path in paths {
        let file = root.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, path).unwrap();
    }
    root
}

fn read(root: &Path, rules: &str) -> Walked {
    walk(root, &Ignore::parse(rules.as_bytes()).unwrap(), &StatCache::default(), &|| false)
}

fn paths(walked: &Walked) -> Vec<&str> {
    walked.context.entries.iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn entries_come_parents_first_in_buildkits_order() {
    let root = files(&["a/b", "a-b", "a.c", "a/b-/x", "B", "é"]);
    assert_eq!(paths(&read(root.path(), "")), ["B", "a", "a/b", "a/b-", "a/b-/x", "a-b", "a.c", "é"]);
    assert!(compare("a/z", "a-b").is_lt() && compare("a", "a/b").is_lt() && compare("b", "a/b").is_gt());
}

#[test]
fn an_ignored_folder_is_there_only_if_something_in_it_is_kept() {
    let root = files(&["src/a.rs", "src/x/b.txt", "docs/c.txt", "docs/d/e.rs", "Cargo.toml"]);
    let walked = read(root.path(), "*\n!**/*.rs\n");
    assert_eq!(paths(&walked), ["docs", "docs/d", "docs/d/e.rs", "src", "src/a.rs"]);
    assert_eq!(walked.context.bytes, 11 + 8);
    assert!(walked.context.entry("docs/d/e.rs").is_some() && walked.context.entry("docs/c.txt").is_none());
}

#[test]
fn an_empty_folder_counts() {
    let root = files(&["a"]);
    fs::create_dir(root.path().join("empty")).unwrap();
    assert_eq!(paths(&read(root.path(), "")), ["a", "empty"]);
}

#[test]
fn a_walk_that_is_stopped_ends() {
    let root = files(&["a", "b/c"]);
    let walked = walk(root.path(), &Ignore::default(), &StatCache::default(), &|| true);
    assert!(walked.context.entries.is_empty());
}

#[test]
#[ignore = "slow: makes 100,000 files"]
fn a_hundred_thousand_empty_files_are_read() {
    let root = tempfile::tempdir().unwrap();
    for folder in 0..100 {
        let folder = root.path().join(folder.to_string());
        fs::create_dir(&folder).unwrap();
        for file in 0..1000 {
            fs::write(folder.join(file.to_string()), b"").unwrap();
        }
    }
    let walked = read(root.path(), "");
    assert_eq!((walked.context.entries.len(), walked.problems.len()), (100_100, 0));
}

#[cfg(unix)]
mod unix {
    use super::AtomicUsize;
    use super::Duration;
    use super::EntryKind;
    use super::Ignore;
    use super::Ordering;
    use super::ProblemKind;
    use super::StatCache;
    use super::SystemTime;
    use super::Walked;
    use super::files;
    use super::fs;
    use super::paths;
    use super::read;
    use super::walk;
    use crate::image::stat::Stat;
    use crate::image::stat_cache::Read;
    use crate::image::stat_cache::Record;
    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    use std::ffi::OsStr;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn modes_are_reduced_to_what_git_keeps() {
        let root = files(&["a", "b", "c"]);
        for (name, mode) in [("a", 0o600), ("b", 0o664), ("c", 0o710)] {
            fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let walked = read(root.path(), "");
        let executable: Vec<bool> = walked
            .context
            .entries
            .iter()
            .map(|entry| matches!(entry.kind, EntryKind::File { executable: true, .. }))
            .collect();
        assert_eq!(executable, [false, false, true]);
    }

    #[test]
    fn links_are_kept_as_they_are_and_never_followed() {
        let root = files(&["real/x"]);
        for (link, target) in [("loop", "loop"), ("up", "../.."), ("dir", "real"), ("real/self", ".")] {
            symlink(target, root.path().join(link)).unwrap();
        }
        let walked = read(root.path(), "");
        assert_eq!(paths(&walked), ["dir", "loop", "real", "real/self", "real/x", "up"]);
        assert_eq!(walked.context.entries[1].kind, EntryKind::Link { target: "loop".to_owned() });
    }

    /// A path that is too long cannot be opened by anybody, root included, to whom every mode is readable.
    #[test]
    fn what_cannot_be_read_is_named_unless_it_is_ignored() {
        let root = files(&["a"]);
        let long = "x".repeat(200);
        let mut folder = rustix::fs::open(root.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..25 {
            rustix::fs::mkdirat(&folder, &long, Mode::RWXU).unwrap();
            folder = rustix::fs::openat(&folder, &long, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let walked = read(root.path(), "");
        let [problem] = walked.problems.as_slice() else { panic!("{:?}", walked.problems) };
        assert!(problem.path.starts_with("xxx"), "{}", problem.path);
        assert!(matches!(problem.kind, ProblemKind::Unreadable(_)), "{:?}", problem.kind);
        assert!(read(root.path(), "x*").problems.is_empty());
    }

    #[test]
    fn what_no_image_can_hold_is_left_out_and_named() {
        let root = files(&["a", "ignored/a"]);
        let _socket = UnixListener::bind(root.path().join("socket")).unwrap();
        let _ignored = UnixListener::bind(root.path().join("ignored/socket")).unwrap();
        let bad = OsStr::from_bytes(b"bad\xff");
        fs::write(root.path().join(bad), b"").unwrap();
        fs::create_dir(root.path().join("ignored").join(bad)).unwrap();
        symlink(bad, root.path().join("link")).unwrap();
        let walked = read(root.path(), "ignored");
        assert_eq!(paths(&walked), ["a"]);
        let problems: Vec<&str> = walked.problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(problems, ["bad\u{fffd}", "link", "socket"]);
        assert!(matches!(walked.problems[0].kind, ProblemKind::NotUtf8));
        assert!(matches!(walked.problems[2].kind, ProblemKind::Special));
    }

    /// Reads a folder with the file `log`, which grows at the first `times` looks at whether to stop.
    fn read_growing(times: usize) -> Walked {
        let root = files(&["a", "log"]);
        let looks = AtomicUsize::new(0);
        let grow = || {
            if looks.fetch_add(1, Ordering::Relaxed) < times {
                let mut log = fs::File::options().append(true).open(root.path().join("log")).unwrap();
                log.write_all(b"more").unwrap();
            }
            false
        };
        walk(root.path(), &Ignore::default(), &StatCache::default(), &grow)
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let walked = read_growing(5);
        let Some(EntryKind::File { size, hash, .. }) = walked.context.entry("log").map(|log| &log.kind)
        else {
            panic!("{:?}", walked.problems)
        };
        let expected = format!("log{}", "more".repeat(5));
        assert_eq!((*size, *hash), (23, *blake3::hash(expected.as_bytes()).as_bytes()));
    }

    #[test]
    fn a_file_that_grows_without_end_is_named() {
        let walked = read_growing(usize::MAX);
        assert_eq!(paths(&walked), ["a"]);
        let [problem] = walked.problems.as_slice() else { panic!("{:?}", walked.problems) };
        assert!(problem.path == "log" && matches!(problem.kind, ProblemKind::KeepsChanging));
    }

    #[test]
    fn what_is_known_of_an_old_file_is_believed() {
        let (root, cache) = (files(&["a", "b"]), tempfile::tempdir().unwrap());
        let ignore = Ignore::default();
        let open = || StatCache::open(Some(cache.path()), root.path(), &ignore);
        let stat = |name: &str| Stat::of(&fs::metadata(root.path().join(name)).unwrap());
        // Hashes that no file has show where a hash came from; a clock that is ahead makes the files old.
        let later = SystemTime::now() + Duration::from_secs(3600);
        let read = |path| Read { path, record: Record { stat: stat(path), hash: [7; 32] }, known: false };
        open().save(["a", "b"].map(read).into_iter(), later);
        fs::write(root.path().join("b"), b"changed").unwrap();
        let walked = walk(root.path(), &ignore, &open(), &|| false);
        let hash = |name: &str| match walked.context.entry(name).map(|entry| &entry.kind) {
            Some(EntryKind::File { hash, .. }) => *hash,
            other => panic!("{other:?}"),
        };
        assert_eq!((hash("a"), hash("b")), ([7; 32], *blake3::hash(b"changed").as_bytes()));
        // Other rules are another context.
        let other = Ignore::parse(b"x").unwrap();
        assert!(StatCache::open(Some(cache.path()), root.path(), &other).hash("a", &stat("a")).is_none());
    }

    /// Makes every file old enough to be remembered.
    fn age(root: &std::path::Path, seconds: u64) {
        for entry in fs::read_dir(root).unwrap() {
            let file = fs::File::options().write(true).open(entry.unwrap().path()).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }
    }

    #[test]
    fn a_young_file_is_never_believed_to_be_the_same() {
        let (root, cache) = (files(&["a"]), tempfile::tempdir().unwrap());
        age(root.path(), 100);
        let ignore = Ignore::default();
        let open = || StatCache::open(Some(cache.path()), root.path(), &ignore);
        let first = walk(root.path(), &ignore, &open(), &|| false);
        // Its change time is now, whatever its modification time says: nothing is remembered, nothing written.
        assert!(!cache.path().join("contexts").exists());
        let modified = fs::metadata(root.path().join("a")).unwrap().modified().unwrap();
        fs::write(root.path().join("a"), b"b").unwrap();
        fs::File::options().write(true).open(root.path().join("a")).unwrap().set_modified(modified).unwrap();
        let second = walk(root.path(), &ignore, &open(), &|| false);
        assert_ne!(first.context.entries, second.context.entries);
    }
}
