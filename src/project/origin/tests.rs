//! Tables of places, and of what they have to do with one another.

use super::Doubt;
use super::Kinship;
use super::Origin;
use super::Repository;
use crate::world::World;
use std::path::Path;

/// `MACHINE:FOLDER[/FILE.toml] [LOCAL path PATH] [NAME=URL…]`
fn origin(text: &str) -> Origin {
    let mut words = text.split(' ');
    let (machine, folder) = words.next().unwrap().split_once(':').unwrap();
    let (folder, file) = match folder.rsplit_once('/') {
        Some((folder, file @ "dev.toml")) => (folder, file),
        _ => (folder, "deploy.toml"),
    };
    let repository = words.next().map(|local| {
        let (local, path) = local.split_once('!').unwrap_or((local, ""));
        Repository {
            local: format!("file://{machine}{local}"),
            remotes: words
                .filter_map(|word| word.split_once('='))
                .map(|(name, url)| (name.to_owned(), url.to_owned()))
                .collect(),
            path: path.to_owned(),
        }
    });
    Origin { machine: machine.to_owned(), folder: folder.to_owned(), file: file.to_owned(), repository }
}

const MOVED: Kinship = Kinship::Doubtful(Doubt::Moved);

#[test]
fn a_place_is_the_same_project_or_it_is_not() {
    use Kinship::Clone;
    use Kinship::Other;
    use Kinship::Same;
    // deployed from, now in, whether the file is still where it was: what they have to do with one another
    let table = [
        // Directories without git.
        ("box:/a", "box:/a", true, Same),
        ("box:/a", "box:/b", true, Other),
        ("box:/a", "box:/b", false, MOVED),
        ("box:/a", "lap:/a", false, Other),
        ("box:/a", "lap:/b", false, Other),
        ("box:/a", "box:/a/dev.toml", true, Kinship::Doubtful(Doubt::OtherFile)),
        ("box:/a/dev.toml", "box:/a/dev.toml", true, Same),
        // A directory stays itself, whatever becomes of its repository.
        ("box:/a", "box:/a /a origin=h/a", true, Same),
        ("box:/a /a origin=h/a", "box:/a", true, Same),
        ("box:/a /a origin=h/a", "box:/a /a origin=h/renamed", true, Same),
        // Second clones.
        ("box:/a /a origin=h/a", "box:/b /b origin=h/a", true, Clone),
        ("box:/a /a origin=h/a", "lap:/b /b origin=h/a", true, Clone),
        ("box:/a /a origin=h/a", "box:/b /b origin=h/b", true, Other),
        ("box:/a /a origin=h/a", "box:/b /b origin=h/b", false, Other),
        ("box:/a /a mine=h/a", "box:/b /b origin=h/a", true, Clone),
        ("box:/a /a", "box:/b /b origin=file://box/a", true, Clone),
        ("box:/b /b origin=file://box/a", "box:/a /a", true, Clone),
        ("box:/a /a", "lap:/b /b origin=file://lap/a", true, Other),
        // Two forks of one template.
        ("box:/a /a origin=h/a upstream=h/t", "box:/b /b origin=h/b upstream=h/t", true, Other),
        ("box:/a /a origin=h/a upstream=h/t", "box:/t /t origin=h/t", true, Other),
        // Worktrees.
        ("box:/a /a", "box:/w /a", true, Clone),
        ("box:/a /a origin=h/a", "box:/w /a origin=h/a", true, Clone),
        ("box:/a/x /a!x", "box:/w/x /a!x", true, Clone),
        // Directories of one repository.
        ("box:/m/x /m!x origin=h/m", "box:/m/y /m!y origin=h/m", true, Other),
        ("box:/m/x /m!x origin=h/m", "box:/m/y /m!y origin=h/m", false, MOVED),
        ("lap:/m/x /m!x origin=h/m", "box:/n/y/z /n!y/z origin=h/m", false, MOVED),
        // Moved with its repository.
        ("box:/a /a", "box:/b /b", false, MOVED),
        ("box:/a /a", "box:/b /b", true, Other),
        ("box:/a", "box:/b /b", false, MOVED),
        ("box:/a", "box:/b /b origin=h/b", false, Other),
        ("box:/a /a origin=h/a", "box:/b", false, Other),
        ("box:/a /a origin=h/a", "box:/b /b", false, Other),
    ];
    for (recorded, here, exists, expected) in table {
        let found = origin(recorded).kinship(&origin(here), &|_| exists);
        assert_eq!(found, expected, "deployed from {recorded}, now in {here}, still there: {exists}");
    }
}

#[test]
fn a_folder_of_the_repository_is_looked_for_in_the_clone_that_is_here() {
    let (recorded, here) = (origin("lap:/m/x /m!x origin=h/m"), origin("box:/n/y/z /n!y/z origin=h/m"));
    let there = |file: &Path| file == Path::new("/n/x/deploy.toml");
    assert_eq!(recorded.kinship(&here, &there), Kinship::Other);
}

#[test]
fn a_place_is_read_from_the_folder_and_told_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::create_dir_all(root.join("deploy")).unwrap();
    let config = "[remote \"origin\"]\n\turl = https://kim:hunter2@git.example/kim/shop.git\n";
    std::fs::write(root.join(".git/config"), config).unwrap();
    let found = Origin::locate(&World::fake("/", [("A", "b")]), &folder.path().join("deploy/deploy.toml"));
    let repository = found.repository.clone().unwrap();
    assert_eq!(repository.path, "deploy");
    assert_eq!(found.to_string(), format!("{}/deploy on box (git.example/kim/shop)", super::shown(&root)));
    assert!(!serde_json::to_string(&found).unwrap().contains("hunter2"));
}
