//! Archives of trees, and archives that are attacks.

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
    // Again, over the existing files.
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
    // A link that points outside is skipped; what would be written through it lands in a directory of its name.
    let root = folder.path().join("root");
    let through = [
        ("b/", EntryType::Directory, ""),
        ("b/l", EntryType::Symlink, target),
        ("b/l/x", EntryType::Regular, "x"),
        ("b/in", EntryType::Symlink, "l"),
        ("b/pipe", EntryType::Fifo, ""),
    ];
    let skipped = extract(&archive(&through)[..], &root, Some("b")).unwrap();
    let skipped: Vec<_> = skipped.iter().map(|item| item.path.to_str().unwrap()).collect();
    assert_eq!(skipped, ["b/l", "b/pipe"]);
    // Through a link that stays inside nothing is written either.
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
        // `s` may be a link to a deep directory, so its parent is not known.
        ("l", "s/..", false),
    ] {
        assert_eq!(stays_below(Path::new(below), Path::new(target)), stays, "{below} → {target}");
    }
}
