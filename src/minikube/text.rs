//! A small file of another program: read as a whole, or refused with the reason.
//!
//! A missing file is an answer; one that exists and cannot be read proves nothing about its content, so it never
//! counts as missing.

use crate::file;
use std::io::ErrorKind;
use std::path::Path;

/// The text of the file at `path`; `None` if it does not exist.
///
/// # Errors
/// With the path, if it is not a readable text: a directory, a device, a broken link, a file that may not be read, is
/// too large or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<Option<String>, String> {
    let describe = |why: &str| Err(format!("cannot read `{}`: {why}", path.display()));
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return describe(&error.to_string()),
        Ok(_) => {}
    }
    let bytes = match file::read(path, file::TEXT) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let target = std::fs::read_link(path).unwrap_or_default();
            return describe(&format!(
                "it is a symbolic link to `{}`, which does not exist",
                target.display()
            ));
        }
        Err(error) => return describe(&error.to_string()),
        Ok(bytes) => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
            describe(if utf16 { "it is UTF-16; save it as UTF-8" } else { "it is not UTF-8 text" })
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::read;

    #[test]
    fn only_a_file_that_is_not_there_counts_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("text"), "a").unwrap();
        std::fs::write(at("empty"), "").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("link")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        std::fs::write(at("utf16"), [0xff, 0xfe, b'a', 0]).unwrap();
        std::fs::write(at("latin"), [b'a', 0xe9]).unwrap();
        std::fs::File::create(at("large")).unwrap().set_len(crate::file::TEXT + 1).unwrap();
        assert_eq!(read(&at("text")), Ok(Some("a".to_owned())));
        assert_eq!(read(&at("empty")), Ok(Some(String::new())));
        assert_eq!(read(&at("none")), Ok(None));
        assert_eq!(read(&at("no/folder")), Ok(None));
        for name in ["folder", "link", "loop", "device", "utf16", "latin", "large", "text/below"] {
            let why = read(&at(name)).unwrap_err();
            assert!(why.contains(&at(name).display().to_string()), "{why}");
        }
    }
}
