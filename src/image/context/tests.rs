//! What the walk promises, on real directories.

use crate::image::context::ProblemKind;
use crate::image::context::Walked;
use crate::image::context::walk;
use crate::image::stat_cache::StatCache;
use dockerfile::context::EntryKind;
use dockerfile::context::compare;
use dockerfile::ignore::Ignore;
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
    use crate::image::context::confirm::confirm;
    use crate::image::context::walk::walk_at;
    use crate::image::stat::Below;
    use crate::image::stat::Stat;
    use crate::image::stat_cache::StatRecord;
    use crate::image::stat_cache::What;
    use dockerfile::context::Context;
    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    use std::ffi::OsStr;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use tempfile::TempDir;

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

    /// A path that is too long cannot be opened by any user, not even by root, who can read files of every mode.
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

    /// Reads a directory with the file `log`, which grows at the first `times` looks at whether to stop.
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

    /// A cache of its own, and a clock that is ahead: to it all files are old.
    struct Remembering {
        root: TempDir,
        cache: TempDir,
        ignore: Ignore,
    }

    impl Remembering {
        fn create(root: TempDir, rules: &str) -> Remembering {
            let ignore = Ignore::parse(rules.as_bytes()).unwrap();
            Remembering { root, cache: tempfile::tempdir().unwrap(), ignore }
        }

        fn cache(&self) -> StatCache {
            StatCache::open(Some(self.cache.path()), self.root.path(), &self.ignore)
        }

        fn learn(&self) -> Walked {
            let later = SystemTime::now() + Duration::from_secs(3600);
            walk_at(later, self.root.path(), &self.ignore, &self.cache(), &|| false)
        }

        fn walk(&self) -> Walked {
            walk(self.root.path(), &self.ignore, &self.cache(), &|| false)
        }

        /// The context without listing directories; nothing if something has changed.
        fn confirm(&self) -> Option<Context> {
            confirm(self.root.path(), &self.cache(), &|| false)
        }

        fn at(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }
    }

    #[test]
    fn what_is_known_of_an_old_file_is_believed() {
        let all = Remembering::create(files(&["a", "b"]), "");
        let stat = |name: &str| Stat::from_metadata(&fs::metadata(all.at(name)).unwrap());
        // Hashes that no file has show the origin of a hash.
        let what = || What::File { executable: false, hash: [7; 32] };
        let record = |path| StatRecord { path, stat: stat(path), what: what() };
        all.cache().save(
            ["a", "b"].map(record).into_iter(),
            false,
            SystemTime::now() + Duration::from_secs(9),
        );
        fs::write(all.at("b"), b"changed").unwrap();
        let walked = all.walk();
        let hash = |name: &str| match walked.context.entry(name).map(|entry| &entry.kind) {
            Some(EntryKind::File { hash, .. }) => *hash,
            other => panic!("{other:?}"),
        };
        assert_eq!((hash("a"), hash("b")), ([7; 32], *blake3::hash(b"changed").as_bytes()));
        // Other rules are another context.
        let other = Ignore::parse(b"x").unwrap();
        let other = StatCache::open(Some(all.cache.path()), all.root.path(), &other);
        assert!(other.hash("a", &stat("a")).is_none());
    }

    /// A file, a program, a link, an empty directory, one that is ignored except for a kept file in it, and an
    /// ignored one in which nothing is kept.
    fn varied() -> Remembering {
        let root = files(&["a", "src/b", "src/deep/c", "kept/x", "kept/y.md", "none/x", "gone/x"]);
        fs::create_dir(root.path().join("empty")).unwrap();
        symlink("src/b", root.path().join("link")).unwrap();
        fs::set_permissions(root.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        Remembering::create(root, "kept\nnone\ngone\n!**/*.md\n")
    }

    #[test]
    fn what_looks_as_before_need_not_be_listed() {
        let all = varied();
        let learnt = all.learn();
        assert_eq!(
            paths(&learnt),
            ["a", "empty", "kept", "kept/y.md", "link", "src", "src/b", "src/deep", "src/deep/c"]
        );
        let confirmed = all.confirm();
        // Where a directory's times do not show changes of its content, nothing is ever confirmed.
        assert_eq!(confirmed.is_some(), Below::open(all.root.path()).is_some());
        if let Some(confirmed) = confirmed {
            assert_eq!(confirmed.entries, learnt.context.entries);
            assert_eq!(confirmed.bytes, learnt.context.bytes);
        }
    }

    #[test]
    fn whatever_changes_is_noticed() {
        type Change = fn(&Remembering);
        let changes: [(&str, Change); 15] = [
            ("a new file", |all| fs::write(all.at("src/new"), b"").unwrap()),
            ("a new directory", |all| fs::create_dir(all.at("src/deep/new")).unwrap()),
            ("a file less", |all| fs::remove_file(all.at("src/deep/c")).unwrap()),
            ("a directory less", |all| fs::remove_dir(all.at("empty")).unwrap()),
            ("a renamed file", |all| fs::rename(all.at("src/b"), all.at("src/d")).unwrap()),
            ("a moved directory", |all| fs::rename(all.at("src/deep"), all.at("deep")).unwrap()),
            ("other content, at the old time", |all| {
                let modified = fs::metadata(all.at("a")).unwrap().modified().unwrap();
                fs::write(all.at("a"), b"b").unwrap();
                fs::File::options().write(true).open(all.at("a")).unwrap().set_modified(modified).unwrap();
            }),
            ("another file in its place", |all| {
                fs::write(all.at("none/z"), b"z").unwrap();
                fs::rename(all.at("none/z"), all.at("a")).unwrap();
            }),
            ("another mode", |all| {
                fs::set_permissions(all.at("a"), fs::Permissions::from_mode(0o644)).unwrap();
            }),
            ("another link", |all| {
                fs::remove_file(all.at("link")).unwrap();
                symlink("src/c", all.at("link")).unwrap();
            }),
            ("a link in place of a directory", |all| {
                fs::rename(all.at("src"), all.at("none/src")).unwrap();
                symlink("none/src", all.at("src")).unwrap();
            }),
            ("a directory in place of a file", |all| {
                fs::remove_file(all.at("a")).unwrap();
                fs::create_dir(all.at("a")).unwrap();
            }),
            ("something to keep where nothing was", |all| fs::write(all.at("none/n.md"), b"").unwrap()),
            ("something to keep where something was", |all| fs::write(all.at("kept/n.md"), b"").unwrap()),
            ("nothing to keep where something was", |all| fs::remove_file(all.at("kept/y.md")).unwrap()),
        ];
        for (what, change) in changes {
            let all = varied();
            let before = all.learn().context.entries;
            change(&all);
            let now = walk(all.root.path(), &all.ignore, &StatCache::default(), &|| false).context.entries;
            assert_ne!(before, now, "{what}");
            assert_eq!(all.walk().context.entries, now, "{what}");
            assert!(all.confirm().is_none(), "{what}");
        }
    }

    #[test]
    fn what_goes_on_in_an_ignored_folder_is_nobodys_business() {
        let all = Remembering::create(files(&["a", "target/x"]), "target\n");
        let before = all.learn().context.entries;
        fs::write(all.at("target/new"), b"").unwrap();
        assert_eq!(all.confirm().is_some(), Below::open(all.root.path()).is_some());
        assert_eq!(all.walk().context.entries, before);
    }

    #[test]
    fn what_cannot_be_sent_is_told_each_time() {
        let all = Remembering::create(files(&["a"]), "");
        let _socket = UnixListener::bind(all.at("socket")).unwrap();
        for walked in [all.learn(), all.walk()] {
            assert_eq!(walked.problems.len(), 1);
        }
    }

    #[test]
    fn a_whole_is_known_only_if_all_of_it_is_old() {
        let all = Remembering::create(files(&["a", "b/c"]), "");
        let young = Stat::from_metadata(&fs::metadata(all.at("b")).unwrap()).changed;
        // As of this time `a` is old enough, and the file changed last is not.
        let began =
            SystemTime::UNIX_EPOCH + Duration::from_nanos(young.unsigned_abs()) + Duration::from_secs(4);
        let walked = walk_at(began, all.root.path(), &all.ignore, &all.cache(), &|| false);
        assert_eq!(paths(&walked), ["a", "b", "b/c"]);
        assert!(all.cache().whole().is_none());
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
        // Its change time is now, whatever its modification time: nothing is remembered, nothing written.
        assert!(!cache.path().join("contexts").exists());
        let modified = fs::metadata(root.path().join("a")).unwrap().modified().unwrap();
        fs::write(root.path().join("a"), b"b").unwrap();
        fs::File::options().write(true).open(root.path().join("a")).unwrap().set_modified(modified).unwrap();
        let second = walk(root.path(), &ignore, &open(), &|| false);
        assert_ne!(first.context.entries, second.context.entries);
    }
}
