//! The files sent when BuildKit requests a context.

use super::Selection;
use super::followed;
use super::modified_seconds;
use super::send_file;
use super::time;
use tonic::metadata::MetadataMap;

#[test]
fn what_is_wanted_is_never_less_than_what_is_asked_for() {
    let wanted = |paths: &[&str]| {
        let mut metadata = MetadataMap::new();
        for path in paths {
            metadata.append("followpaths", path.parse().unwrap());
        }
        followed(&metadata)
    };
    let some = wanted(&["src", "/etc/app/*.conf", "./a/b"]);
    for (path, included) in [
        ("src", true),
        ("src/x/y", true),
        ("srcs", false),
        ("etc", true),
        ("etc/app/deep/x", true),
        ("etc/other", false),
        ("a", true),
        ("a/c", false),
    ] {
        assert_eq!(some.includes(path), included, "{path}");
    }
    assert!(some.leads_through("a") && some.leads_through("src") && !some.leads_through("src/link"));
    for everything in [&[][..], &["."], &["*.txt"], &["a", "/"], &["../x"]] {
        assert_eq!(wanted(everything), Selection::All, "{everything:?}");
    }
}

#[test]
fn an_edit_changes_the_time_that_is_told_even_where_it_keeps_size_and_time() {
    let (one, other) = (blake3::hash(b"1"), blake3::hash(b"2"));
    assert_ne!(time(7, one.as_bytes()), time(7, other.as_bytes()));
    assert_eq!(time(7, one.as_bytes()) / 1_000_000_000, 7);
}

#[test]
fn a_file_that_is_not_what_was_hashed_is_not_sent_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, name) = (folder.path().join("a"), "a");
    std::fs::write(&path, "one").unwrap();
    let seconds = modified_seconds(&path.metadata().unwrap());
    let hash = blake3::hash(b"one");
    let send = |path, size, seconds, hash: &[u8; 32]| {
        let mut sent = Vec::new();
        let result = send_file((folder.path(), path), size, seconds, hash, &mut |chunk| {
            sent.extend(chunk);
            true
        });
        result.map(|_| sent)
    };
    assert_eq!(send(name, 3, seconds, hash.as_bytes()).unwrap(), b"one");
    assert!(send(name, 4, seconds, hash.as_bytes()).is_err(), "another size");
    assert!(send(name, 3, seconds - 1, hash.as_bytes()).is_err(), "another time");
    assert!(send(name, 3, seconds, blake3::hash(b"two").as_bytes()).is_err(), "another content");
}

/// Nothing of a file that the context never had is sent, although it has the right size and time: the difference in
/// content is detected too late.
#[test]
#[cfg(unix)]
fn a_file_or_folder_that_became_a_link_is_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let theirs = elsewhere.path().join("id_rsa");
    std::fs::write(&theirs, "private key").unwrap();
    let seconds = modified_seconds(&theirs.metadata().unwrap());
    std::fs::create_dir(folder.path().join("real")).unwrap();
    symlink(&theirs, folder.path().join("file")).unwrap();
    symlink(elsewhere.path(), folder.path().join("folder")).unwrap();
    symlink("../file", folder.path().join("real/file")).unwrap();
    let mut sent = Vec::new();
    for path in ["file", "folder/id_rsa", "real/file", "real"] {
        let hash = blake3::hash(b"what was there");
        let result = send_file((folder.path(), path), 11, seconds, hash.as_bytes(), &mut |chunk| {
            sent.extend(chunk);
            true
        });
        assert!(result.is_err() && sent.is_empty(), "{path}: {result:?} {sent:?}");
    }
}
