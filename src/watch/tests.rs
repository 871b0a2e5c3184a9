//! Real files in a temporary directory, and the reported changes.

use super::Changes;
use super::Filter;
use super::Root;
use super::Watching;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Everything but `ignored` and its contents.
#[derive(Debug)]
struct NotIgnored;

impl Filter for NotIgnored {
    fn keeps(&self, path: &str) -> bool {
        !path.split('/').any(|part| part == "ignored")
    }

    fn enters(&self, path: &str) -> bool {
        self.keeps(path)
    }
}

/// A directory `tree` with a few files, watched, and a file next to it.
struct Case {
    folder: TempDir,
    watching: Watching,
}

impl Case {
    async fn new() -> Case {
        let folder = tempfile::tempdir().unwrap();
        let case = Case { folder, watching: Watching::start().unwrap() };
        for (name, text) in [("tree/a", "1"), ("tree/sub/b", "2"), ("tree/ignored/c", "3"), ("single", "4")] {
            case.write(name, text);
        }
        fs::create_dir(case.path(".git")).unwrap();
        let mut case = case;
        let (snapshot, changes) = case.watching.snapshot(case.roots()).await;
        assert!(snapshot.findings.is_empty(), "{:?}", snapshot.findings);
        assert_eq!(snapshot.files, 3);
        assert!(changes.is_empty());
        case
    }

    fn roots(&self) -> Vec<Root> {
        vec![Root::directory(&self.path("tree"), Arc::new(NotIgnored)), Root::file(&self.path("single"))]
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Does several things as one burst, however slow the machine is: as long as git's lock is there, it is not over.
    fn burst(&self, writes: impl FnOnce(&Case)) {
        self.write(".git/index.lock", "");
        writes(self);
        fs::remove_file(self.path(".git/index.lock")).unwrap();
    }

    /// The next changes: `+` is new, `-` is gone, `~` differs.
    async fn next(&mut self) -> String {
        let changes = tokio::time::timeout(Duration::from_secs(20), self.watching.changed()).await;
        let real = self.folder.path().canonicalize().unwrap();
        names(&changes.expect("nothing was told"), &real)
    }
}

fn names(changes: &Changes, root: &Path) -> String {
    let mut names = Vec::new();
    for (path, change) in changes.iter() {
        let sign = match (&change.before, &change.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        names.push(format!("{sign}{}", path.strip_prefix(root).unwrap().display()));
    }
    names.join(" ")
}

#[tokio::test]
async fn each_way_to_save_a_file_is_one_change() {
    let mut case = Case::new().await;
    case.write("tree/a", "written over");
    assert_eq!(case.next().await, "~tree/a");
    case.burst(|case| {
        case.write("tree/a.tmp___jb_tmp___", "renamed over");
        case.rename("tree/a.tmp___jb_tmp___", "tree/a");
    });
    assert_eq!(case.next().await, "~tree/a");
    // vim with a backup: the file is moved away, written again, and the backup removed.
    case.burst(|case| {
        case.rename("tree/a", "tree/a~");
        case.write("tree/a", "written anew");
        fs::remove_file(case.path("tree/a~")).unwrap();
    });
    assert_eq!(case.next().await, "~tree/a");
    case.write("single.new", "renamed over");
    case.rename("single.new", "single");
    assert_eq!(case.next().await, "~single");
    case.write("single", "the new file is watched, too");
    assert_eq!(case.next().await, "~single");
}

#[tokio::test]
async fn what_comes_and_goes_and_moves_is_told() {
    let mut case = Case::new().await;
    fs::create_dir_all(case.path("made/deep")).unwrap();
    case.write("made/deep/d", "5");
    case.rename("made", "tree/made");
    assert_eq!(case.next().await, "+tree/made/deep/d");
    case.write("tree/made/deep/d", "the new directory is watched");
    assert_eq!(case.next().await, "~tree/made/deep/d");
    case.burst(|case| case.rename("tree/made", "tree/moved"));
    assert_eq!(case.next().await, "-tree/made/deep/d +tree/moved/deep/d");
    case.write("tree/moved/deep/d", "so is one that was moved");
    assert_eq!(case.next().await, "~tree/moved/deep/d");
    fs::remove_file(case.path("tree/a")).unwrap();
    assert_eq!(case.next().await, "-tree/a");
    case.rename("tree", "gone");
    assert_eq!(case.next().await, "-tree/moved/deep/d -tree/sub/b");
    case.rename("gone", "tree");
    assert_eq!(case.next().await, "+tree/moved/deep/d +tree/sub/b");
    case.write("tree/sub/b", "so is a root that came back");
    assert_eq!(case.next().await, "~tree/sub/b");
}

#[tokio::test]
async fn a_thousand_files_are_one_change_while_git_writes_them() {
    let mut case = Case::new().await;
    case.burst(|case| {
        for number in 0..1000 {
            case.write(&format!("tree/n{}/f{number}", number % 10), "x");
        }
    });
    assert_eq!(case.next().await.matches("+tree/n").count(), 1000);
    case.write("tree/n3/f3", "the next change");
    assert_eq!(case.next().await, "~tree/n3/f3");
}

#[tokio::test]
async fn what_changes_no_content_is_no_change() {
    let mut case = Case::new().await;
    let touched = fs::File::options().append(true).open(case.path("tree/a")).unwrap();
    touched.set_modified(std::time::SystemTime::now()).unwrap();
    case.write("tree/sub/b", "2");
    case.write("tree/ignored/c", "9");
    case.write("tree/.a.swp", "9");
    case.write("beside", "9");
    // All of it is looked at before this, or with it.
    let (snapshot, changes) = case.watching.snapshot(case.roots()).await;
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(snapshot.files, 3);
    case.write("single", "the next change");
    assert_eq!(case.next().await, "~single");
}

#[tokio::test]
async fn what_changed_before_a_snapshot_is_returned_with_it_and_never_again() {
    let mut case = Case::new().await;
    case.write("tree/a", "before");
    let (_, changes) = case.watching.snapshot(case.roots()).await;
    assert_eq!(changes.paths().count(), 1);
    // A newly watched file has not changed.
    case.write("new", "5");
    let more = [case.roots(), vec![Root::file(&case.path("new"))]].concat();
    let (snapshot, changes) = case.watching.snapshot(more).await;
    assert!(changes.is_empty());
    assert_eq!(snapshot.files, 4);
    case.write("new", "6");
    assert_eq!(case.next().await, "~new");
    // A change of a file that is no longer watched is not reported.
    let roots = vec![Root::file(&case.path("single"))];
    case.watching.snapshot(roots).await;
    case.write("tree/a", "after");
    case.write("single", "7");
    assert_eq!(case.next().await, "~single");
}

#[tokio::test]
async fn a_file_whose_directory_is_missing_is_told_when_it_comes() {
    let mut case = Case::new().await;
    case.watching.snapshot(vec![Root::file(&case.path("not/yet/there"))]).await;
    case.write("not/yet/there", "1");
    assert_eq!(case.next().await, "+not/yet/there");
    case.write("not/yet/there", "2");
    assert_eq!(case.next().await, "~not/yet/there");
}
